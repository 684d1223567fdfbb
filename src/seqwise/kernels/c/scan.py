"""The linear scan in C, and minGRU and minLSTM as one matrix product and one pass. Float32 on a CPU; gradients of first order only.

The formulas of the way back are derived in the README beside each reference.
"""

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from seqwise.kernels import State, reverse
from seqwise.kernels.c.kernels import require_float32
from seqwise.kernels.c.library import library
from seqwise.kernels.c.loops import kept_or_copied
from seqwise.kernels.c.products import linear, sum_of_outer
from seqwise.kernels.first_order import first_order_only

KINDS = {"scan": 0, "mingru": 1, "minlstm": 2}
LEAST_WORK = 50_000
"""Numbers to read that are worth a thread of their own."""


def linear_scan(a: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """As :func:`seqwise.kernels.linear_scan.reference.linear_scan`.

    Raises :class:`UserError` where the loops are not there, and for other numbers than float32 on a CPU.
    """
    require_float32(a, b, h)
    return LinearScan.apply(a, b, h)


def mingru(
    x: Tensor, state: State, weight_ih: Tensor, bias_ih: Tensor, lengths: Tensor | None = None, backwards: bool = False
) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.mingru.reference.mingru`; see :func:`minlstm`."""
    return _layer("mingru", x, state, weight_ih, bias_ih, lengths, backwards)


def minlstm(
    x: Tensor, state: State, weight_ih: Tensor, bias_ih: Tensor, lengths: Tensor | None = None, backwards: bool = False
) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.minlstm.reference.minlstm`.

    Args:
        lengths: (B,), the real steps of each row, which come first; the state is that after them, and y is zero beyond them.
        backwards: read every row from its last real step to its first.

    Raises :class:`UserError` where the loops are not there, and for other numbers than float32 on a CPU.
    """
    return _layer("minlstm", x, state, weight_ih, bias_ih, lengths, backwards)


def _layer(
    kind: str, x: Tensor, state: State, weight: Tensor, bias: Tensor, lengths: Tensor | None, backwards: bool
) -> tuple[Tensor, State]:
    require_float32(x, *state, weight, bias)
    if lengths is not None:
        lengths = lengths.to(torch.int64).clamp(0, x.shape[1]).contiguous()
    x = reverse(x, lengths) if backwards else x
    y, h = Layer.apply(kind, x, state[0], weight, bias, lengths)
    return reverse(y, lengths) if backwards else y, (h,)


class LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor, h0: Tensor) -> tuple[Tensor, Tensor]:
        a, b, h0 = side_by_side(a), side_by_side(b), h0.contiguous()
        y, hn = b.new_empty(b.shape), torch.empty_like(h0)
        run("forward", "scan", (a, b), y, h0=h0, hn=hn)
        ctx.save_for_backward(a, b, h0, y)
        return y, hn

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor, dhn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b, h0, y = ctx.saved_tensors
        gradients, dh = (torch.empty_like(y), torch.empty_like(y)), dhn.clone(memory_format=torch.contiguous_format)
        run("backward", "scan", (a, b), y, dy=dy, gradients=gradients, h0=h0, dh=dh)
        return *gradients, dh


class Layer(torch.autograd.Function):
    """minGRU or minLSTM; kept are the sums inside the gates, which the way back overwrites, and y."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, kind: str, x: Tensor, h0: Tensor, weight: Tensor, bias: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        (batch, length, width), units, h0 = x.shape, h0.shape[1], h0.contiguous()
        x = x.reshape(batch * length, width)
        gates = linear(x, weight, bias).view(batch, length, len(weight))
        y, hn = x.new_empty(batch, length, units), torch.empty_like(h0)
        run("forward", kind, gates.split(units, dim=-1), y, lengths, h0=h0, hn=hn)
        ctx.save_for_backward(x, h0, weight, gates, y, lengths)
        ctx.kind = kind
        return y, hn

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor, dhn: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, weight, gates, y, lengths = ctx.saved_tensors
        units, dgates, dh = h0.shape[1], kept_or_copied(gates), dhn.clone(memory_format=torch.contiguous_format)
        inputs, gradients = gates.split(units, dim=-1), dgates.split(units, dim=-1)
        run("backward", ctx.kind, inputs, y, lengths, dy=dy, gradients=gradients, h0=h0, dh=dh)
        dgates = dgates.view(len(x), len(weight))
        dx = linear(dgates, weight.T).view(*y.shape[:2], x.shape[1]) if ctx.needs_input_grad[1] else None
        return None, dx, dh, sum_of_outer(dgates, x), dgates.sum(0), None


class View(ctypes.Structure):
    """``View`` of ``loops.c``."""

    _fields_ = (("start", ctypes.c_void_p), ("row", ctypes.c_long), ("step", ctypes.c_long))


class Scan(ctypes.Structure):
    """``Scan`` of ``loops.c``."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("kind", "batch", "steps", "units", "threads")),
        ("lengths", ctypes.c_void_p),
        *(("inputs", View * 3), ("y", View), ("dy", View), ("gradients", View * 3)),
        *((name, ctypes.c_void_p) for name in ("h0", "hn", "dh")),
    )


def side_by_side(x: Tensor) -> Tensor:
    """Rows and steps (B, T, H) may stand anywhere; the units of a step must not."""
    return x if x.stride(-1) == 1 else x.contiguous()


def view(x: Tensor) -> View:
    return View(x.data_ptr(), x.stride(0), x.stride(1))


def run(
    direction: str, kind: str, inputs: tuple[Tensor, ...], y: Tensor, lengths: Tensor | None = None, *, dy: Tensor | None = None,
    gradients: tuple[Tensor, ...] = (), **states: Tensor,
) -> None:  # fmt: skip
    """One scan, ``"forward"`` or ``"backward"``; the tensors are named as in ``loops.c``, and the states contiguous."""
    found, place = library()
    batch, steps, units = y.shape
    require_float32(*inputs, y, *states.values())
    wanted = 3 if kind == "minlstm" else 2
    if len(inputs) != wanted or any(x.shape != y.shape for x in inputs) or any(s.shape != (batch, units) for s in states.values()):
        shapes = [tuple(x.shape) for x in (*inputs, *states.values())]
        raise RuntimeError(f"{kind} expects {wanted} inputs of {tuple(y.shape)} and a state of {(batch, units)}, and got {shapes}")
    scan = Scan(kind=KINDS[kind], batch=batch, steps=steps, units=units, threads=threads_for(y), inputs=tuple(map(view, inputs)), y=view(y))
    scan.lengths = None if lengths is None else lengths.data_ptr()
    for name, state in states.items():
        setattr(scan, name, state.data_ptr())
    if dy is not None:
        dy = side_by_side(dy)
        scan.dy, scan.gradients = view(dy), tuple(map(view, gradients))
    getattr(found, f"seqwise_scan_{direction}")(ctypes.byref(scan), place)


def threads_for(y: Tensor) -> int:
    return max(1, min(torch.get_num_threads(), y.numel() // LEAST_WORK))
