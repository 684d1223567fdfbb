"""RNN, GRU and LSTM over packed rows as functions that torch differentiates, once.

All take ``x`` (N, D), the state, the four parameters and the steps, and return y (N, H) and the state of each row after its last step.
The formulas of the way back are derived in the README beside each reference.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from seqwise.kernels.c.loops import Steps, carried, kept_or_copied, run, weight_gradients
from seqwise.kernels.c.products import linear, sum_of_outer
from seqwise.kernels.first_order import first_order_only


class RNN(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, steps: Steps
    ) -> tuple[Tensor, ...]:
        y, hn = linear(x, weight_ih, bias_ih + bias_hh), h0.clone()
        run("forward", "rnn", steps, weight=weight_hh, y=y, h0=h0, hn=hn)
        ctx.save_for_backward(x, h0, weight_ih, weight_hh, y)
        ctx.steps = steps
        return y, hn

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor, dhn: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, weight_ih, weight_hh, y = ctx.saved_tensors
        dgates, dh = torch.empty_like(y), carried(dhn)
        run("backward", "rnn", ctx.steps, weight=weight_hh, y=y, h0=h0, dy=dy.contiguous(), dh=dh, dgates=dgates)
        dx = linear(dgates, weight_ih.T) if ctx.needs_input_grad[0] else None
        bias = dgates.sum(0)
        return dx, dh[:, : h0.shape[1]], *weight_gradients(dgates, x, y, h0, ctx.steps), bias, bias.clone(), None


class LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, c0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor,
        steps: Steps,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        gates = linear(x, weight_ih, bias_ih + bias_hh)
        y, c = x.new_empty(len(x), h0.shape[1]), x.new_empty(len(x), h0.shape[1])
        hn, cn = h0.clone(), c0.clone()
        run("forward", "lstm", steps, weight=weight_hh, gates=gates, y=y, c=c, h0=h0, c0=c0, hn=hn, cn=cn)
        ctx.save_for_backward(x, h0, c0, weight_ih, weight_hh, y, c, gates)
        ctx.steps = steps
        return y, hn, cn

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor, dhn: Tensor, dcn: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, c0, weight_ih, weight_hh, y, c, gates = ctx.saved_tensors
        dgates, dh, dc = kept_or_copied(gates), carried(dhn), carried(dcn)
        run(
            "backward", "lstm", ctx.steps, weight=weight_hh, gates=gates, c=c, h0=h0, c0=c0, dy=dy.contiguous(), dh=dh, dc=dc, dgates=dgates
        )  # fmt: skip
        dx = linear(dgates, weight_ih.T) if ctx.needs_input_grad[0] else None
        units, bias = h0.shape[1], dgates.sum(0)
        return dx, dh[:, :units], dc[:, :units], *weight_gradients(dgates, x, y, h0, ctx.steps), bias, bias.clone(), None


class GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, steps: Steps
    ) -> tuple[Tensor, ...]:
        units = h0.shape[1]
        bias = bias_ih.clone()
        bias[: 2 * units] += bias_hh[: 2 * units]
        gates = linear(x, weight_ih, bias)
        y, hidden, hn = x.new_empty(len(x), units), x.new_empty(len(x), units), h0.clone()
        run("forward", "gru", steps, weight=weight_hh, bias=bias_hh[2 * units :], gates=gates, hidden=hidden, y=y, h0=h0, hn=hn)
        ctx.save_for_backward(x, h0, weight_ih, weight_hh, y, gates, hidden)
        ctx.steps = steps
        return y, hn

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, dy: Tensor, dhn: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, weight_ih, weight_hh, y, gates, hidden = ctx.saved_tensors
        units = h0.shape[1]
        dgates, dhidden, dh = kept_or_copied(gates), torch.empty_like(gates), carried(dhn)
        run(
            "backward", "gru", ctx.steps, weight=weight_hh, gates=gates, hidden=hidden, y=y, h0=h0, dy=dy.contiguous(), dh=dh,
            dgates=dgates, dhidden=dhidden,
        )  # fmt: skip
        dx = linear(dgates, weight_ih.T) if ctx.needs_input_grad[0] else None
        weights = sum_of_outer(dgates, x), sum_of_outer(dhidden, ctx.steps.before(y, h0))
        return dx, dh[:, :units], *weights, dgates.sum(0), dhidden.sum(0), None
