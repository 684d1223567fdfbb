"""A whole small comparison: what is on disk agrees with itself and with the promised interface."""

import dataclasses
import functools
import importlib.util
import itertools
import json
import os
import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from rich.console import Console

import seqwise
from seqwise.api import make_options
from seqwise.comparison import compare
from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.make_plan import make_plan
from seqwise.core.errors import UserError
from seqwise.core.files import read_json
from seqwise.data.readers import load_corpus
from seqwise.data.splits import make_splits
from seqwise.tasks import TASKS
from seqwise.tasks.task import load_outputs
from seqwise.tasks.text_classification import TextClassification
from tiny import CONFIGURATIONS, FAMILIES, REPLICATES, STEPS

ACCEPTANCE = Path(os.environ.get("SEQWISE_ACCEPTANCE", Path(__file__).parents[2] / "../shared/acceptance"))


@pytest.fixture(scope="module")
def result(finished):
    return finished.result


@pytest.fixture(scope="module")
def trained(result):
    return {model["name"]: model for model in result["models"] if model["kind"] == "trained"}


@pytest.fixture(scope="module")
def records(finished):
    return [read_json(path) for path in sorted(finished.path.glob("trials/*/record.json"))]


def test_it_keeps_the_schema(result):
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(result)


def test_it_passes_the_acceptance_check(finished):
    path = ACCEPTANCE / "check_comparison.py"
    if not path.exists():
        pytest.skip(f"no {path} (set SEQWISE_ACCEPTANCE)")
    spec = importlib.util.spec_from_file_location("check_comparison", path)
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    assert check.problems(finished.path, list(FAMILIES)) == []


def test_every_family_and_every_replicate_is_there(result, trained):
    assert result["status"] == "complete"
    assert list(trained) == list(FAMILIES)
    assert {model["status"] for model in result["models"]} == {"ok"}
    for model in trained.values():
        places = [(trial["replicate"], trial["configuration"]) for trial in model["trials"]]
        assert places == list(itertools.product(range(REPLICATES), range(CONFIGURATIONS)))
        assert {trial["steps"] for trial in model["trials"]} == {STEPS // 4}
        assert {point["replicate"] for point in model["learning_curve"]} == set(range(REPLICATES))


def test_sizes_match(trained):
    for model in trained.values():
        assert abs(model["parameters"]["non_embedding"] / 30_000 - 1) <= 0.01
        assert model["parameters"]["total"] == model["parameters"]["embedding"] + model["parameters"]["non_embedding"]


def test_the_kept_configuration_is_the_best_on_validation(trained):
    key = TextClassification().selection_key
    for model in trained.values():
        for replicate in range(REPLICATES):
            tried = [trial for trial in model["trials"] if trial["replicate"] == replicate]
            chosen = [trial for trial in tried if trial["chosen"]]
            assert len(chosen) == 1
            assert key(chosen[0]["validation"]) == max(key(trial["validation"]) for trial in tried)


def test_only_finished_models_have_read_the_test_split(records):
    for record in records:
        assert ("test" in record) == (record["job"]["kind"] != "search")


def test_the_hyperparameters_shown_are_those_of_the_best_replicate(trained, records):
    key = TextClassification().selection_key
    for name, model in trained.items():
        finals = [record for record in records if record["job"]["model"] == name and record["job"]["kind"] == "final"]
        best = max(finals, key=lambda record: key(record["best"]))
        assert key(best["best"]) == key(next(r for r in finals if r["job"]["replicate"] == model["best_replicate"])["best"])
        assert model["path"].startswith("trials/")


def test_scores_follow_from_the_answers_on_disk(finished, result, records, tiny_csv):
    task, corpus = TextClassification(), load_corpus(str(tiny_csv))
    splits = make_splits(corpus, replicates=REPLICATES, seed=0).replicates
    labels = np.array([corpus.classes.index(label) for label in corpus.labels])
    for model in result["models"]:
        mine = [r for r in records if r["job"]["model"] == model["name"] and r["job"]["kind"] != "search"]
        for record in mine:
            place, replicate = finished.path / "trials" / record["job"]["fingerprint"], record["job"]["replicate"]
            outputs, truth = load_outputs(place / "test.safetensors")
            np.testing.assert_array_equal(truth, labels[splits[replicate].test])
            scores = task.metrics(outputs, truth)
            assert scores == record["test"]
            for name, score in model["scores"].items():
                assert score["per_replicate"][replicate] == scores[name]


def test_pairs_and_verdict(result, trained):
    assert len(result["pairwise"]) == 6
    for pair in result["pairwise"]:
        difference = trained[pair["a"]]["scores"]["accuracy"]["mean"] - trained[pair["b"]]["scores"]["accuracy"]["mean"]
        assert pair["difference"] == pytest.approx(difference, abs=1e-9)
    verdict = result["verdict"]
    assert set(verdict["candidates"]) | set(verdict["excluded"]) == set(FAMILIES)
    assert verdict["recommendation"]["model"] in {model["name"] for model in result["models"]}


def test_all_replicates_train_on_the_same_batches_for_every_model(records):
    for replicate in range(REPLICATES):
        trials = [r for r in records if r["job"]["replicate"] == replicate and r["job"]["kind"] == "final"]
        assert len({record["tokens"] for record in trials}) == 1
        assert {record["steps"] for record in trials} == {STEPS}
        assert len({len(record["curve"]) for record in trials}) == 1


def test_nothing_is_left_that_is_not_needed(finished):
    names = {path.name for path in finished.path.iterdir()}
    assert {"plan.json", "comparison.json", "report.html", "trials", "best", "baseline"} <= names
    assert "cache" not in names
    left = [path for path in finished.path.rglob("*") if path.name.startswith(("checkpoint", "progress", ".record", ".best", ".baseline"))]
    assert left == []
    assert not list(finished.path.rglob("*.pkl")) + list(finished.path.rglob("*.bin")) + list(finished.path.rglob("*.pt"))


def test_the_best_folder_is_whole(finished, result):
    best = finished.path / "best"
    names = {path.name for path in best.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"} <= names
    origin = finished.path / next(m for m in result["models"] if m["name"] == result["best"]["name"])["path"]
    assert (best / "model.safetensors").read_bytes() == (origin / "model.safetensors").read_bytes()
    assert read_json(best / "config.json")["id2label"] == {"0": "negative", "1": "positive"}


def again(tiny_csv, out, **changes):
    settings = {"size": "30k", "steps": STEPS, "replicates": REPLICATES, "configurations": CONFIGURATIONS, "workers": 2, "device": "cpu"}
    return seqwise.compare(str(tiny_csv), out=out, console=Console(quiet=True), **settings | changes)


def test_the_same_call_returns_what_is_there(finished, tiny_csv):
    before = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert again(tiny_csv, finished.path).result == finished.result
    after = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before


def test_another_call_is_refused_and_changes_nothing(finished, tiny_csv):
    before = sorted(path for path in finished.path.rglob("*"))
    with pytest.raises(UserError, match="other data, options"):
        again(tiny_csv, finished.path, seed=1)
    assert sorted(path for path in finished.path.rglob("*")) == before


def test_other_limits_change_the_recommendation_and_nothing_that_was_measured(finished, tiny_csv, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(finished.path, copy)
    limited = again(tiny_csv, copy, max_latency="0.00001ms").result
    advice = limited["verdict"]["recommendation"]
    assert not advice["within_limits"]
    assert "no model is within the limits" in advice["reason"]
    assert "No model is within the limits" in (copy / "report.html").read_text()
    assert limited["models"] == finished.result["models"]
    assert limited["pairwise"] == finished.result["pairwise"]
    assert again(tiny_csv, copy).result["verdict"] == finished.result["verdict"]


@pytest.mark.parametrize("run", ["finished", "finished_text"])
def test_the_command_that_reproduces_it_makes_the_same_plan(run, request, tmp_path):
    finished = request.getfixturevalue(run)
    words = shlex.split(finished.result["environment"]["reproduce"])
    assert words[:3] == ["seqwise", "compare", finished.result["data"]["source"]]
    flags = [word for word in words if word in ("--refit", "--no-refit", "--extend-search", "--no-extend-search")]
    words = [word for word in words if word not in flags]
    values = {flag.removeprefix("--").replace("-", "_"): value for flag, value in zip(words[3::2], words[4::2], strict=True)}
    values |= {flag.removeprefix("--").removeprefix("no-").replace("-", "_"): not flag.startswith("--no-") for flag in flags}
    values |= {name: int(values[name]) for name in ("replicates", "configurations", "seed", "batch", "context") if name in values}
    options = make_options(words[2], **values)
    stored = read_json(finished.path / "plan.json")

    @dataclasses.dataclass
    class NoEngine:
        workers: int = 1

    task = TASKS[options.task]()
    corpus = task.data.read(options)
    plan = make_plan(RunFolder(tmp_path), options, task, parse_contenders(options.models), corpus, NoEngine(), 0.0)
    assert [job["fingerprint"] for job in plan["trials"]] == [job["fingerprint"] for job in stored["trials"]]


def test_a_partial_run_is_completed_by_the_same_call(tiny_csv, tmp_path, monkeypatch):
    """As after a machine that was too slow: the last replicate was dropped, and a report of the others written."""
    settings = {"models": ("rnn",), "size": "30k", "steps": 12, "replicates": 2, "configurations": 1, "workers": 2, "device": "cpu"}
    call = functools.partial(seqwise.compare, str(tiny_csv), out=tmp_path / "run", console=Console(quiet=True), **settings)
    monkeypatch.setattr(compare, "complete_replicates", lambda *_: [0])
    partial = call().result
    assert partial["status"] == "partial"
    assert partial["protocol"]["replicates"] == 1
    assert (partial["protocol"]["looks"], partial["protocol"]["alpha"]) == (1, 0.04)
    monkeypatch.undo()
    plan = read_json(tmp_path / "run" / "plan.json")
    for job in plan["trials"]:
        if job["replicate"] == 1:
            shutil.rmtree(tmp_path / "run" / "trials" / job["fingerprint"])
    whole = call().result
    assert whole["status"] == "complete"
    assert (whole["protocol"]["looks"], whole["protocol"]["alpha"]) == (2, 0.005), "the second look pays for the first"
    assert {model["status"] for model in whole["models"]} == {"ok"}
    for before, after in zip(partial["models"], whole["models"], strict=True):
        assert before["scores"]["accuracy"]["per_replicate"] == after["scores"]["accuracy"]["per_replicate"][:1]


def test_what_is_said_of_the_best_model_follows_it_under_other_limits(finished, tiny_csv, tmp_path):
    """Another limit may change which trained model is in best/; what the report says of it changes with it."""
    copy, best = tmp_path / "run", finished.result["best"]["name"]
    shutil.copytree(finished.path, copy)
    trained = [model for model in finished.result["models"] if model["kind"] == "trained"]
    smallest = min(trained, key=lambda model: model["bytes_on_disk"])
    fastest = min(trained, key=lambda model: model["cost"]["latency_ms"]["p50"])
    limits = {"max_bytes": str(smallest["bytes_on_disk"])}
    if smallest["name"] == best:
        limits = {"max_latency": f"{fastest['cost']['latency_ms']['p50']:.9f}1ms"}
    limited = again(tiny_csv, copy, **limits).result
    confusion = np.array(limited["task_results"]["confusion"])
    assert np.trace(confusion) / confusion.sum() == pytest.approx(limited["best"]["scores"]["accuracy"])
    assert f"# {limited['best']['name']} for" in (copy / "best" / "README.md").read_text()
    assert (limited["best"]["name"] != best) or {smallest["name"], fastest["name"]} == {best}
    assert again(tiny_csv, copy).result["task_results"] == finished.result["task_results"]


def test_samples_can_be_taken_out_and_put_back(finished, tiny_csv, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(finished.path, copy)
    without = again(tiny_csv, copy, samples=False).result
    assert without["task_results"] == finished.result["task_results"] | {"mistakes": None, "disagreements": None}
    shown = [row["text"] for row in finished.result["task_results"]["mistakes"]]
    assert shown
    page = (copy / "report.html").read_text()
    assert not any(text in page for text in shown)
    assert again(tiny_csv, copy).result["task_results"] == finished.result["task_results"]
