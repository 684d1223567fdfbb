"""Comparisons by the console script, and the runs on real data with their acceptance checks."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from figures import Bench, Figure, Findings, Skipped

from seqwise.core.files import read_json

ACCEPTANCE = Path(__file__).resolve().parents[2] / "shared" / "acceptance"


def seqwise() -> str:
    """The console script of this environment."""
    found = shutil.which("seqwise", path=str(Path(sys.executable).parent)) or shutil.which("seqwise")
    if found is None:
        raise Skipped("the console script seqwise is not installed: pip install -e .")
    return found


def command(source: str, run: Path, **options: Any) -> list[str]:
    """A ``seqwise compare`` command; ``None`` leaves an option out."""
    flags = []
    for name, value in options.items():
        told = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{told}" if value else f"--no-{told}")
        elif value is not None:
            flags += [f"--{told}", str(value)]
    return [seqwise(), "compare", source, "--out", str(run), *flags]


def start(arguments: list[str], log: Path, *, own_group: bool, folder: Path | None = None) -> subprocess.Popen:
    """Start a command in a folder, its output appended to ``log``; in a process group of its own where it is to be killed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    paths = (os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path)
    environment = os.environ | {"COLUMNS": "160", "PYTHONPATH": os.pathsep.join(paths)}
    with log.open("a") as file:
        return subprocess.Popen(arguments, stdout=file, stderr=file, start_new_session=own_group, env=environment, cwd=folder)


def finish(arguments: list[str], log: Path, *, folder: Path | None = None) -> None:
    """Run a command to its end. Raises ``RuntimeError`` with the end of its output where it fails."""
    with start(arguments, log, own_group=False, folder=folder) as process:
        code = process.wait()
    if code:
        tail = "\n".join(log.read_text().splitlines()[-6:])
        raise RuntimeError(f"seqwise {arguments[1]} ended with exit code {code}; the end of {log}:\n{tail}")


def compare(source: str, run: Path, **options: Any) -> dict[str, Any]:
    """Run or continue a comparison; returns ``comparison.json``. A complete run is only read."""
    result = run / "comparison.json"
    if result.exists() and read_json(result)["status"] == "complete":
        return read_json(result)
    finish(command(source, run, **options), run.with_name(f"{run.name}.log"))
    return read_json(result)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealRun:
    """A comparison on a data set with a given test file."""

    dataset: str
    test: str
    train: str
    budget: str
    validation: str | None = None


REAL_RUNS = {
    "trec-10m": RealRun(dataset="trec", train="train.csv", test="test.csv", budget="10m"),
    "trec-45m": RealRun(dataset="trec", train="train.csv", test="test.csv", budget="45m"),
    "sst2-10m": RealRun(dataset="sst2", train="train.parquet", validation="validation.parquet", test="test.parquet", budget="10m"),
    "newsgroups20-1h": RealRun(dataset="newsgroups20", train="train.parquet", test="test.parquet", budget="1h"),
}


def real_run(bench: Bench, name: str) -> Findings:
    """Compare the four families on a real data set, then hold the run against the acceptance checks."""
    chosen = REAL_RUNS[name]
    folder = bench.dataset(chosen.dataset)
    run = bench.out / "runs" / name
    files = {"test": folder / chosen.test, "validation": chosen.validation and folder / chosen.validation}
    budget = bench.choose(chosen.budget, "40s")
    result = compare(str(folder / chosen.train), run, **files, text="text", target="label", budget=budget)
    checks = {
        "check_comparison": accept("check_comparison.py", run),
        "rescore_classifier": accept("rescore_classifier.py", run, files["test"], "text", "label"),
    }
    return Findings(_figures(result, checks), {"verdict": result["verdict"], "acceptance": checks, "models": _scores(result)})


def accept(check: str, *arguments: Any) -> dict[str, str]:
    """Run an acceptance check, or say why not."""
    program = ACCEPTANCE / check
    if not program.exists():
        return {"outcome": "skipped", "said": f"there is no {check}"}
    done = subprocess.run([sys.executable, program, *map(str, arguments)], capture_output=True, text=True, check=False)
    return {"outcome": "failed" if done.returncode else "passed", "said": (done.stdout + done.stderr).strip()[-2000:]}


def _scores(result: dict[str, Any]) -> dict[str, Any]:
    return {model["name"]: {"kind": model["kind"]} | model["scores"] for model in result["models"]}


def _best(result: dict[str, Any], baselines: bool) -> Figure:
    """The best mean of the primary metric among baselines or trained models, with its interval."""
    metric = result["protocol"]["metric"]
    found = {m["name"]: m["scores"][metric] for m in result["models"] if (m["kind"] == "baseline") == baselines and m["scores"]}
    what = "best baseline" if baselines else "best neural model"
    if not found:
        return Figure(name=f"{what}: none", value=None)
    name = max(found, key=lambda key: found[key]["mean"])
    score = found[name]
    interval = score["ci95"] and tuple(score["ci95"])
    replicates = len(score["per_replicate"])
    return Figure(name=f"{what}: {name}", value=score["mean"], unit=metric, interval=interval, spread="95 % interval", samples=replicates)


def _figures(result: dict[str, Any], checks: dict[str, dict[str, str]]) -> list[Figure]:
    wall, budget = result["environment"]["wall_seconds"], result["protocol"]["budget_seconds"]
    return [
        Figure(name="wall over budget", value=wall / budget, unit="ratio", wanted="<= 1.15"),
        _best(result, baselines=False),
        _best(result, baselines=True),
        Figure(name="replicates", value=result["protocol"]["replicates"], unit="count"),
        Figure(name="verdict", value=result["verdict"]["decision"]),
        Figure(name="verdict text", value=result["verdict"]["text"]),
        *(Figure(name=name, value=check["outcome"], wanted="= passed") for name, check in checks.items()),
    ]
