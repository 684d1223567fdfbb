"""What is published is whole or not there at all, and tells no more than was measured."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from seqwise.core.errors import UserError
from seqwise.core.files import read_json
from seqwise.pretraining import shipping
from seqwise.pretraining.shipping import in_half, publish


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    shutil.copytree(made / "run" / "gru-made", tmp_path / "run")
    return tmp_path / "run"


def test_the_record_is_that_of_the_pretraining_and_what_was_measured(run, made, tmp_path):
    record, before = publish(run, tmp_path / "gru", "seqwise ..."), read_json(run / "pretrain.json")
    assert record == read_json(tmp_path / "gru" / "record.json")
    added = {"name", "precision", "probe", "weight_bytes"}
    assert record.keys() - before.keys() == added
    assert {name: record[name] for name in before if name != "environment"} == {k: v for k, v in before.items() if k != "environment"}
    assert record["environment"] == before["environment"] | {"command": "seqwise ..."}
    assert record["precision"]["float32"] == pytest.approx(before["best"]["bits_per_byte"], rel=1e-5)
    assert record["weight_bytes"] == (tmp_path / "gru" / "model.safetensors").stat().st_size
    assert record["weight_bytes"] < 0.6 * (run / "model" / "model.safetensors").stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gru", "run"]


def test_another_takes_its_place(run, tmp_path):
    (tmp_path / "gru").mkdir()
    (tmp_path / "gru" / "old.txt").write_text("old")
    publish(run, tmp_path / "gru", "seqwise ...")
    assert not (tmp_path / "gru" / "old.txt").exists()


def _too_large(run, monkeypatch):
    monkeypatch.setattr(shipping, "MOST_BYTES", 1000)


def _infinite(run, monkeypatch):
    path = run / "model" / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"][0] = 70_000.0
    save_file(weights, path, metadata={"format": "pt"})


def _other_text(run, monkeypatch):
    text = "other words\n" * 500
    (run / "river.txt").write_text(text)
    monkeypatch.chdir(run)


def _interrupted(run, monkeypatch):
    def stopped(record):
        raise KeyboardInterrupt("stopped")

    monkeypatch.setattr(shipping, "shipping_card", stopped)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_too_large, "at most 1,000"),
        (_infinite, "does not fit into"),
        (_other_text, "not what the model was scored on"),
        (_interrupted, "stopped"),
    ],
)
def test_what_cannot_be_published_leaves_what_was_there(run, tmp_path, monkeypatch, spoil, words):
    publish(run, tmp_path / "gru", "seqwise one")
    before = {path.name: path.read_bytes() for path in (tmp_path / "gru").iterdir()}
    spoil(run, monkeypatch)
    with pytest.raises((UserError, KeyboardInterrupt), match=words):
        publish(run, tmp_path / "gru", "seqwise two")
    assert {path.name: path.read_bytes() for path in (tmp_path / "gru").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gru", "run"]


def test_float16_rounds_less_than_bfloat16(run):
    """Why the files hold the one and not the other."""
    weights = load_file(run / "model" / "model.safetensors")
    off = {}
    for dtype in (torch.float16, torch.bfloat16):
        half = in_half(weights, "gru", dtype)
        off[dtype] = np.mean([float((half[name].float() - value).abs().mean()) for name, value in weights.items()])
    assert 6 * off[torch.float16] < off[torch.bfloat16]
