"""The verbs in Python."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import seqwise
from seqwise import UserError
from seqwise.api import Comparison, make_options
from tiny import FAMILIES, sentences, write_csv

TEXTS = ["a great lovely film", "poor sad book", ""]


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    return tmp_path / "run"


def test_frame_has_a_row_per_model(finished):
    frame = finished.frame
    assert list(frame.index) == [*FAMILIES, "majority", "tfidf-linear"]
    assert {"accuracy", "accuracy_low", "accuracy_high", "latency_ms", "bytes", "train_seconds", "parameters"} <= set(frame.columns)
    assert frame.loc["lstm", "accuracy"] == next(m for m in finished.result["models"] if m["name"] == "lstm")["scores"]["accuracy"]["mean"]


def test_what_a_notebook_shows_is_escaped(finished):
    html = finished._repr_html_()
    assert "<table" in html
    assert finished.result["verdict"]["recommendation"]["reason"].split(" (")[0] in html
    hostile = json.loads(json.dumps(finished.result))
    hostile["verdict"]["text"] = "<script>x</script>"
    assert "<script>" not in Comparison(finished.path, hostile)._repr_html_()


def test_repr_says_the_verdict(finished):
    assert finished.verdict in repr(finished)


def test_load_gives_model_and_tokenizer(finished):
    model, tokenizer = seqwise.load(finished.path)
    assert type(model).__name__ == "SeqwiseForSequenceClassification"
    assert not model.training
    assert tokenizer(["a film"])["input_ids"]
    again, _ = seqwise.load(finished.path / "best")
    assert all((a == b).all() for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


@pytest.mark.parametrize("folder", ["", "best", "baseline"])
def test_predict(finished, folder):
    answers = seqwise.predict(finished.path / folder, TEXTS)
    assert len(answers) == len(TEXTS)
    for answer in answers:
        assert list(answer["probabilities"]) == ["negative", "positive"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)


def test_predict_uses_what_is_recommended(copy):
    path = copy / "comparison.json"
    result = json.loads(path.read_text())
    answers = {}
    for kind, folder in (("trained", "best"), ("baseline", "baseline")):
        result["verdict"]["recommendation"] |= {"kind": kind, "model": result["best"]["name"]}
        path.write_text(json.dumps(result))
        answers[kind] = seqwise.predict(copy, TEXTS)
        assert answers[kind] == seqwise.predict(copy / folder, TEXTS)
    assert answers["trained"] != answers["baseline"]


def test_predict_one_text_and_none(finished):
    assert seqwise.predict(finished.path, TEXTS[0]) == seqwise.predict(finished.path, TEXTS)[:1]
    assert seqwise.predict(finished.path, []) == []
    assert finished.predict(TEXTS) == seqwise.predict(finished.path, TEXTS)


@pytest.mark.parametrize("folder", ["best", "baseline"])
def test_evaluate_agrees_with_predict(finished, tmp_path, folder):
    texts, labels = sentences(40, seed=5)
    found = seqwise.evaluate(finished.path / folder, str(write_csv(tmp_path / "new.csv", texts, labels)))
    answers = [answer["label"] for answer in seqwise.predict(finished.path / folder, texts)]
    accuracy = found["scores"]["accuracy"]
    assert accuracy["value"] == pytest.approx(np.mean([a == b for a, b in zip(answers, labels, strict=True)]))
    assert accuracy["ci95"][0] <= accuracy["value"] <= accuracy["ci95"][1]
    assert found["scores"]["macro_f1"]["ci95"] is None
    assert found["examples"] == 40


def test_evaluate_refuses_a_label_that_the_model_does_not_know(finished, tmp_path):
    texts, _ = sentences(20)
    data = write_csv(tmp_path / "new.csv", texts, ["positive", "neutral"] * 10)
    with pytest.raises(UserError, match="has the label 'neutral'"):
        seqwise.evaluate(finished.path, str(data))


@pytest.mark.parametrize("content", ["", '{"verdict": ', "[]", "{}", '{"verdict": null, "best": null}', "\x00"])
def test_a_damaged_result_is_a_user_error(copy, content):
    (copy / "comparison.json").write_text(content)
    with pytest.raises(UserError, match=r"comparison\.json"):
        seqwise.predict(copy, TEXTS)
    with pytest.raises(UserError):
        seqwise.load(copy)


def test_no_result(tmp_path):
    with pytest.raises(UserError, match="no finished comparison"):
        Comparison.open(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        seqwise.predict(tmp_path / "nothing", TEXTS)
    with pytest.raises(UserError, match=r"has no config\.json"):
        seqwise.load(tmp_path)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_a_tensor(path):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path)
    del tensors["score.weight"]
    save_file(tensors, path, metadata={"format": "pt"})


def of_other_shape(path):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path)
    tensors["score.weight"] = tensors["score.weight"][:, :-1].copy()
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model.safetensors", cut),
        ("model.safetensors", without_a_tensor),
        ("model.safetensors", of_other_shape),
        ("model.safetensors", lambda path: path.unlink()),
        ("model.safetensors", lambda path: path.write_bytes(b"")),
        ("config.json", cut),
        ("config.json", lambda path: path.write_text("[]")),
        ("config.json", lambda path: path.unlink()),
        ("tokenizer.json", cut),
        ("tokenizer.json", lambda path: path.unlink()),
    ],
)
def test_a_damaged_model_folder_is_a_user_error(finished, tmp_path, name, damage):
    folder = tmp_path / "best"
    shutil.copytree(finished.path / "best", folder)
    damage(folder / name)
    with pytest.raises(UserError, match=str(folder)):
        seqwise.predict(folder, TEXTS)
    with pytest.raises(UserError, match=str(folder)):
        seqwise.load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.json", "baseline.json"])
@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b"[]")])
def test_a_damaged_baseline_is_a_user_error(finished, tmp_path, name, damage):
    folder = tmp_path / "baseline"
    linear = next(model for model in finished.result["models"] if model["name"] == "tfidf-linear")
    shutil.copytree(finished.path / linear["path"], folder)
    about = {"task": "text-classification", "name": "tfidf-linear", "labels": ["negative", "positive"]}
    (folder / "baseline.json").write_text(json.dumps(about))
    assert len(seqwise.predict(folder, TEXTS)) == len(TEXTS)
    damage(folder / name)
    with pytest.raises(UserError, match=str(folder)):
        seqwise.predict(folder, TEXTS)


def test_a_foreign_checkpoint_is_a_user_error(finished, tmp_path):
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    folder = tmp_path / "bert"
    small = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertForSequenceClassification(small).save_pretrained(folder)
    with pytest.raises(UserError, match=r"has no tokenizer\.json"):
        seqwise.load(folder)
    for path in (finished.path / "best").glob("tokenizer*"):
        shutil.copy(path, folder)
    BertModel(small).save_pretrained(folder)
    with pytest.raises(UserError, match="holds a BertModel"):
        seqwise.load(folder)


def test_pickled_weights_are_not_read(finished, tmp_path):
    folder = tmp_path / "best"
    shutil.copytree(finished.path / "best", folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        seqwise.load(folder)


def test_options_are_checked_by_name():
    with pytest.raises(UserError, match="no option 'replicas'") as error:
        make_options("x.csv", replicas=3)
    assert "replicates" in error.value.fix
    found = make_options("x.csv", models="rnn,lstm", budget="5m", max_latency="5ms", max_bytes="1MB", size=30_000, steps=24)
    assert (found.models, found.budget_seconds, found.max_latency_ms, found.max_bytes) == (("rnn", "lstm"), 300, 5, 1_000_000)
    assert (found.size, found.steps) == ("30000", "24")


def test_a_run_without_a_trained_model_has_nothing_to_load(finished):
    with pytest.raises(UserError, match="no model was trained"):
        Comparison(finished.path, finished.result | {"best": None}).load()


def test_frame_is_plain_pandas(finished):
    assert isinstance(finished.frame, pd.DataFrame)
    assert json.loads(finished.frame.to_json())


def test_evaluating_on_the_training_file_is_said(finished, tiny_csv, tmp_path):
    fresh = write_csv(tmp_path / "fresh.csv", *sentences(20, seed=9))
    assert "trained on this file" in seqwise.evaluate(finished.path, str(tiny_csv))["note"]
    assert seqwise.evaluate(finished.path, str(fresh))["note"] is None


def test_a_device_that_is_not_there(tiny_csv, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(seqwise.UserError, match="no GPU"):
        seqwise.compare(str(tiny_csv), device="cuda", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
