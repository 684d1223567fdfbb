"""Models from outside are looked at before anything is trained; what cannot be used is said in one sentence."""

import json
import shutil

import pytest
import torch

from seqwise.core.errors import UserError
from seqwise.models.external import inspect, load_external, load_tokenizer, pad_token
from seqwise.models.origin import find
from tiny import outside_model, sentences

TEXTS = sentences(60)[0]
LANGUAGE, CLASSIFIER = "AutoModelForCausalLM", "AutoModelForSequenceClassification"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("outside")
    made = {kind: outside_model(root / kind, kind, LANGUAGE, TEXTS) for kind in ("gpt2", "llama")}
    return made | {"bert": outside_model(root / "bert", "bert", "AutoModelForMaskedLM", TEXTS)}


HEADS = [(kind, CLASSIFIER) for kind in ("gpt2", "llama", "bert")] + [(kind, LANGUAGE) for kind in ("gpt2", "llama")]


@pytest.mark.parametrize(("kind", "auto"), HEADS)
def test_it_is_counted_as_it_is(saved, kind, auto):
    found = inspect("x", f"hf:{saved[kind]}", auto)
    model = load_external(saved[kind], auto)
    assert found.count.total == sum(parameter.numel() for parameter in model.parameters())
    assert found.count.embedding == {"gpt2": 320 + 64, "bert": 320 + 64 + 2, "llama": 320 * (1 + (auto == LANGUAGE))}[kind] * 32
    assert found.longest == 64
    assert found.flops == 2 * (found.count.non_embedding + (320 * 32 if auto == LANGUAGE else 0))
    assert next(model.parameters()).dtype == torch.float32
    assert found.values()["external"] == str(saved[kind])


def test_dropout_reaches_every_rate(saved):
    assert load_external(saved["gpt2"], CLASSIFIER, dropout=0.25).config.resid_pdrop == 0.25
    config = load_external(saved["bert"], CLASSIFIER, dropout=0.25).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.25, 0.25)


def test_short_rows_are_filled_with_what_the_model_knows(saved):
    for kind, auto in (("gpt2", CLASSIFIER), ("bert", CLASSIFIER)):
        assert load_external(saved[kind], auto).config.pad_token_id == pad_token(load_tokenizer(saved[kind])) == 0


def test_a_model_that_sees_the_future_is_no_language_model(saved):
    with pytest.raises(UserError, match=r"sees the tokens that it is to predict|another architecture"):
        inspect("x", f"hf:{saved['bert']}", LANGUAGE)


def copied(saved, tmp_path, kind="gpt2"):
    return shutil.copytree(saved[kind], tmp_path / "copy")


def test_a_folder_without_tokenizer(saved, tmp_path):
    folder = copied(saved, tmp_path)
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(UserError, match="has no tokenizer"):
        inspect("x", f"hf:{folder}", LANGUAGE)


def test_pickled_weights_are_refused(saved, tmp_path):
    folder = copied(saved, tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin, a pickle"):
        inspect("x", f"hf:{folder}", LANGUAGE)


def test_weights_of_another_architecture(saved, tmp_path):
    folder = copied(saved, tmp_path)
    shutil.copy(saved["llama"] / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(UserError, match=r"another architecture|cannot be loaded"):
        inspect("x", f"hf:{folder}", LANGUAGE)


def test_a_head_of_another_task_is_fresh_for_classification_and_refused_for_text(saved, tmp_path):
    outside_model(tmp_path / "bare", "gpt2", "AutoModel", TEXTS)
    assert inspect("x", f"hf:{tmp_path / 'bare'}", CLASSIFIER, id2label={0: "a", 1: "b", 2: "c"}, label2id={"a": 0, "b": 1, "c": 2})
    assert inspect("x", f"hf:{tmp_path / 'bare'}", LANGUAGE), "GPT-2 ties its head to the embedding, so nothing is missing"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_damaged_files_are_said(saved, tmp_path, name):
    folder = copied(saved, tmp_path)
    (folder / name).write_text("{broken")
    with pytest.raises(UserError, match="cannot be loaded"):
        inspect("x", f"hf:{folder}", LANGUAGE)


def test_a_name_that_is_nowhere(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="neither a folder here nor"):
        find("hf:nobody/nothing-of-this-name")


def test_the_hash_follows_the_weights(saved, tmp_path):
    folder = copied(saved, tmp_path)
    before = inspect("x", f"hf:{folder}", LANGUAGE).sha256
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"attn_pdrop": 0.3}))
    assert inspect("x", f"hf:{folder}", LANGUAGE).sha256 != before
