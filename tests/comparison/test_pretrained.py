"""Pretrained models, fine-tuned and from fresh weights, side by side; and how much few labels are worth."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import seqwise
from seqwise.comparison.contenders import parse_contenders, with_and_without
from seqwise.comparison.options import Options
from seqwise.comparison.search import hyperparameters, space
from seqwise.comparison.start import same_source
from seqwise.core.errors import UserError
from seqwise.data.readers import load_corpus
from seqwise.data.splits import SELECTING, limited, make_splits
from seqwise.models.external import load_external
from seqwise.models.origin import content_hash
from seqwise.tasks.text_classification import TextClassification
from tiny import outside_model, sentences, write_csv

SETTINGS = {"steps": 24, "configurations": 1, "device": "cpu", "context": 32, "workers": 2}


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    return outside_model(tmp_path_factory.mktemp("pretrained") / "small", "gpt2", "AutoModelForCausalLM", sentences(60)[0])


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    root = tmp_path_factory.mktemp("ours")
    text = root / "text.txt"
    text.write_text("\n".join(sentences(900)[0]))
    settings = {"size": "30k", "tokenizer": "bpe:300", "context": 32, "batch": 8, "budget": "8ktokens", "out": root / "run"}
    return seqwise.pretrain(str(text), model="lstm", console=Console(quiet=True), **settings)[0]


@pytest.fixture(scope="module")
def both(gpt2, pretrained, tiny_csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "run"
    return seqwise.compare(
        str(tiny_csv), from_pretrained=f"{gpt2},{pretrained}", out=out, replicates=3, labels=60, console=Console(quiet=True), **SETTINGS
    )


def test_each_is_named_with_its_own_folder_and_once_more_from_scratch():
    found = parse_contenders(with_and_without(("hf:some/lstm-tiny", " gru-tiny/")))
    assert [(c.name, c.source, c.fresh) for c in found] == [
        ("lstm-tiny", "hf:some/lstm-tiny", False),
        ("lstm-tiny-scratch", "hf:some/lstm-tiny", True),
        ("gru-tiny", "hf:gru-tiny/", False),
        ("gru-tiny-scratch", "hf:gru-tiny/", True),
    ]


def test_all_compete_and_only_the_fine_tuned_are_called_so(both, gpt2, pretrained):
    models = {model["name"]: model for model in both.result["models"] if model["family"] == "external"}
    assert {name: model["kind"] for name, model in models.items()} == {
        gpt2.name: "fine-tuned",
        f"{gpt2.name}-scratch": "trained",
        pretrained.name: "fine-tuned",
        f"{pretrained.name}-scratch": "trained",
    }
    for name in (gpt2.name, pretrained.name):
        assert models[name]["parameters"] == models[f"{name}-scratch"]["parameters"]
    assert len(both.result["pairwise"]) == 6
    assert "fresh weights" in " ".join(both.result["protocol"]["rules"])
    assert both.result["protocol"]["target_parameters"] is None


def test_so_many_labels_are_trained_on_and_selected_on(both):
    assert both.result["data"]["examples"]["train"] == 60
    assert both.result["data"]["examples"]["validation"] <= 60
    assert any("--labels 60: 60 examples" in note for note in both.result["data"]["card"]["notes"])
    assert "--labels 60" in both.result["environment"]["reproduce"]


def test_the_weights_that_training_begins_with(gpt2):
    torch.manual_seed(0)
    tuned = load_external(gpt2, "AutoModelForSequenceClassification", num_labels=2)
    fresh = load_external(gpt2, "AutoModelForSequenceClassification", num_labels=2, fresh=True)
    saved = load_external(gpt2, "AutoModelForCausalLM").transformer.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in tuned.transformer.state_dict().items())
    matrices = [name for name, value in saved.items() if value.ndim > 1]
    assert not any(torch.equal(fresh.transformer.state_dict()[name], saved[name]) for name in matrices)


def test_a_head_for_the_same_labels_is_kept_and_one_for_others_is_not(tmp_path):
    names = {"id2label": {0: "a", 1: "b"}, "label2id": {"a": 0, "b": 1}}
    folder = outside_model(tmp_path / "head", "bert", "AutoModelForSequenceClassification", sentences(60)[0], **names)

    def head(**settings):
        model = load_external(folder, "AutoModelForSequenceClassification", **settings)
        return model.classifier.weight, model.bert.embeddings.word_embeddings.weight

    (kept, body), (other, same), (more, still) = (
        head(**names),
        head(id2label={0: "x", 1: "y"}, label2id={"x": 0, "y": 1}),
        head(id2label={0: "x", 1: "y", 2: "z"}, label2id={"x": 0, "y": 1, "z": 2}),
    )
    saved = load_external(folder, "AutoModelForSequenceClassification").classifier.weight
    assert torch.equal(kept, saved)
    assert not torch.equal(other, saved)
    assert more.shape == (3, 32)
    assert torch.equal(body, same)
    assert torch.equal(body, still)


def test_fine_tuning_is_searched_in_its_own_space_of_the_same_size():
    task, (tuned, fresh) = TextClassification(), parse_contenders(("hf:x", "fresh:x"))
    names = [[dimension.name for dimension in space(contender, task)] for contender in (tuned, fresh)]
    assert names[0] == ["learning_rate", "dropout", "weight_decay", "layer_decay", "unfreezing"]
    assert names[1] == ["learning_rate", "dropout", "weight_decay", "warmup", "decay"]
    values, edge = hyperparameters(tuned, [0.5, 0.5, 0.5, 0.99, 0.0], task)
    assert values["layer_decay"] == pytest.approx(0.995)
    assert edge == []


def test_finetune_gives_a_run_that_answers(pretrained, tiny_csv, tmp_path):
    found = seqwise.finetune(str(tiny_csv), str(pretrained), out=tmp_path / "run", console=Console(quiet=True), **SETTINGS)
    assert [model["kind"] for model in found.result["models"] if model["family"] != "baseline"] == ["fine-tuned"]
    jobs = [json.loads(path.read_text())["job"] for path in (found.path / "trials").glob("*/record.json")]
    assert {job["training"]["patience"] for job in jobs if job["kind"] != "baseline"} == {5}
    assert all({"layer_decay", "unfreezing"} <= job["hyperparameters"].keys() for job in jobs if job["kind"] == "search")
    label = seqwise.predict(found.path / "best", "a good day")[0]["label"]
    assert label in ("positive", "negative")
    (origin,) = (model["origin"] for model in found.result["models"] if model["kind"] == "fine-tuned")
    assert origin == {"source": str(pretrained / "model"), "sha256": content_hash(pretrained / "model")}
    assert origin["sha256"] in (found.path / "best" / "README.md").read_text()


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 400), few=st.sampled_from([30, SELECTING]), seed=st.integers(0, 5))
def test_limited_splits_are_parts_of_the_whole_ones(tmp_path_factory, count, few, seed):
    texts, labels = sentences(300)
    corpus = load_corpus(str(write_csv(tmp_path_factory.mktemp("csv") / "all.csv", texts, labels)))
    plan = make_splits(corpus, replicates=3, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqwise.data.splits.SELECTING", few)
        found = limited(plan, corpus, count, seed)
    for whole, part in zip(plan.replicates, found.replicates, strict=True):
        assert set(part.train) <= set(whole.train)
        assert (len(part.train), len(part.validation)) == (min(count, len(whole.train)), min(count, few, len(whole.validation)))
        assert np.array_equal(part.test, whole.test)
        if count >= 10:
            assert {corpus.labels[i] for i in part.train} == {"positive", "negative"}


def test_shares_may_be_told_as_numbers_of_examples():
    options = Options(source="x", data_fractions="50,0.5,200,1")
    assert options.shares(200) == (0.25, 0.5)
    with pytest.raises(UserError, match="asks for 200 examples"):
        options.shares(199)
    with pytest.raises(UserError, match="numbers of examples"):
        Options(source="x", data_fractions="1.5")


def test_labels_are_for_classification():
    with pytest.raises(UserError, match="--labels has no meaning"):
        Options(source="x", task="text-generation", labels=100)


def test_steps_need_a_size_unless_every_model_has_its_own():
    Options(source="x", models=("hf:a", "b=fresh:a"), steps="10")
    with pytest.raises(UserError, match="without --size"):
        Options(source="x", models=("hf:a", "lstm"), steps="10")


def test_a_model_is_not_judged_by_what_it_has_learned(tiny_csv, tmp_path):
    """Another seed would test it on examples that it was trained on."""
    quiet = {"console": Console(quiet=True)}
    first = seqwise.train(str(tiny_csv), "lstm", out=tmp_path / "first", size="30k", **SETTINGS | {"steps": 12}, **quiet)
    for source in (first.path, first.path / "best"):
        with pytest.raises(UserError, match="has seen examples that it would be tested on"):
            seqwise.finetune(str(tiny_csv), source, out=tmp_path / "second", seed=1, **SETTINGS, **quiet)
    assert not (tmp_path / "second").exists()
    test = write_csv(tmp_path / "test.csv", *sentences(40, seed=9))
    seqwise.finetune(str(tiny_csv), first.path, test=str(test), out=tmp_path / "third", **SETTINGS | {"steps": 12}, **quiet)


def test_a_language_model_is_not_judged_by_the_text_that_it_was_pretrained_on(pretrained, tmp_path):
    (source,) = json.loads((pretrained / "pretrain.json").read_text())["sources"]
    asked = {"task": "text-generation", "console": Console(quiet=True), **SETTINGS}
    for model in (pretrained, pretrained / "model"):
        with pytest.raises(UserError, match="has seen examples that it would be tested on"):
            seqwise.finetune(source, model, out=tmp_path / "run", **asked)
    with pytest.raises(UserError, match="has seen examples that it would be tested on"):
        seqwise.finetune("demo:docs", "lstm-tiny", out=tmp_path / "run", **asked)
    assert not (tmp_path / "run").exists()


def test_one_text_goes_by_several_names(tmp_path, monkeypatch):
    (tmp_path / "wikitext2").mkdir()
    (tmp_path / "wikitext2" / "train.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert same_source("demo:docs", "demo:docs")
    assert not same_source("demo:docs", "demo:python")
    assert same_source(str(tmp_path / "wikitext2" / "train.txt"), "wikitext2/train.txt")
    monkeypatch.chdir(tmp_path / "wikitext2")
    assert same_source("train.txt", "wikitext2/train.txt")
    assert not same_source("train.txt", "other/train.txt")


def test_patience_is_for_one_model_and_labels_for_all_classes(tiny_csv, tmp_path):
    with pytest.raises(UserError, match="some models for longer"):
        Options(source="x", models=("lstm", "gru"), patience=3)
    with pytest.raises(UserError, match="fewer than the 2 classes"):
        seqwise.train(str(tiny_csv), "lstm", labels=1, out=tmp_path / "run", size="30k", console=Console(quiet=True), **SETTINGS)
    with pytest.raises(UserError, match="finetune takes one model"):
        seqwise.finetune(str(tiny_csv), "x", models="lstm")


def test_a_body_that_lacks_a_tensor_is_refused(pretrained, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(pretrained / "model", tmp_path / "model")
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    name = next(name for name in tensors if name.endswith("weight_hh_l0"))
    save_file({key: value for key, value in tensors.items() if key != name}, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="weight_hh_l0 missing"):
        load_external(tmp_path / "model", "AutoModelForSequenceClassification")


def test_the_folder_of_a_pretraining_is_used_as_the_model_in_it(pretrained, tmp_path):
    assert seqwise.generate(pretrained, "the film", tokens=3, temperature=0.0) == seqwise.generate(
        pretrained / "model", "the film", tokens=3, temperature=0.0
    )
    path = tmp_path / "held.txt"
    path.write_text("\n".join(sentences(200, seed=5)[0]))
    assert seqwise.evaluate(pretrained, str(path))["scores"] == seqwise.evaluate(pretrained / "model", str(path))["scores"]
    first, second = (seqwise.load(folder)[0].state_dict() for folder in (pretrained, pretrained / "model"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
