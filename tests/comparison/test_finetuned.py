"""Fine-tuned from outside or from our own pretraining: what is delivered is used as anything else, and said as it is."""

import json
import shlex

import pytest
from rich.console import Console
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

import seqwise
from seqwise.comparison.contenders import parse_contenders
from seqwise.predictor import load_model, load_predictor, task_of
from tiny import outside_model, sentences, write_csv

SETTINGS = {"steps": 12, "configurations": 1, "device": "cpu", "workers": 1, "console": Console(quiet=True)}
HEADS = {"bert": "AutoModelForMaskedLM", "gpt2": "AutoModelForCausalLM", "llama": "AutoModelForCausalLM"}
PRETRAINING = {"size": "30k", "tokenizer": "bpe:300", "context": 16, "batch": 8, "budget": "2ktokens", "evaluations": 2, "device": "cpu"}
LABELS = {"positive": "yes", "negative": "no"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for name, count, seed in (("train", 60, 1), ("test", 30, 2)):
        texts, labels = sentences(count, seed)
        write_csv(root / f"{name}.csv", texts, [LABELS[label] for label in labels])
        (root / f"{name}.txt").write_text("\n".join(sentences(6 * count, seed)[0]))
    return root


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    root = tmp_path_factory.mktemp("outside")
    return {kind: outside_model(root / kind, kind, head, sentences(60)[0]) for kind, head in HEADS.items()}


def tune(files, kind, model, out, **options):
    told = {"test": str(files / f"test.{kind}"), "out": out} | SETTINGS
    return seqwise.finetune(str(files / f"train.{kind}"), str(model), **(told | options))


def check_classifier(run, files):
    """It loads, says what it is, and answers with the reported score; the run's folder answers too, whatever it recommends."""
    assert run.result["status"] == "complete"
    model, _ = load_model(run.path / "best")
    assert task_of(model.config) == load_predictor(str(run.path / "best")).task == "text-classification"
    assert AutoModelForSequenceClassification.from_pretrained(run.path / "best").config.id2label == {0: "no", 1: "yes"}
    texts = sentences(5, seed=7)[0]
    assert {row["label"] for row in seqwise.predict(run.path, texts) + seqwise.predict(run.path / "best", texts)} <= {"no", "yes"}
    found = seqwise.evaluate(run.path / "best", str(files / "test.csv"))["scores"]["accuracy"]["value"]
    assert found == pytest.approx(run.result["best"]["scores"]["accuracy"])


@pytest.mark.parametrize("kind", HEADS)
def test_classifiers_from_outside(files, outside, tmp_path, kind):
    check_classifier(tune(files, "csv", outside[kind], tmp_path / "run"), files)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_language_models_from_outside(files, outside, tmp_path, kind):
    run = tune(files, "txt", outside[kind], tmp_path / "run", task="text-generation", context=32)
    assert task_of(AutoModelForCausalLM.from_pretrained(run.path / "best").config) == "text-generation"
    assert seqwise.generate(run.path, "the film", tokens=4, temperature=0.0)
    found = seqwise.evaluate(run.path / "best", str(files / "test.txt"))["scores"]["bits_per_byte"]["value"]
    assert found == pytest.approx(run.result["best"]["scores"]["bits_per_byte"], rel=1e-4)


@pytest.mark.parametrize(
    ("model", "objective"), [("lstm", "masked-lm"), ("transformer", "masked-lm"), pytest.param("gru", "causal-lm", marks=pytest.mark.slow)]
)
def test_our_own_language_models_become_classifiers(files, tmp_path, model, objective):
    """Also by the folder of a run of pretraining, and then again by that of fine-tuning."""
    console = Console(quiet=True)
    first, _ = seqwise.pretrain(
        str(files / "train.txt"), out=tmp_path / "first", model=model, objective=objective, console=console, **PRETRAINING
    )
    run = tune(files, "csv", first, tmp_path / "run")
    check_classifier(run, files)
    assert run.result["models"][0]["name"] == "first"
    again = tune(files, "csv", run.path, tmp_path / "again")
    assert again.result["best"]["name"] == "run"


def test_texts_are_cut_by_the_tokens_of_the_model_that_reads_them(outside, tmp_path):
    """Its tokens are pieces of words: at the length in words of the longest text nearly all would be cut."""
    texts, labels = sentences(60)
    write_csv(tmp_path / "long.csv", [" ".join(f"{word}{word}{word}" for word in text.split()) for text in texts], labels)
    options = SETTINGS | {"models": f"hf:{outside['bert']}", "replicates": 1, "size": "30k"}
    found = seqwise.compare(str(tmp_path / "long.csv"), out=tmp_path / "run", **options).result
    assert found["data"]["length"]["max"] == found["data"]["card"]["cut"]["context"] == found["protocol"]["context"] == 64
    assert 0 < found["data"]["card"]["cut"]["share_of_examples"] < 0.9


@pytest.fixture(scope="module")
def both(files, outside, tmp_path_factory):
    """BERT fine-tuned and from fresh weights, with fewer labels than there are."""
    out = tmp_path_factory.mktemp("both") / "run"
    told = {"from_pretrained": str(outside["bert"]), "labels": 20, "replicates": 2, "out": out}
    return seqwise.compare(str(files / "train.csv"), **(SETTINGS | told))


def test_nothing_is_said_of_models_that_are_not_there(both):
    page, card = (both.path / "report.html").read_text(), (both.path / "best" / "README.md").read_text()
    assert "Same data, number of training steps and search effort" in page
    assert "bert and bert-scratch from outside, of their own size; fine-tuned: bert." in page
    assert "external, fresh weights" in page
    assert "those of bert, the others have their own" in page
    assert "--labels 20: 20 examples" in page
    for said in ("number of parameters,", "embedding width", "modern body", "Same tokenizer"):
        assert said not in page
    assert "A model from outside with" in card
    assert "Tokens: those of bert" in card
    assert "Matched by parameters" not in card


def test_more_labels_than_there_are_is_said(files, outside, tmp_path):
    run = tune(files, "csv", outside["bert"], tmp_path / "run", labels=5000)
    assert run.result["data"]["examples"]["train"] < 60
    assert any(note.startswith("--labels 5,000 is more than there are: all") for note in run.result["data"]["card"]["notes"])


@pytest.mark.slow
def test_the_command_that_repeats_it_makes_the_same_trials(both, run_cli, tmp_path):
    words = shlex.split(both.result["environment"]["reproduce"])
    assert {"--labels", "--models"} <= set(words)
    code, _, err = run_cli(*words[1:], "--out", tmp_path / "again", "--workers", "1")
    assert code in (None, 0), err
    again = json.loads((tmp_path / "again" / "comparison.json").read_text())
    trials = [{path.name for path in (folder / "trials").iterdir()} for folder in (both.path, tmp_path / "again")]
    assert trials[0] == trials[1]
    for one, other in zip(both.result["models"], again["models"], strict=True):
        assert (one["name"], one["scores"]) == (other["name"], other["scores"])


def test_the_models_of_runs_are_called_as_the_runs_are():
    found = parse_contenders(("hf:runs/reviews/best", "fresh:pre/model/", "hf:best"))
    assert [contender.name for contender in found] == ["reviews", "pre-scratch", "best"]
