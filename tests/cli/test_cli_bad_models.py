"""Models that cannot be trained on: one message that names the culprit and exit code 2, before anything is written."""

import itertools
import json
import os
import resource
import shutil
import subprocess
import sys

import pytest
from test_cli_bad_input import FILES

from seqwise.tasks import TASKS
from tiny import outside_model, sentences

ARCHITECTURES = {
    "text-classification": "SeqwiseForSequenceClassification",
    "time-series-classification": "SeqwiseForSequenceClassification",
    "text-generation": "SeqwiseForCausalLM",
    "time-series-forecasting": "SeqwiseForPrediction",
    "audio-classification": "SeqwiseForAudioClassification",
    "automatic-speech-recognition": "SeqwiseForCTC",
    "translation": "SeqwiseForSeq2SeqLM",
    "fill-mask": "SeqwiseForMaskedLM",
}
NUMBERS = ("time-series-classification", "time-series-forecasting", "audio-classification", "automatic-speech-recognition")
POSSIBLE = {(task, task) for task in ARCHITECTURES} | {("text-generation", "text-classification"), ("fill-mask", "text-classification")}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return outside_model(tmp_path_factory.mktemp("outside") / "bert", "bert", "AutoModelForMaskedLM", sentences(60)[0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("ok.csv", "empty.csv", "oneclass.csv", "pairs.csv"):
        (tmp_path / name).write_bytes(FILES[name])
    (tmp_path / "empty.txt").touch()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(call, folder, culprit, *words):
    before = sorted(os.listdir(folder))
    code, out, err = call(*words, "--out", "out")
    assert code == 2, err
    assert out == ""
    assert culprit in err
    assert "Traceback" not in err
    assert err.count("error:") == 1
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize(("made", "task"), sorted(set(itertools.product(ARCHITECTURES, TASKS)) - POSSIBLE))
def test_a_model_of_another_task(folder, run_cli, made, task):
    """Every pair that is not possible, from the configuration alone."""
    (folder / "made").mkdir()
    settings = {"model_type": "seqwise_seq2seq" if made == "translation" else "seqwise", "architectures": [ARCHITECTURES[made]]}
    (folder / "made" / "config.json").write_text(json.dumps(settings | {"num_input_channels": 2 if made in NUMBERS else None}))
    (folder / "made" / "model.safetensors").write_bytes(b"never read")
    refused(run_cli, folder, f"was made for {made} and cannot go on to {task}", "finetune", "ok.csv", "--from", "made", "--task", task)


@pytest.mark.parametrize("task", [task for task in TASKS if task not in ("text-classification", "text-generation")])
@pytest.mark.parametrize("kind", ["bert", "wav2vec2", "bart", "t5"])
def test_a_model_from_elsewhere(folder, run_cli, kind, task):
    (folder / "made").mkdir()
    (folder / "made" / "config.json").write_text(json.dumps({"model_type": kind, "architectures": ["Any"]}))
    (folder / "made" / "model.safetensors").write_bytes(b"never read")
    words = ("compare", "ok.csv", "--from-pretrained", "made", "--task", task)
    refused(run_cli, folder, f"a {kind} model that seqwise has not made, and those have no part in {task}", *words)


def truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def pickled(folder):
    """Opened, it would raise."""
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nabort\n(tR.")


def without_tokenizer(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()


def larger_tokenizer(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"new{i}" for i in range(5)])
    tokenizer.save_pretrained(folder)


def damaged_config(folder):
    (folder / "config.json").write_text('{"model_type": ')


def untouched(folder):
    """The model is well."""


CASES = [
    ("neither a folder here nor to be had from the hub", untouched, ["ok.csv", "--from", "nobody/nothing"]),
    ("neither a folder here nor to be had from the hub", untouched, ["ok.csv", "--from", "./nosuch"]),
    ("has no config.json", untouched, ["ok.csv", "--from", "."]),
    ("cannot be loaded", truncated, ["ok.csv", "--from", "bert"]),
    ("a pickle, which is never opened", pickled, ["ok.csv", "--from", "bert"]),
    ("has no tokenizer", without_tokenizer, ["ok.csv", "--from", "bert"]),
    ("has 325 entries, the model's embedding 320", larger_tokenizer, ["ok.csv", "--from", "bert"]),
    ("config.json", damaged_config, ["ok.csv", "--from", "bert"]),
    ("empty.csv", untouched, ["empty.csv", "--from", "bert"]),
    ("empty.txt", untouched, ["empty.txt", "--from", "bert", "--task", "text-generation"]),
    ("nosuch.csv", untouched, ["nosuch.csv", "--from", "bert"]),
    ("label", untouched, ["oneclass.csv", "--from", "bert"]),
    ("--labels 0", untouched, ["ok.csv", "--from", "bert", "--labels", "0"]),
    ("--patience 0", untouched, ["ok.csv", "--from", "bert", "--patience", "0"]),
    ("--labels has no meaning for text-generation", untouched, ["ok.csv", "--from", "bert", "--labels", "5", "--task", "text-generation"]),
    ("sees the tokens that it is to predict", untouched, ["ok.csv", "--from", "bert", "--task", "text-generation", "--context", "8"]),
]


@pytest.mark.parametrize("verb", ["finetune", "compare"])
@pytest.mark.parametrize(("culprit", "damage", "words"), CASES, ids=[f"{case[1].__name__} {' '.join(case[2])}" for case in CASES])
def test_what_cannot_be_trained_on(folder, bert, run_cli, verb, culprit, damage, words):
    shutil.copytree(bert, folder / "bert")
    damage(folder / "bert")
    option = "--from" if verb == "finetune" else "--from-pretrained"
    words = [option if word == "--from" else word for word in words]
    refused(run_cli, folder, culprit, verb, *words)


def test_a_model_is_asked_for(folder, run_cli):
    code, _, err = run_cli("finetune", "ok.csv")
    assert code == 2
    assert "--from" in err


@pytest.mark.slow
def test_a_full_disk_ends_a_run_that_goes_on_once_there_is_room(folder, bert):
    """No file may be larger than the first checkpoint would be: one message, nothing recorded as failed, and the same run later."""
    command = [
        sys.executable,
        "-m",
        "seqwise",
        "finetune",
        "ok.csv",
        "--from",
        str(bert),
        "--out",
        "run",
        "--workers",
        "1",
        "--device",
        "cpu",
    ]
    command += ["--steps", "12", "--configurations", "1"]

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2)

    full = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert full.returncode == 2, full.stderr
    assert full.stderr.count("error: no space left on the disk") == 1
    assert "Traceback" not in full.stderr
    assert not (folder / "run" / "comparison.json").exists()
    records = [json.loads(path.read_text()) for path in (folder / "run" / "trials").glob("*/record.json")]
    assert all(record["status"] == "ok" for record in records)
    subprocess.run(command, capture_output=True, check=True)
    models = {model["name"]: model for model in json.loads((folder / "run" / "comparison.json").read_text())["models"]}
    assert models["bert"]["status"] == "ok"
