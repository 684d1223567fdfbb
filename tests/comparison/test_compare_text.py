"""A comparison of language models, end to end: the same rules and files as for labels, scored in bits per byte."""

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from rich.console import Console

import seqwise
from seqwise.tasks import TASKS
from seqwise.tasks.task import load_outputs
from seqwise.tasks.task_data import Request
from tiny import REPLICATES

ACCEPTANCE = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "acceptance"
TASK = TASKS["text-generation"]()


@pytest.fixture
def result(finished_text):
    return finished_text.result


def test_it_keeps_the_schema(result):
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(result)
    assert (result["task"], result["status"], result["protocol"]["metric"]) == ("text-generation", "complete", "bits_per_byte")


def test_it_passes_the_acceptance_check(finished_text):
    program = ACCEPTANCE / "check_comparison.py"
    if not program.exists():
        pytest.skip(f"no {program}")
    done = subprocess.run(
        [sys.executable, str(program), "--families", "lstm,transformer", str(finished_text.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith(": well"), done.stdout + done.stderr


def test_models_and_baselines_have_scores_with_intervals(result):
    models = {model["name"]: model for model in result["models"]}
    assert set(models) == {"lstm", "transformer", "unigram", "ngram", "xz"}
    for model in models.values():
        score = model["scores"]["bits_per_byte"]
        assert score["ci95"][0] <= score["mean"] <= score["ci95"][1]
        assert len(score["per_replicate"]) == REPLICATES
    assert "bits_per_byte_carried" in models["lstm"]["scores"]
    assert "bits_per_byte_carried" not in models["transformer"]["scores"]
    counted = [models[name]["parameters"]["non_embedding"] for name in ("lstm", "transformer")]
    assert max(counted) <= 1.02 * min(counted)


def test_scores_follow_from_the_answers_on_disk(finished_text, result):
    for path in sorted((finished_text.path / "trials").glob("*/record.json")):
        record = json.loads(path.read_text())
        if "test" not in record:
            continue
        outputs, truth = load_outputs(path.with_name("test.safetensors"))
        assert TASK.metrics(outputs, truth) == record["test"]
        assert truth[:, 0].sum() == pytest.approx(result["data"]["examples"]["test"])


def test_the_saved_model_scores_the_test_text_again(finished_text, result, tmp_path):
    """Nothing but best/ and the text: the end of the corpus that was never trained on."""
    corpus = Path(result["data"]["source"]).read_bytes()
    path = tmp_path / "test.txt"
    path.write_bytes(corpus[-result["data"]["examples"]["test"] :])
    found = seqwise.evaluate(finished_text.path / "best", str(path))
    assert found["scores"]["bits_per_byte"]["value"] == pytest.approx(result["best"]["scores"]["bits_per_byte"], rel=1e-4)


def test_curves_by_position_and_time_per_token(result):
    for model in result["models"]:
        if model["kind"] != "trained":
            continue
        rows = model["by_position"]
        assert (rows[0]["from"], rows[-1]["to"]) == (0, 31)
        assert all(row["ci95"][0] <= row["mean"] <= row["ci95"][1] for row in rows)
        assert model["cost"]["latency_ms"]["p50"] > 0
        assert len(model["cost"]["latency_by_length"]) >= 2


def test_every_trained_model_writes_on_and_samples_can_be_kept_out(finished_text, result, tmp_path):
    told = result["task_results"]
    assert told["prompt"] in Path(result["data"]["source"]).read_text()
    assert set(told["continuations"]) == {"lstm", "transformer"}
    page = (finished_text.path / "report.html").read_text()
    assert "Loss by position" in page
    assert "What the models write" in page


def test_batches_are_the_same_for_both_models(finished_text):
    records = [json.loads(path.read_text()) for path in (finished_text.path / "trials").glob("*/record.json")]
    finals = [record for record in records if record["job"]["kind"] == "final"]
    for replicate in range(REPLICATES):
        mine = [record for record in finals if record["job"]["replicate"] == replicate]
        assert len({(record["tokens"], record["job"]["data_seed"]) for record in mine}) == 1


def test_the_end_of_the_text_is_the_test_and_all_bytes_are_used(result):
    size = Path(result["data"]["source"]).stat().st_size
    assert sum(result["data"]["examples"].values()) == size
    assert np.isclose(result["data"]["examples"]["test"] / size, 0.05, atol=0.02)


def test_a_corpus_of_labels_and_one_that_is_too_short_are_user_errors(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("too short to learn from")
    with pytest.raises(seqwise.UserError):
        seqwise.compare(str(path), task="text-generation", out=tmp_path / "run", console=Console(quiet=True), size="30k", steps=12)
    assert not (tmp_path / "run").exists()


def test_a_compressor_is_a_yardstick_and_is_never_recommended(result, finished_text):
    xz = next(model for model in result["models"] if model["name"] == "xz")
    assert xz["scores"]["bits_per_byte"]["mean"] > 0
    assert "xz" not in [row["model"] for row in result["verdict"]["recommendation"]["alternatives"]]
    assert not (finished_text.path / "baseline" / "xz.json").exists()


def test_a_baseline_of_language_models_labels_nothing(finished_text):
    with pytest.raises(seqwise.UserError, match="labels nothing"):
        seqwise.predict(finished_text.path / "baseline", ["x"])


def test_a_contender_may_not_have_the_name_of_a_baseline(finished_text, tmp_path):
    source = finished_text.result["data"]["source"]
    with pytest.raises(seqwise.UserError, match="'ngram' is the name of a baseline"):
        seqwise.compare(source, task="text-generation", models="ngram=lstm", out=tmp_path / "run", console=Console(quiet=True))
    assert not (tmp_path / "run").exists()


def test_a_cache_that_was_left_before_the_plan_is_not_trusted(finished_text, tmp_path):
    """Killed while it was planning, then called with other data under the same name."""
    run, other = tmp_path / "run", tmp_path / "other.txt"
    other.write_text("entirely different words stand in this other text\n" * 300)
    settings = {"task": "text-generation", "models": "rnn", "size": "30k", "steps": 12, "replicates": 2, "configurations": 1}
    fresh = seqwise.compare(str(other), out=tmp_path / "fresh", context=16, console=Console(quiet=True), **settings)
    data = TASK.data
    corpus = data.read(Request(source=finished_text.result["data"]["source"]))
    splits = data.split(corpus, replicates=1, seed=0).replicates[0]
    data.encode(corpus, splits, data.choose_encoding(corpus, splits, tokenizer="auto", context=32), run / "cache" / "replicate-0")
    found = seqwise.compare(str(other), out=run, context=16, console=Console(quiet=True), **settings)
    assert [m["scores"] for m in found.result["models"]] == [m["scores"] for m in fresh.result["models"]]
