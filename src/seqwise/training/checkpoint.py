"""Checkpoints as safetensors and JSON; the newest complete one is found again after any kill.

A checkpoint is written to the one of two folders that the pointer file does not name, and the pointer is replaced atomically once
the folder is whole.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from seqwise.core.errors import NoSpace, UserError, first_line
from seqwise.core.files import read_json, room_for, write_json

POINTER = "checkpoint.json"
PLACES = ("checkpoint-a", "checkpoint-b")
OPTIONAL = ("best", "carried")


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, values in state.items() for name, value in values.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    packed = optimizer.state_dict()
    packed["state"] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        packed["state"].setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(packed)


def _random_state() -> dict[str, torch.Tensor]:
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state()} | {f"cuda.{index}": state for index, state in enumerate(gpus)}


def _restore_random_state(states: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    for index in range(torch.cuda.device_count()):
        if f"cuda.{index}" in states:
            torch.cuda.set_rng_state(states[f"cuda.{index}"], index)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """The model's tensors, each once: a tied one under its first name."""
    names: dict[int, str] = {}
    found = model.state_dict(keep_vars=True)
    for name, value in found.items():
        names.setdefault(id(value), name)
    return {name: found[name].detach() for name in names.values()}


def load_weights(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what :func:`weights` gave. Raises ``RuntimeError`` where a tensor is missing or unknown."""
    found = model.load_state_dict(tensors, strict=False)
    missing = sorted(set(found.missing_keys) & weights(model).keys())
    if missing or found.unexpected_keys:
        raise RuntimeError(f"these weights are not this model's: missing {missing}, unknown {found.unexpected_keys}")


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, torch.Tensor],
    state: dict[str, Any],
    carried: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> None:
    """Write a checkpoint under ``folder`` and drop the one before it, which stays where there is no room for the new one.

    Args:
        best: weights of the best evaluation so far (may be empty).
        state: JSON values: the step, the curve, the seconds spent.
        carried: the state that the next batch goes on from (may be empty).

    Raises :class:`NoSpace` where the disk is full.
    """
    current = read_json(folder / POINTER) if (folder / POINTER).exists() else PLACES[1]
    target = folder / PLACES[1 - PLACES.index(current)]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    parts = {
        "model": {name: value.contiguous() for name, value in weights(model).items()},
        "optimizer": _optimizer_tensors(optimizer),
        "best": best,
        "carried": dict(carried),
        "random": _random_state(),
    }
    try:
        with room_for(target):
            for name, tensors in parts.items():
                if tensors or name not in OPTIONAL:
                    save_file(tensors, target / f"{name}.safetensors")
            write_json(target / "state.json", state)
            write_json(folder / POINTER, target.name)
    except NoSpace:
        shutil.rmtree(target, ignore_errors=True)
        raise
    shutil.rmtree(folder / current, ignore_errors=True)


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Restore model, optimizer and random state; return (best weights, state), or None where there is no checkpoint.

    Raises :class:`UserError` for one that is damaged.
    """
    if not (folder / POINTER).exists():
        return None
    with _readable(folder):
        source = folder / read_json(folder / POINTER)
        load_weights(model, load_file(source / "model.safetensors"))
        _restore_optimizer(optimizer, load_file(source / "optimizer.safetensors"))
        _restore_random_state(load_file(source / "random.safetensors"))
        return _optional(source / "best.safetensors"), read_json(source / "state.json")


def load_carried(folder: Path) -> dict[str, torch.Tensor]:
    """The state that the next batch goes on from; empty where there is none. Raises :class:`UserError` where it is damaged."""
    with _readable(folder):
        return _optional(folder / read_json(folder / POINTER) / "carried.safetensors")


def _optional(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path) if path.exists() else {}


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a damaged file makes the libraries raise
        what = f"the checkpoint in {folder} cannot be read ({first_line(error)})"
        raise UserError(what, fix=f"remove {folder} and run the same command again: this training then begins anew") from error


def drop_checkpoint(folder: Path) -> None:
    (folder / POINTER).unlink(missing_ok=True)
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path, ignore_errors=True)
