"""A small data set made here, and one small comparison of all families on it, shared by all tests."""

import csv
import fcntl
import os
from pathlib import Path

import numpy as np
import pytest

GOOD = ("good", "great", "fine", "lovely", "bright", "happy")
BAD = ("bad", "awful", "poor", "dull", "broken", "sad")
FILLER = ("the", "a", "film", "book", "day", "it", "was", "very", "and", "so", "but", "this", "one", "we", "saw")
FAMILIES = ("rnn", "lstm", "gru", "transformer")
REPLICATES, CONFIGURATIONS, STEPS = 3, 2, 24


def sentences(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of 4 to 16 words and their labels; one word in six of those that decide is of the other class."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        words = list(rng.choice(FILLER, rng.integers(2, 15)))
        for _ in range(2):
            source = (GOOD, BAD)[i % 2 if rng.random() < 5 / 6 else 1 - i % 2]
            words.insert(rng.integers(len(words) + 1), rng.choice(source))
        texts.append(" ".join(words))
        labels.append(("positive", "negative")[i % 2])
    return texts, labels


def write_csv(path: Path, texts: list[str], labels: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(zip(texts, labels, strict=True))
    return path


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
