"""Comparisons as experiments: what is kept of them, and that they go on after a kill."""

import contextvars
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import save_file

from seqwise.comparison.folder import RunFolder
from seqwise.comparison.statistics import crossed_difference
from seqwise.core.errors import UserError
from seqwise.tasks import TASKS
from seqwise.textbook.comparing import FOLDER, TRIVIAL, compared, contrast

FLAGS = ("--models", "rnn,lstm", "--size", "30k", "--steps", "4", "--replicates", "1", "--configurations", "1", "--device", "cpu")


@pytest.mark.parametrize("tag", list(TASKS))
def test_the_trivial_baseline_of_every_task_counts_as_one(tag):
    assert TASKS[tag].trivial in TRIVIAL


def test_every_trivial_baseline_is_one_of_some_task():
    assert {name for task in TASKS.values() for name in task.baselines} >= TRIVIAL


def written(place, **protocol):
    rng = np.random.default_rng(0)
    scores = {f"{name}/{r}": rng.normal(size=30) for name in "abcd" for r in range(3)}
    save_file(scores, place / "scores.safetensors")
    told = {"replicates": 3, "crossed": True, "test_share": None, "higher_is_better": True} | protocol
    return {name: np.stack([scores[f"{name}/{r}"] for r in range(3)]) for name in "abcd"}, {"protocol": told}


def test_a_contrast_has_the_interval_of_its_sums(tmp_path):
    scores, result = written(tmp_path)
    expected = crossed_difference(scores["a"] - scores["b"] - scores["c"] + scores["d"])
    found = contrast(tmp_path, result, {"a": 1, "b": -1, "c": -1, "d": 1})
    assert found == {"value": pytest.approx(expected.value), "ci95": pytest.approx(list(expected.ci95))}


def test_a_contrast_of_errors_is_turned_so_that_more_is_better(tmp_path):
    scores, result = written(tmp_path, higher_is_better=False)
    assert contrast(tmp_path, result, {"a": 1, "b": -1})["value"] == pytest.approx((scores["b"] - scores["a"]).mean())


def test_a_contrast_with_a_model_that_failed_is_not_there(tmp_path):
    _, result = written(tmp_path)
    assert contrast(tmp_path, result, {"a": 1, "e": -1}) is None


def free(folder):
    try:
        with RunFolder(folder).locked():
            return True
    except UserError:
        return False


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition()


def within(folder, *words, **settings):
    """``compared`` in a context of its own, with this folder."""

    def run():
        FOLDER.set(folder)
        return compared(*words, **settings)

    return contextvars.copy_context().run(run)


def test_a_comparison_ends_with_its_experiment_and_goes_on_where_it_was(tiny_csv, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    folder = tmp_path / "run"
    code = f"from pathlib import Path; from seqwise.textbook import comparing as c; c.FOLDER.set(Path({str(folder)!r}))"
    experiment = subprocess.Popen([sys.executable, "-c", f"{code}; c.compared({str(tiny_csv)!r}, *{FLAGS})"])
    until((folder / "plan.json").exists, 600)
    experiment.kill()
    experiment.wait()
    until(lambda: free(folder), 60)
    plan = (folder / "plan.json").stat().st_mtime_ns
    found = within(folder, str(tiny_csv), *FLAGS, contrasts={"lead": {"lstm": 1.0, "rnn": -1.0}})
    signal.signal(signal.SIGTERM, before)
    assert (folder / "plan.json").stat().st_mtime_ns == plan
    means = {name: score["mean"] for name, score in found["scores"].items()}
    assert found["contrasts"]["lead"]["value"] == pytest.approx(means["lstm"] - means["rnn"])
    assert "majority" in found["baselines"]
