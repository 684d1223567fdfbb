"""A pretrained model of the package by its name: found without a network, a folder of that name first, unknown names told."""

import json
import shutil
import socket
from pathlib import Path

import pytest

import seqwise
from seqwise.core.errors import UserError
from seqwise.models.external import find, load_external
from tiny_zoo import MADE


@pytest.fixture(autouse=True)
def elsewhere(made_zoo, tmp_path, monkeypatch):
    """In an empty folder, with no network to ask."""
    usual = socket.socket.connect

    def connect(self, address):
        return usual(self, address) if self.family == socket.AF_UNIX else pytest.fail(f"asks {address}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", connect)


@pytest.mark.parametrize("ask", [seqwise.path, seqwise.load, lambda name: seqwise.generate(name, "the")], ids=["path", "load", "generate"])
def test_an_unknown_name_is_told_the_closest(ask):
    with pytest.raises(UserError) as caught:
        ask("lstn-made")
    assert "did you mean 'lstm-made'?" in str(caught.value)
    assert "'lstn-made'" in caught.value.message or "folder lstn-made" in caught.value.message


def test_where_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr("seqwise.zoo.shipped.MODELS", tmp_path / "nothing")
    with pytest.raises(UserError, match="comes without pretrained models"):
        seqwise.path("lstm-made")


def test_a_folder_in_the_working_directory_comes_first(made_zoo, tmp_path):
    assert seqwise.load("lstm-made")[0].config.layer_types == ["lstm", "lstm"]
    shutil.copytree(made_zoo / "gru-made", tmp_path / "lstm-made")
    assert seqwise.load("lstm-made")[0].config.layer_types == ["gru", "gru"]
    assert find("hf:lstm-made") == Path("lstm-made")
    assert seqwise.path("lstm-made") == str(made_zoo / "lstm-made")


def test_what_is_half_there_is_not_there(made_zoo, tmp_path, monkeypatch):
    shutil.copytree(made_zoo / "gru-made", tmp_path / "models" / "gru-made")
    (tmp_path / "models" / "gru-made" / "record.json").unlink()
    monkeypatch.setattr("seqwise.zoo.shipped.MODELS", tmp_path / "models")
    with pytest.raises(UserError, match="no pretrained model is called"):
        seqwise.path("gru-made")


@pytest.mark.parametrize("name", MADE)
def test_it_is_a_contender(name, made_zoo):
    assert find(f"hf:{name}") == made_zoo / name
    model = load_external(find(f"hf:{name}"), "AutoModelForSequenceClassification", num_labels=3)
    assert model.config.num_labels == 3


@pytest.mark.slow
def test_it_competes(made_zoo, tiny_csv, tmp_path):
    settings = {"size": "30k", "steps": 8, "replicates": 1, "configurations": 1, "workers": 1, "device": "cpu"}
    found = seqwise.compare(str(tiny_csv), models="lstm,hf:lstm-made,hf:lstm-made-mlm", out=tmp_path / "run", **settings)
    assert {model["name"]: model["status"] for model in found.result["models"] if model["kind"] != "baseline"} == {
        "lstm": "ok",
        "lstm-made": "ok",
        "lstm-made-mlm": "ok",
    }


def test_the_command_line_writes_with_it(run_cli):
    code, out, err = run_cli("generate", "gru-made", "the river", "--tokens", 5, "--temperature", 0, "--json")
    assert code == 0, err
    assert json.loads(out)["model"] == "gru-made"
    assert json.loads(out)["continuation"] == seqwise.generate("gru-made", "the river", tokens=5, temperature=0.0)


@pytest.mark.parametrize("verb", ["generate", "predict"])
def test_a_masked_one_is_told_where_it_is_of_use(run_cli, verb):
    code, _, err = run_cli(verb, "lstm-made-mlm", "the river")
    assert code == 2
    assert 'pipeline("fill-mask")' in err


def test_a_score_on_a_text(made):
    found = seqwise.evaluate("transformer-made", str(made / "river.txt"))
    assert 0 < found["scores"]["bits_per_byte"]["value"] < 8
    assert found["name"] == "transformer-made"


def test_they_are_listed(run_cli):
    listed = json.loads(run_cli("models", "--json")[1])
    assert [model["name"] for model in listed if model["family"] == "pretrained"] == sorted(MADE)
    shown = run_cli("models")[1]
    assert all(name in shown for name in MADE)
    assert "masked-lm, 30," in shown or "masked-lm, 29," in shown
