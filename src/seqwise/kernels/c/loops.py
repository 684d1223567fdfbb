"""The step loops of RNN, GRU and LSTM on tensors: what they read and write, and the products around them.

Rows of a step stand together, steps one after the other: N is the number of real steps of all rows. Float32 on a CPU.
"""

import ctypes
import dataclasses
import functools

import torch
from torch import Tensor

from seqwise.kernels.c.library import library

CELLS = {"rnn": 0, "gru": 1, "lstm": 2}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


NUMBERS = ("cell", "steps", "batch", "units", "threads")
TENSORS = ("rows", "weight", "bias", "bias_new", "gates", "hidden", "y", "c", "h0", "c0", "hn", "cn", "dy", "dh", "dc", "dgates", "dhidden")


class Layer(ctypes.Structure):
    """``Layer`` of ``loops.c``; it fills in the last three fields itself."""

    _fields_ = (
        *((name, ctypes.c_long) for name in NUMBERS),
        *((name, ctypes.c_void_p) for name in (*TENSORS, "packed")),
        *((name, ctypes.c_long) for name in ("wide", "second")),
    )


@dataclasses.dataclass(frozen=True)
class Steps:
    """Which rows are active at which step."""

    rows: Tensor
    """(T,) int64: so many at each step, never more than at the step before."""

    @functools.cached_property
    def batch(self) -> int:
        return int(self.rows[0])

    @functools.cached_property
    def count(self) -> int:
        """Real steps of all rows, N."""
        return int(self.rows.sum())

    def before(self, y: Tensor, h0: Tensor) -> Tensor:
        """The state before every step, (N, H), from the states after them and the first ones (B, H)."""
        before = torch.empty_like(y)
        before[: self.batch] = h0[: self.batch]
        before[self.batch :] = y.index_select(0, self._behind)
        return before

    @functools.cached_property
    def _behind(self) -> Tensor:
        """Of every step but the first ones, the place of the step before it."""
        return torch.arange(self.batch, self.count, device="cpu") - torch.repeat_interleave(self.rows[:-1], self.rows[1:])

    def reverse(self, x: Tensor) -> Tensor:
        """Each row of (N, D) from its last step to its first."""
        return x.index_select(0, self._mirrored)

    @functools.cached_property
    def _mirrored(self) -> Tensor:
        starts = self.rows.cumsum(0) - self.rows
        time = torch.repeat_interleave(torch.arange(len(self.rows), device="cpu"), self.rows)
        row = torch.arange(len(time), device="cpu") - starts[time]
        lengths = torch.bincount(row)
        return starts[lengths[row] - 1 - time] + row


def run(direction: str, cell: str, steps: Steps, **tensors: Tensor) -> None:
    """One loop, ``"forward"`` or ``"backward"``; the tensors are contiguous, and named as in ``loops.c``.

    Raises ``MemoryError`` where there is none for a copy of the weights, and ``RuntimeError`` for a tensor of another shape or kind.
    """
    found, place = library()
    batch, units = tensors["h0"].shape
    if batch < steps.batch:
        raise RuntimeError(f"the state has {batch} rows, the input {steps.batch}")
    require_shapes(tensors, shapes_of(cell, steps.count, batch, units, found.seqwise_wide(units, place)))
    pointers = {name: tensor.data_ptr() for name, tensor in tensors.items()}
    layer = Layer(
        cell=CELLS[cell], steps=len(steps.rows), batch=batch, units=units, threads=threads_for(tensors["weight"], steps),
        rows=steps.rows.data_ptr(), **pointers,
    )  # fmt: skip
    if getattr(found, f"seqwise_{direction}")(ctypes.byref(layer), place):
        raise MemoryError(f"no memory for a copy of the weights of {units} units")


@functools.lru_cache(maxsize=256)
def shapes_of(cell: str, count: int, batch: int, units: int, wide: int) -> dict[str, tuple[int, ...]]:
    """What the loops take their tensors to be: they do not look."""
    gates = GATES[cell] * units
    shapes = {"weight": (gates, units), "bias": (gates,), "bias_new": (units,)}
    shapes |= dict.fromkeys(("gates", "dgates", "dhidden"), (count, gates)) | dict.fromkeys(("hidden", "y", "c", "dy"), (count, units))
    return shapes | dict.fromkeys(("h0", "c0", "hn", "cn"), (batch, units)) | dict.fromkeys(("dh", "dc"), (batch, wide))


def require_shapes(tensors: dict[str, Tensor], shapes: dict[str, tuple[int, ...]]) -> None:
    for name, tensor in tensors.items():
        if tensor.shape != shapes[name] or tensor.dtype is not torch.float32 or not (tensor.is_cpu and tensor.is_contiguous()):
            found = f"{tuple(tensor.shape)}, {tensor.dtype}, {tensor.device}, strides {tensor.stride()}"
            raise RuntimeError(f"the loops in C expect {name} as contiguous float32 {shapes[name]} on a CPU, and got {found}")


LEAST_WORK = 10_000_000
"""Multiplications that are worth a thread of their own."""


def threads_for(weight: Tensor, steps: Steps) -> int:
    work = weight.numel() * steps.count
    return max(1, min(torch.get_num_threads(), work // LEAST_WORK))


def carried(gradient: Tensor | None, state: Tensor) -> Tensor:
    """The gradient of a last state (B, H) as the loops carry it: as wide as whole panels."""
    found, place = library()
    batch, units = state.shape
    wide = state.new_zeros(batch, found.seqwise_wide(units, place))
    if gradient is not None:
        wide[:, :units] = gradient
    return wide


def kept_or_copied(saved: Tensor) -> Tensor:
    """Where a backward loop may write what takes the place of ``saved``: there, unless the graph is kept for another pass."""
    return torch.empty_like(saved) if torch._C._autograd._get_current_graph_task_keep_graph() else saved
