"""kill -9 at any moment: the same command goes on and ends with the same scores and decisions."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from seqwise.core.files import read_json
from tiny import CONFIGURATIONS, REPLICATES, STEPS

DECIDED = ("decision", "winners", "candidates", "excluded", "baseline_ahead", "needed", "text")
PATIENCE = 300


class Command:
    """The command line in a process group of its own."""

    def __init__(self, source, out):
        self.out = out
        settings = {
            "size": "30k",
            "steps": STEPS,
            "replicates": REPLICATES,
            "configurations": CONFIGURATIONS,
            "workers": 2,
            "device": "cpu",
        }
        words = ["compare", str(source), "--out", str(out)]
        words += [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
        self.words = [sys.executable, "-c", "from seqwise.cli import main; main()", *words]

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(self.words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def kill(self, ready: Callable[[], bool], after: float) -> bool:
        """Start, wait until something is ready and some seconds more, kill the whole group; False where it had ended before."""
        process = self.start()
        limit = time.monotonic() + PATIENCE
        while not ready() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(after)
        running = process.poll() is None
        if running:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return running

    def kill_after_records(self, count: int, after: float) -> bool:
        return self.kill(lambda: len(self.records()) >= count, after)

    def finish(self) -> dict:
        process = self.start()
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        return read_json(self.out / "comparison.json")

    def records(self) -> dict:
        """Content and time of every record there is."""
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.out.glob("trials/*/record.json")}


def measured(result: dict) -> list:
    """What must not depend on interruptions: scores, curves and trials of every model, without times."""
    found = []
    for model in result["models"]:
        curve = [{key: value for key, value in point.items() if key != "seconds"} for point in model["learning_curve"]]
        trials = [{key: value for key, value in trial.items() if key != "seconds"} for trial in model["trials"]]
        kept = ("name", "status", "scores", "by_length", "hyperparameters", "parameters", "diverged", "still_improving", "path")
        found.append([{name: model.get(name) for name in kept}, curve, trials])
    return found


def assert_equal(result: dict, expected: dict) -> None:
    assert result["status"] == "complete"
    assert measured(result) == measured(expected)
    assert result["pairwise"] == expected["pairwise"]
    assert {name: result["verdict"][name] for name in DECIDED} == {name: expected["verdict"][name] for name in DECIDED}


def killed(command: Command, counts: list[int], rng: np.random.Generator) -> dict:
    """Kill up to a second after so many trials are done, each time, then finish; no record that was there is written again."""
    kept: dict = {}
    for count in counts:
        assert command.kill_after_records(count, rng.uniform(0, 1))
        now = command.records()
        assert len(now) >= count
        assert kept.items() <= now.items()
        kept = now
    result = command.finish()
    assert kept.items() <= command.records().items()
    return result


def test_killed_twice(finished, tiny_csv, tmp_path):
    rng = np.random.default_rng(7)
    command = Command(tiny_csv, tmp_path / "run")
    assert_equal(killed(command, [int(rng.integers(2, 15)), int(rng.integers(16, 32))], rng), finished.result)
    assert (tmp_path / "run" / "report.html").exists()
    assert not (tmp_path / "run" / "cache").exists()


def test_killed_while_the_results_were_written(finished, tiny_csv, tmp_path):
    """All trials done, no result yet: the cache is gone only once the result is there, so nothing is trained again."""
    run = tmp_path / "run"
    shutil.copytree(finished.path, run)
    command = Command(tiny_csv, run)
    before = command.records()
    (run / ".best").mkdir()
    (run / ".comparison.json.abc").write_text("{")
    assert_equal(command.finish(), finished.result)
    assert command.records() == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_before_the_plan_and_many_times_after(finished, tiny_csv, tmp_path, seed):
    rng = np.random.default_rng(seed)
    command = Command(tiny_csv, tmp_path / "run")
    assert command.kill((command.out / "cache").exists, 0.0)
    assert not command.records()
    counts = sorted(rng.integers(1, 36, 5).tolist())
    assert_equal(killed(command, counts, rng), finished.result)
