"""One small comparison of all families, shared by all tests, and real data where the machine has it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tiny import CONFIGURATIONS, REPLICATES, STEPS, daily, sentences, waves, word_pairs, write_csv, write_npz, write_pairs
from tiny_zoo import make_zoo


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """One folder for all the processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def tiny_csv(shared_folder) -> Path:
    path = shared_folder / "tiny.csv"
    with (shared_folder / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return path if path.exists() else write_csv(path, *sentences(150))


@pytest.fixture(scope="session")
def finished(shared_folder, tiny_csv):
    """A finished comparison: every family, 3 replicates, 2 configurations. Not to be changed; copy its folder first."""
    from rich.console import Console

    import seqwise

    settings = {"size": "30k", "steps": STEPS, "replicates": REPLICATES, "configurations": CONFIGURATIONS, "workers": 2, "device": "cpu"}
    with (shared_folder / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return seqwise.compare(
            str(tiny_csv), out=shared_folder / "run", console=Console(quiet=True), command="seqwise compare tiny.csv", **settings
        )


@pytest.fixture(scope="session")
def finished_text(shared_folder):
    """A finished comparison of two language models on text made here. Not to be changed; copy its folder first."""
    from rich.console import Console

    import seqwise

    settings = {"size": "30k", "steps": STEPS, "replicates": REPLICATES, "configurations": 1, "workers": 2, "device": "cpu", "context": 32}
    with (shared_folder / "text.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = shared_folder / "tiny.txt"
        if not path.exists():
            path.write_text("\n".join(sentences(600)[0]))
        return seqwise.compare(
            str(path),
            task="text-generation",
            models="lstm,transformer",
            out=shared_folder / "run-text",
            console=Console(quiet=True),
            command="seqwise compare tiny.txt",
            **settings,
        )


def compared(folder: Path, kind: str, file: str, write: Callable[[Path], object], **options):
    """A comparison of three models on a file made here, made once for all the processes of a test run."""
    from rich.console import Console

    import seqwise

    settings = {"models": "lstm,transformer,lstm+attention", "size": "30k", "steps": STEPS, "replicates": REPLICATES, "configurations": 1}
    with (folder / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / file
        if not path.exists():
            write(path)
        told = {"out": folder / f"run-{kind}", "console": Console(quiet=True), "command": f"seqwise compare {file}"}
        return seqwise.compare(str(path), workers=2, device="cpu", **told, **(settings | options))


@pytest.fixture(scope="session")
def finished_forecasts(shared_folder):
    """A finished comparison of forecasts. Not to be changed; copy its folder first."""
    return compared(shared_folder, "forecasts", "daily.csv", daily, horizon=5, context=21, split="110:20:30")


@pytest.fixture(scope="session")
def finished_series(shared_folder):
    """A finished comparison of classifiers of series. Not to be changed; copy its folder first."""
    return compared(shared_folder, "series", "tiny.npz", lambda path: write_npz(path, *waves(80)))


@pytest.fixture(scope="session")
def finished_pairs(shared_folder):
    """A finished comparison of translators. Not to be changed; copy its folder first."""
    return compared(shared_folder, "pairs", "pairs.csv", lambda path: write_pairs(path, *word_pairs(300)), task="translation")


@pytest.fixture(scope="session")
def made(shared_folder) -> Path:
    """Six small pretrained models, as they were trained and as published. Not to be changed; copy one first."""
    place = shared_folder / "zoo"
    with (shared_folder / "zoo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            place.mkdir()
            make_zoo(place)
    return place


@pytest.fixture
def made_zoo(made, monkeypatch) -> Path:
    """The package as if it came with those models; returns their folder."""
    monkeypatch.setattr("seqwise.zoo.shipped.MODELS", made / "models")
    return made / "models"


@pytest.fixture
def real_data():
    """A function from a data set's name to its folder; skips the test where the folder is absent."""
    root = Path(os.environ.get("SEQWISE_DATA", "../shared/data"))

    def folder(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"no data set {name} in {root} (set SEQWISE_DATA)")
        return root / name

    return folder


@pytest.fixture
def run_cli(monkeypatch, capfd):
    """Run the command line in this process; returns exit code (None for 0), standard output and standard error."""
    import sys

    from seqwise.cli import main

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["seqwise", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return ended.value.code, said.out, said.err

    return run
