"""The recommended model trained longer: what is handed over, and its score apart from the comparison's."""

import json

import pytest
from rich.console import Console

import seqwise
from seqwise.comparison import compare as compare_module
from seqwise.comparison.budget import EVALUATIONS, Speed
from seqwise.comparison.options import Options
from seqwise.comparison.refit import refit_jobs, steps_by_body, wanted
from seqwise.tasks import TASKS

TASK = TASKS["text-classification"]()
SETTINGS = {"size": "30k", "steps": 24, "replicates": 1, "configurations": 2, "models": "lstm", "device": "cpu", "workers": 2}


@pytest.mark.parametrize(
    ("changes", "on"),
    [
        ({"budget_seconds": 900.0}, True),
        ({"budget_seconds": 899.0}, False),
        ({"budget_seconds": 7200.0, "refit": False}, False),
        ({"budget_seconds": 60.0, "refit": True}, True),
        ({"steps": "100", "size": "30k"}, False),
        ({"steps": "100", "size": "30k", "refit": True}, True),
    ],
)
def test_it_is_on_from_the_standard_budget_on_unless_said_otherwise(changes, on):
    assert wanted(Options(source="x", **changes)) is on


def test_steps_fill_the_time_within_limits():
    speeds = {"a": {"modern": Speed(0.1, 1.0, 2.0), "classic": Speed(0.001, 0.0, 0.0)}, "b": {"modern": Speed(100.0, 1.0, 1.0)}}
    found = steps_by_body(speeds, {"a": 120, "b": 36}, 100.0, most_steps=3000)
    assert found["a"]["modern"] % EVALUATIONS == 0
    assert found["a"]["modern"] * 0.1 + EVALUATIONS * 1.0 + 2.0 <= 100.0 < (found["a"]["modern"] + 3 * EVALUATIONS) * 0.1 + 30
    assert found["a"]["classic"] <= 3000
    assert found["b"]["modern"] == 36


@pytest.fixture(scope="module")
def refitted(tiny_csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("refit") / "run"
    return seqwise.compare(str(tiny_csv), out=out, console=Console(quiet=True), refit=True, **SETTINGS)


def test_the_recommended_model_is_trained_longer_once_for_each_worker(refitted):
    longer, verdict = refitted.result["refit"], refitted.result["verdict"]
    assert longer["model"] == verdict["recommendation"]["trained_model"]
    assert (longer["steps"], longer["trainings"]) == (96, 2)
    records = [json.loads(path.read_text()) for path in (refitted.path / "trials").glob("*/record.json")]
    mine = [record for record in records if record["job"]["kind"] == "refit"]
    assert len({record["job"]["training"]["seed"] for record in mine}) == 2
    best = max(mine, key=lambda record: TASK.selection_key(record["best"]))
    assert longer["scores"] == best["test"]
    before = next(r for r in records if r["job"]["kind"] == "final" and r["job"]["model"] == longer["model"])
    assert longer["kept"] == (TASK.selection_key(best["best"]) > TASK.selection_key(before["best"]))
    assert before["job"]["hyperparameters"] == best["job"]["hyperparameters"]


def test_its_score_stays_out_of_the_comparison(refitted, tiny_csv, tmp_path):
    plain = seqwise.compare(str(tiny_csv), out=tmp_path / "run", console=Console(quiet=True), **SETTINGS)
    assert plain.result["refit"] is None
    for one, other in zip(plain.result["models"], refitted.result["models"], strict=True):
        assert one["scores"] == other["scores"]
    for name in ("model", "regret_upper95"):
        assert plain.result["verdict"]["recommendation"][name] == refitted.result["verdict"]["recommendation"][name]


def test_what_is_handed_over_is_the_better_one_on_validation(refitted):
    longer, best = refitted.result["refit"], refitted.result["best"]
    assert (best["from"] == longer["path"]) == longer["kept"]
    weights = (refitted.path / "best" / "model.safetensors").read_bytes()
    assert weights == (refitted.path / best["from"] / "model.safetensors").read_bytes()
    assert "Trained longer" in (refitted.path / "report.html").read_text()


def test_an_interrupted_one_is_continued_by_the_same_call(tiny_csv, tmp_path, monkeypatch, refitted):
    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(compare_module, "refit_result", stop)
        first = seqwise.compare(str(tiny_csv), out=tmp_path / "run", console=Console(quiet=True), refit=True, **SETTINGS)
    assert (first.result["refit"], first.result["refit_pending"], first.result["status"]) == (None, True, "complete")
    again = seqwise.compare(str(tiny_csv), out=tmp_path / "run", console=Console(quiet=True), refit=True, **SETTINGS)
    assert again.result["refit"]["scores"] == refitted.result["refit"]["scores"]
    assert again.result["protocol"]["looks"] == 1


def test_jobs_are_named_after_what_they_are(refitted):
    plan = json.loads((refitted.path / "plan.json").read_text())
    final = next(json.loads(p.read_text()) for p in (refitted.path / "trials").glob("*/record.json") if '"final"' in p.read_text())
    jobs = refit_jobs(plan, final)
    assert len({job["fingerprint"] for job in jobs}) == 2
    assert jobs == refit_jobs(plan, final)


def test_a_look_that_was_paid_for_stays_paid_when_the_longer_training_is_continued(tiny_csv, tmp_path, monkeypatch):
    """Partial, then whole, then the longer training interrupted: the verdict is still the second look's."""
    import shutil

    settings = SETTINGS | {"replicates": 2, "configurations": 1, "steps": 12, "refit": True}

    def call():
        return seqwise.compare(str(tiny_csv), out=tmp_path / "run", console=Console(quiet=True), **settings).result

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(compare_module, "complete_replicates", lambda *_: [0])
        assert call()["status"] == "partial"
    for job in json.loads((tmp_path / "run" / "plan.json").read_text())["trials"]:
        if job["replicate"] == 1:
            shutil.rmtree(tmp_path / "run" / "trials" / job["fingerprint"])
    with monkeypatch.context() as patched:
        patched.setattr(compare_module, "refit_result", stop)
        assert call()["refit_pending"]
    last = call()
    assert last["refit"] is not None
    assert (last["protocol"]["looks"], last["protocol"]["alpha"]) == (2, 0.005)
