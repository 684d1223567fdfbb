"""A checkpoint brings everything back to the bit, and a kill at any moment leaves the one before it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from seqwise.core.errors import UserError
from seqwise.training import checkpoint
from seqwise.training.checkpoint import drop_checkpoint, load_carried, load_checkpoint, save_checkpoint
from seqwise.training.optimizer import build_optimizer

PARTS = ("model.safetensors", "optimizer.safetensors", "random.safetensors", "best.safetensors", "carried.safetensors", "state.json")


def trained(steps: int, seed: int = 0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = build_optimizer(model, learning_rate=0.01, weight_decay=0.1)
    for _ in range(steps):
        advance(model, optimizer)
    return model, optimizer


def advance(model, optimizer):
    model(torch.randn(5, 4)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_round_trip_to_the_bit(tmp_path):
    model, optimizer = trained(3)
    best = {name: value + 1 for name, value in model.state_dict().items()}
    save_checkpoint(tmp_path, model, optimizer, best, {"step": 3, "curve": [0.1]})
    other, other_optimizer = trained(1, seed=9)
    found, state = load_checkpoint(tmp_path, other, other_optimizer)
    assert same(found, best)
    assert state == {"step": 3, "curve": [0.1]}
    for pair in ((model, optimizer), (other, other_optimizer)):
        load_checkpoint(tmp_path, *pair)
        for _ in range(2):
            advance(*pair)
    assert same(model.state_dict(), other.state_dict())


def test_no_checkpoint(tmp_path):
    model, optimizer = trained(0)
    assert load_checkpoint(tmp_path, model, optimizer) is None


def test_before_the_first_evaluation_there_are_no_best_weights(tmp_path):
    model, optimizer = trained(1)
    save_checkpoint(tmp_path, model, optimizer, {}, {"step": 1})
    assert load_checkpoint(tmp_path, *trained(0)) == ({}, {"step": 1})


def test_only_safetensors_and_json(tmp_path):
    save_checkpoint(tmp_path, *trained(1), {}, {"step": 1})
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".safetensors"}


def test_the_one_before_is_dropped(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, *trained(step), {}, {"step": step})
        assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    assert load_checkpoint(tmp_path, *trained(0))[1] == {"step": 3}


@pytest.mark.parametrize("file", ["checkpoint.json", *(f"checkpoint-a/{name}" for name in PARTS)])
@pytest.mark.parametrize("left", [0, 30])
def test_a_damaged_one_is_one_message_and_its_advice_works(tmp_path, file, left):
    folder = tmp_path / "checkpoint"
    model, optimizer = trained(1)
    save_checkpoint(folder, model, optimizer, dict(model.state_dict()), {"step": 1, "curve": [0.1] * 9}, {"state": torch.ones(9)})
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: min(left, len(whole) // 2)])
    load = load_carried if "carried" in file else lambda place: load_checkpoint(place, *trained(0))
    with pytest.raises(UserError, match=f"the checkpoint in {folder} cannot be read") as caught:
        load(folder)
    assert caught.value.fix.startswith(f"remove {folder} and run the same command again")
    shutil.rmtree(folder)
    assert load_checkpoint(folder, *trained(0)) is None
    save_checkpoint(folder, model, optimizer, {}, {"step": 2})
    assert load_checkpoint(folder, *trained(0))[1] == {"step": 2}


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.mark.parametrize("new_step", [1, 2], ids=["same step again", "a later step"])
@pytest.mark.parametrize("call", range(1, 6))
def test_a_kill_at_any_write_leaves_the_checkpoint_before(tmp_path, monkeypatch, call, new_step):
    model, optimizer = trained(1)
    save_checkpoint(tmp_path, model, optimizer, {}, {"step": 1})
    calls = []

    def dying(real):
        def write(*arguments):
            calls.append(real)
            if len(calls) == call:
                raise KilledError
            return real(*arguments)

        return write

    monkeypatch.setattr(checkpoint, "save_file", dying(checkpoint.save_file))
    monkeypatch.setattr(checkpoint, "write_json", dying(checkpoint.write_json))
    with pytest.raises(KilledError):
        save_checkpoint(tmp_path, *trained(2, seed=5), {}, {"step": new_step})
    monkeypatch.undo()
    other, other_optimizer = trained(0, seed=9)
    _, state = load_checkpoint(tmp_path, other, other_optimizer)
    assert state == {"step": 1}
    assert same(other.state_dict(), model.state_dict())
    save_checkpoint(tmp_path, *trained(3), {}, {"step": 3})
    assert load_checkpoint(tmp_path, *trained(0))[1] == {"step": 3}


def test_a_kill_before_the_old_one_is_dropped_leaves_the_new_one(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, *trained(1), {}, {"step": 1})
    monkeypatch.setattr(checkpoint.shutil, "rmtree", lambda *_, **__: None)
    save_checkpoint(tmp_path, *trained(2), {}, {"step": 2})
    monkeypatch.undo()
    assert load_checkpoint(tmp_path, *trained(0))[1] == {"step": 2}
    save_checkpoint(tmp_path, *trained(3), {}, {"step": 3})
    assert load_checkpoint(tmp_path, *trained(0))[1] == {"step": 3}


def test_drop(tmp_path):
    save_checkpoint(tmp_path, *trained(1), {}, {"step": 1})
    (tmp_path / "record.json").write_text(json.dumps({}))
    drop_checkpoint(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    drop_checkpoint(tmp_path)


FULL = """
import resource, sys
from pathlib import Path
from seqwise.core.errors import UserError
from seqwise.training.checkpoint import load_checkpoint, save_checkpoint
sys.path.insert(0, sys.argv[2])
from test_checkpoint import advance, trained

folder, (model, optimizer) = Path(sys.argv[1]), trained(1)
save_checkpoint(folder, model, optimizer, {}, {"step": 1})
advance(model, optimizer)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    save_checkpoint(folder, model, optimizer, {}, {"step": 2})
except UserError as error:
    print(error)
print(load_checkpoint(folder, model, optimizer)[1]["step"])
"""


@pytest.mark.parametrize("room", [64, 600], ids=["for nothing", "for the weights alone"])
def test_no_room_for_a_checkpoint_leaves_the_one_before_it(tmp_path, room):
    """Files are limited in size in a process of their own: as where a disk is full."""
    words = [sys.executable, "-c", FULL, str(tmp_path), str(Path(__file__).parent), str(room)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    said, _, step = done.stdout.strip().rpartition("\n")
    assert said.startswith(f"no space left on the disk while writing {tmp_path}")
    assert "fix: free some space" in said
    assert step == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-a", "checkpoint.json"]
