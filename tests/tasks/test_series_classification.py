"""Labelled series, end to end: the same rules and files as for texts; what is delivered answers as it did in the comparison."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from rich.console import Console

import seqwise
from seqwise.core.errors import UserError
from seqwise.data.batching import SequenceSet
from seqwise.data.series import load_series_corpus
from seqwise.data.splits import Split, make_splits
from seqwise.tasks import TASK_DATA, TASKS
from seqwise.tasks.series_classification import SHOWN_STEPS, drawn, most_varied
from seqwise.tasks.task import load_outputs
from seqwise.tasks.task_data import Request
from tiny import REPLICATES, waves, write_npz

TASK = TASKS["time-series-classification"]()
ACCEPTANCE = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "acceptance"


@pytest.fixture
def result(finished_series):
    return finished_series.result


def records(run, kind):
    found = [json.loads(path.read_text()) for path in (run.path / "trials").glob("*/record.json")]
    return [record for record in found if record["job"]["kind"] == kind]


def test_it_keeps_the_schema_and_no_model_failed(result):
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(result)
    assert (result["task"], result["status"], result["protocol"]["metric"]) == ("time-series-classification", "complete", "accuracy")
    assert {model["name"]: model["status"] for model in result["models"]} == dict.fromkeys(
        ["lstm", "transformer", "lstm+attention", "majority", "nearest-neighbour", "random-convolutions"], "ok"
    )


def test_it_passes_the_acceptance_check(finished_series):
    program = ACCEPTANCE / "check_comparison.py"
    if not program.exists():
        pytest.skip(f"no {program}")
    words = [sys.executable, str(program), "--families", "lstm,transformer", str(finished_series.path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(": well"), done.stdout + done.stderr


def test_models_have_the_same_parameters_and_none_in_embeddings(result):
    counts = [model["parameters"] for model in result["models"] if model["kind"] == "trained"]
    assert max(count["non_embedding"] for count in counts) <= 1.02 * min(count["non_embedding"] for count in counts)


def test_channels_are_standardised_by_the_training_part_of_the_replicate(finished_series):
    corpus = load_series_corpus(finished_series.result["data"]["source"])
    plan = make_splits(corpus, replicates=REPLICATES, seed=0)
    for record in records(finished_series, "final"):
        train = np.concatenate([corpus.series[i] for i in plan.replicates[record["job"]["replicate"]].train])
        config = json.loads((finished_series.path / "trials" / record["job"]["fingerprint"] / "model" / "config.json").read_text())
        np.testing.assert_allclose(config["input_mean"], train.mean(0), rtol=1e-4)
        np.testing.assert_allclose(config["input_std"], train.std(0), rtol=1e-4)


def test_a_model_loaded_in_another_process_answers_as_it_did(finished_series, tmp_path):
    record = next(record for record in records(finished_series, "final") if record["job"]["model"] == "lstm")
    folder = finished_series.path / "trials" / record["job"]["fingerprint"]
    corpus = load_series_corpus(finished_series.result["data"]["source"])
    test = make_splits(corpus, replicates=REPLICATES, seed=0).replicates[record["job"]["replicate"]].test
    np.savez(tmp_path / "test.npz", *[corpus.series[i] for i in test])
    program = (
        "import sys, json, numpy, torch, seqwise\n"
        "from transformers import AutoModelForSequenceClassification as Auto\n"
        "model, found = Auto.from_pretrained(sys.argv[1]).eval(), numpy.load(sys.argv[2])\n"
        "rows = [model(input_features=torch.from_numpy(found[name])[None]).logits.softmax(-1)[0].tolist() for name in found.files]\n"
        "print(json.dumps(rows))"
    )
    words = [sys.executable, "-c", program, str(folder / "model"), str(tmp_path / "test.npz")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    outputs, truth = load_outputs(folder / "test.safetensors")
    np.testing.assert_allclose(json.loads(done.stdout), outputs, atol=1e-5)
    assert float((outputs.argmax(1) == truth).mean()) == record["test"]["accuracy"]


def test_predict_and_evaluate_agree_with_each_other(finished_series, tmp_path):
    series, labels = waves(30, seed=9)
    file = write_npz(tmp_path / "new.npz", series, labels)
    for place in ("best", "baseline"):
        answers = seqwise.predict(finished_series.path / place, series)
        right = np.mean([answer["label"] == label for answer, label in zip(answers, labels, strict=True)])
        found = seqwise.evaluate(finished_series.path / place, str(file))
        assert found["scores"]["accuracy"]["value"] == pytest.approx(right)
        assert found["scores"]["accuracy"]["ci95"][0] <= right <= found["scores"]["accuracy"]["ci95"][1]


def test_predict_on_the_command_line(finished_series, run_cli, tmp_path):
    series, _ = waves(4, seed=9)
    np.savez(tmp_path / "new.npz", X=np.stack([values[:10] for values in series]))
    code, out, err = run_cli("predict", finished_series.path / "best", tmp_path / "new.npz")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, [row["series"] for row in rows]) == (0, "", ["1", "2", "3", "4"])
    assert {row["label"] for row in rows} <= {"slow", "fast"}


def test_the_report_draws_the_series_and_keeps_them_out_where_asked(finished_series, tmp_path):
    page = (finished_series.path / "report.html").read_text()
    assert "How the classes look" in page
    assert "length in steps" in page
    assert "tokens: " not in page
    quiet = seqwise.compare(
        finished_series.result["data"]["source"],
        **{"models": "lstm", "size": "30k", "steps": 12, "replicates": 1, "configurations": 1, "device": "cpu"},
        samples=False,
        out=tmp_path / "run",
        console=Console(quiet=True),
    )
    assert quiet.result["task_results"]["examples"] is None
    assert "No series are shown" in (quiet.path / "report.html").read_text()


def test_a_series_with_other_channels_is_a_user_error(finished_series):
    with pytest.raises(UserError, match=r"series 1 has the shape \(5, 3\)\n  expected: \(steps, 2\)"):
        seqwise.predict(finished_series.path / "best", [np.zeros((5, 3))])


@pytest.mark.parametrize("name", ["text", "header"])
def test_options_of_texts_are_refused(name, tmp_path):
    file = write_npz(tmp_path / "a.npz", *waves(20))
    with pytest.raises(UserError, match=f"--{name} has no meaning"):
        TASK_DATA[TASK.tag]().read(Request(source=str(file), **{name: True}))


def test_models_from_outside_are_refused(tmp_path):
    from tiny import outside_model, sentences

    folder = outside_model(tmp_path / "bert", "bert", "AutoModelForMaskedLM", sentences(60)[0])
    file = write_npz(tmp_path / "a.npz", *waves(20))
    with pytest.raises(UserError, match="bert model that seqwise has not made, and those have no part in time-series-classification"):
        seqwise.compare(str(file), models=f"lstm,hf:{folder}", size="30k", steps=12, out=tmp_path / "run", console=Console(quiet=True))
    assert not (tmp_path / "run").exists()


def test_series_are_read_whole_even_where_only_the_test_has_long_ones(tmp_path):
    short, labels = waves(40)
    train = write_npz(tmp_path / "train.npz", [values[:10] for values in short], labels)
    long, other = waves(20, seed=3)
    write_npz(tmp_path / "test.npz", long, other)
    corpus = load_series_corpus(str(train), test=str(tmp_path / "test.npz"))
    data, splits = TASK_DATA[TASK.tag](), make_splits(corpus, replicates=1, seed=0).replicates[0]
    encoding = data.choose_encoding(corpus, splits, tokenizer="auto", context=None)
    assert encoding.context == max(map(len, long))
    data.encode(corpus, splits, encoding, tmp_path / "replicate-0")
    kept = SequenceSet.load(tmp_path / "replicate-0" / "test.safetensors")
    np.testing.assert_array_equal(kept.example(3), long[3])
    assert not (tmp_path / "replicate-0" / "preprocessor").exists()
    with pytest.raises(UserError, match="series are read whole"):
        data.choose_encoding(corpus, splits, tokenizer="auto", context=12)


def test_evaluate_says_of_the_test_what_the_comparison_said(tmp_path):
    train, test = write_npz(tmp_path / "train.npz", *waves(60)), write_npz(tmp_path / "test.npz", *waves(30, seed=5))
    settings = {"models": "gru", "size": "30k", "steps": 24, "replicates": 1, "configurations": 1, "device": "cpu"}
    run = seqwise.compare(str(train), test=str(test), out=tmp_path / "run", console=Console(quiet=True), **settings)
    scores = {model["name"]: model["scores"]["accuracy"]["mean"] for model in run.result["models"]}
    assert seqwise.evaluate(run.path / "best", str(test))["scores"]["accuracy"]["value"] == pytest.approx(scores["gru"])
    stored = json.loads((run.path / "baseline" / "baseline.json").read_text())
    assert seqwise.evaluate(run.path / "baseline", str(test))["scores"]["accuracy"]["value"] == pytest.approx(scores[stored["name"]])


@pytest.fixture
def table(tmp_path):
    """Writes waves as a table with a row per step, its columns in any order."""

    def write(name, columns, count=40, seed=0):
        series, labels = waves(count, seed)
        rows = [
            {"id": f"s{i}", "time": step, "small": one, "large": other, "kind": label}
            for i, (values, label) in enumerate(zip(series, labels, strict=True))
            for step, (one, other) in enumerate(values)
        ]
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return str(tmp_path / name)

    return write


def test_channels_of_a_file_are_found_by_name(table, tmp_path, run_cli):
    settings = {"models": "gru", "size": "30k", "steps": 24, "replicates": 1, "configurations": 1, "device": "cpu"}
    source = table("a.csv", ["id", "time", "small", "large", "kind"])
    run = seqwise.compare(source, time="time", out=tmp_path / "run", console=Console(quiet=True), **settings)
    assert run.result["task"] == "time-series-classification"
    straight = table("b.csv", ["id", "time", "small", "large", "kind"], 20, 4)
    swapped = table("c.csv", ["kind", "large", "time", "small", "id"], 20, 4)
    for place in ("best", "baseline"):
        first, second = (seqwise.evaluate(run.path / place, file)["scores"] for file in (straight, swapped))
        assert first == second
    code, out, err = run_cli("predict", run.path / "best", swapped, "--target", "kind")
    assert (code, err, out.splitlines()[1].split(",")[0]) == (0, "", "s0")
    other = Path(straight).read_text().replace("small", "else")
    (tmp_path / "d.csv").write_text(other)
    with pytest.raises(UserError, match="has a channel 'else'"):
        seqwise.evaluate(run.path / "best", str(tmp_path / "d.csv"))


@pytest.mark.parametrize("task", ["text-classification", "text-generation"])
def test_columns_of_series_are_refused_for_texts(task, tiny_csv):
    with pytest.raises(UserError, match="--time has no meaning"):
        TASK_DATA[task]().read(Request(source=str(tiny_csv), time="t"))


def test_the_card_and_the_report_of_series_speak_of_no_texts(finished_series):
    words = re.compile(r"\b(texts?|tokens?)\b", re.IGNORECASE)
    card = re.sub(r"---.*?---", "", (finished_series.path / "best" / "README.md").read_text(), count=1, flags=re.DOTALL)
    assert not words.findall(card)
    page = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", (finished_series.path / "report.html").read_text(), flags=re.DOTALL)
    assert {match.group(0) for match in words.finditer(page)} <= {"tokens"}
    assert len(words.findall(page)) <= page.count("tokens or steps per second")


@pytest.mark.parametrize("count", [10, 60, 500, 5000])
def test_the_batch_size_follows_from_the_number_of_series(count):
    size = TASK.data.default_batch_size(np.ones(count, int))
    assert 8 <= size <= 64
    assert size & (size - 1) == 0
    assert size == 8 or count / size >= 16


def test_few_series_are_seen_often_and_many_at_least_five_times():
    assert TASK.wanted_epochs(30_000, 1000, 5) == 120
    assert TASK.wanted_epochs(30_000, 10**6, 10_000) == 5


def test_a_channel_that_never_changes_is_divided_by_one():
    train = SequenceSet.from_arrays([np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)], [0])
    assert TASK.input_settings(train) == {"input_mean": [2.0, 5.0], "input_std": [1.0, 1.0]}


def test_a_drawing_has_the_first_and_the_last_step():
    values = np.random.default_rng(0).standard_normal((1000, 5))
    shown = drawn(values, np.array([0, 2, 4]))
    assert (shown["steps"][0], shown["steps"][-1], len(shown["steps"]), shown["length"]) == (0, 999, SHOWN_STEPS, 1000)
    np.testing.assert_allclose(np.array(shown["values"]), values[shown["steps"]][:, [0, 2, 4]].T, atol=1e-5)


def test_the_splits_of_the_task_are_those_of_its_corpus(finished_series):
    assert {str(split) for split in Split} <= finished_series.result["data"]["examples"].keys()
    assert finished_series.result["data"]["columns"] == {"target": "label"}
    assert torch.is_tensor(TASK.answer(seqwise.load(finished_series.path)[0], 5)().logits)


def test_the_channels_that_vary_most_are_drawn():
    series = [np.random.default_rng(i).standard_normal((50, 5)) * [1, 9, 0, 5, 7] for i in range(3)]
    assert most_varied(series).tolist() == [1, 3, 4]
    assert most_varied([values[:, :2] for values in series]).tolist() == [0, 1]
