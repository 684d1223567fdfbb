"""Kill a comparison at random moments: the same command goes on and ends with the numbers of an undisturbed run."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from figures import Bench, Figure, Findings
from inputs import demo_file
from runs import command, compare, start

from seqwise.core.files import sha256_of
from seqwise.training.checkpoint import POINTER

KILLS = 3
DECIDING = ("decision", "winners", "candidates", "excluded", "text")


def kill(bench: Bench) -> Findings:
    """Three kills with SIGKILL of the whole process group. Starts from nothing where it was itself interrupted."""
    runs = bench.out / "runs"
    calm, killed = runs / "kill-undisturbed", runs / "kill-killed"
    options = {"models": "lstm,transformer", "replicates": 3, "configurations": 1, "workers": 2, "seed": bench.seed}
    options |= bench.choose({"size": "300k", "steps": 576}, {"size": "30k", "steps": 240})
    data = str(demo_file(bench))
    expected = compare(data, calm, **options)
    shutil.rmtree(killed, ignore_errors=True)
    rng = np.random.default_rng(bench.seed)
    moments = (rng.uniform(0.1, 0.3, KILLS) * expected["environment"]["wall_seconds"]).tolist()
    kills = [_run_and_kill(command(data, killed, **options), killed, seconds) for seconds in moments]
    kept = {name: state for one in kills for name, state in one.pop("finished").items()}
    result = compare(data, killed, **options)
    lost = [seconds for one in kills for seconds in one["lost"]]
    rerun = [name for name, state in kept.items() if _state(killed / "trials" / name / "record.json") != state]
    return Findings(
        [
            Figure(name="kills", value=sum(one["alive"] for one in kills), unit="count"),
            Figure(name="trials whose answers differ", value=len(_different(calm, killed)), unit="count", wanted="<= 0"),
            Figure(name="scores equal", value=str(_scores(result) == _scores(expected)), wanted="= True"),
            Figure(name="decisions equal", value=str(_decisions(result) == _decisions(expected)), wanted="= True"),
            Figure(name="finished trials rerun", value=len(rerun), unit="count", samples=len(kept), wanted="<= 0"),
            Figure(name="work lost by a kill, worst trial", value=max(lost), unit="s", samples=len(lost), wanted="<= 30"),
        ],
        {"kills": kills, "rerun": rerun, "seconds_undisturbed": expected["environment"]["wall_seconds"], "options": options},
    )


def _run_and_kill(arguments: list[str], run: Path, seconds: float) -> dict[str, Any]:
    """Start or continue the run and kill its process group after ``seconds``; before the first trial, all of that is lost."""
    begun = time.time()
    process = start(arguments, run.with_name(f"{run.name}.log"), own_group=True)
    try:
        process.wait(timeout=seconds)
        alive = False
    except subprocess.TimeoutExpired:
        alive = True
        os.killpg(process.pid, signal.SIGKILL)
    now = time.time()
    process.wait()
    trials = sorted((run / "trials").glob("*"))
    return {
        "after_seconds": seconds,
        "alive": alive,
        "lost": [_lost(trial, begun, now) for trial in trials if not (trial / "record.json").exists()] or [now - begun],
        "finished": {trial.name: _state(trial / "record.json") for trial in trials if (trial / "record.json").exists()},
    }


def _lost(trial: Path, begun: float, now: float) -> float:
    """Seconds since a running trial's last checkpoint, its first start, or this start of the command, whichever came last."""
    saved = [(trial / name).stat().st_mtime for name in (POINTER, "log.txt") if (trial / name).exists()]
    return now - max([begun, *saved])


def _state(record: Path) -> tuple[int, int] | None:
    """Another inode or time of writing means written again."""
    return (record.stat().st_ino, record.stat().st_mtime_ns) if record.exists() else None


def _different(one: Path, other: Path) -> list[str]:
    """Trials whose test answers are not byte for byte the same in both runs."""
    found = {run: {path.parent.name: sha256_of(path) for path in run.glob("trials/*/test.safetensors")} for run in (one, other)}
    names = found[one].keys() | found[other].keys()
    return sorted(name for name in names if found[one].get(name) != found[other].get(name))


def _scores(result: dict[str, Any]) -> dict[str, Any]:
    return {model["name"]: model["scores"] for model in result["models"]} | {"pairs": result["pairwise"]}


def _decisions(result: dict[str, Any]) -> list[Any]:
    return [result["verdict"][name] for name in DECIDING] + [row["decision"] for row in result["pairwise"]]
