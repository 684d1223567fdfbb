"""RNN, GRU and LSTM as functions that torch differentiates, once.

All take ``x``, flat, the states (B, H), the four parameters, and the rows that ``x`` holds, which pack it; they return y, flat too, and the
state of each row after its last step. The formulas of the way back are derived in the README beside each reference.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from seqwise.kernels.c.loops import carried, kept_or_copied, run
from seqwise.kernels.c.products import linear, sum_of_outer
from seqwise.kernels.c.rows import Packed, Rows
from seqwise.kernels.first_order import first_order_only


class RNN(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, rows: Rows | Packed
    ) -> tuple[Tensor, ...]:
        x, h0 = rows.pack(x), rows.sort(h0)
        y, hn = linear(x, weight_ih), h0.clone()
        run("forward", "rnn", rows.steps, weight=weight_hh, bias=bias_ih + bias_hh, y=y, h0=h0, hn=hn)
        save(ctx, rows, x, h0, weight_ih, weight_hh, y)
        return rows.unpack(y), rows.unsort(hn)

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor | None, dhn: Tensor | None) -> tuple[Tensor | None, ...]:
        x, h0, weight_ih, weight_hh, y = ctx.saved_tensors
        rows, steps, dgates = ctx.rows, ctx.rows.steps, torch.empty_like(y)
        dy, dh = output_gradient(rows, dy, y), final_gradient(rows, dhn, h0)
        run("backward", "rnn", steps, weight=weight_hh, y=y, h0=h0, dy=dy, dh=dh, dgates=dgates)
        bias = dgates.sum(0)
        weights = sum_of_outer(dgates, x), sum_of_outer(dgates, steps.before(y, h0))
        return input_gradient(ctx, dgates, weight_ih), initial_gradient(rows, dh, h0), *weights, bias, bias.clone(), None


class LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, c0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor,
        rows: Rows | Packed,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        x, h0, c0 = rows.pack(x), rows.sort(h0), rows.sort(c0)
        gates, y, c = linear(x, weight_ih), x.new_empty(len(x), h0.shape[1]), x.new_empty(len(x), h0.shape[1])
        hn, cn = h0.clone(), c0.clone()
        run(
            "forward", "lstm", rows.steps, weight=weight_hh, bias=bias_ih + bias_hh, gates=gates, y=y, c=c, h0=h0, c0=c0, hn=hn, cn=cn
        )  # fmt: skip
        save(ctx, rows, x, h0, c0, weight_ih, weight_hh, y, c, gates)
        return rows.unpack(y), rows.unsort(hn), rows.unsort(cn)

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor | None, dhn: Tensor | None, dcn: Tensor | None) -> tuple[Tensor | None, ...]:
        x, h0, c0, weight_ih, weight_hh, y, c, gates = ctx.saved_tensors
        rows, steps, dgates = ctx.rows, ctx.rows.steps, kept_or_copied(gates)
        dy, dh, dc = output_gradient(rows, dy, y), final_gradient(rows, dhn, h0), final_gradient(rows, dcn, c0)
        run("backward", "lstm", steps, weight=weight_hh, gates=gates, c=c, h0=h0, c0=c0, dy=dy, dh=dh, dc=dc, dgates=dgates)
        bias = dgates.sum(0)
        weights = sum_of_outer(dgates, x), sum_of_outer(dgates, steps.before(y, h0))
        states = initial_gradient(rows, dh, h0), initial_gradient(rows, dc, c0)
        return input_gradient(ctx, dgates, weight_ih), *states, *weights, bias, bias.clone(), None


class GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, rows: Rows | Packed
    ) -> tuple[Tensor, ...]:
        x, h0, units = rows.pack(x), rows.sort(h0), h0.shape[1]
        bias, bias_new = bias_ih.clone(), bias_hh[2 * units :]
        bias[: 2 * units] += bias_hh[: 2 * units]
        gates, y, hidden, hn = linear(x, weight_ih), x.new_empty(len(x), units), x.new_empty(len(x), units), h0.clone()
        run(
            "forward", "gru", rows.steps, weight=weight_hh, bias=bias, bias_new=bias_new, gates=gates, hidden=hidden, y=y, h0=h0, hn=hn
        )  # fmt: skip
        save(ctx, rows, x, h0, weight_ih, weight_hh, y, gates, hidden)
        return rows.unpack(y), rows.unsort(hn)

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor | None, dhn: Tensor | None) -> tuple[Tensor | None, ...]:
        x, h0, weight_ih, weight_hh, y, gates, hidden = ctx.saved_tensors
        rows, steps, dgates, dhidden = ctx.rows, ctx.rows.steps, kept_or_copied(gates), torch.empty_like(gates)
        dy, dh = output_gradient(rows, dy, y), final_gradient(rows, dhn, h0)
        run(
            "backward", "gru", steps, weight=weight_hh, gates=gates, hidden=hidden, y=y, h0=h0, dy=dy, dh=dh, dgates=dgates, dhidden=dhidden
        )  # fmt: skip
        weights = sum_of_outer(dgates, x), sum_of_outer(dhidden, steps.before(y, h0))
        return input_gradient(ctx, dgates, weight_ih), initial_gradient(rows, dh, h0), *weights, dgates.sum(0), dhidden.sum(0), None


def save(ctx: FunctionCtx, rows: Rows | Packed, *tensors: Tensor) -> None:
    """For the way back, to which an output that nobody used brings None."""
    ctx.save_for_backward(*tensors)
    ctx.rows = rows
    ctx.set_materialize_grads(False)


def output_gradient(rows: Rows | Packed, dy: Tensor | None, y: Tensor) -> Tensor:
    """Of y, (N, H)."""
    return torch.zeros_like(y) if dy is None else rows.pack(dy).contiguous()


def final_gradient(rows: Rows | Packed, gradient: Tensor | None, state: Tensor) -> Tensor:
    """Of the last state, as the loops carry it."""
    return carried(None if gradient is None else rows.sort(gradient), state)


def initial_gradient(rows: Rows | Packed, dh: Tensor, state: Tensor) -> Tensor:
    """Of the first state, (B, H), from what the loops carried to the first step."""
    return rows.unsort(dh[:, : state.shape[1]])


def input_gradient(ctx: FunctionCtx, dgates: Tensor, weight_ih: Tensor) -> Tensor | None:
    return ctx.rows.unpack(linear(dgates, weight_ih.T)) if ctx.needs_input_grad[0] else None
