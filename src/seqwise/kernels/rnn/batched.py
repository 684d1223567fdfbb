"""The Elman network with everything that does not depend on the step before taken out of the time loop.

Time runs first inside (T, B, H). See README.md for the derivation.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from seqwise.kernels import State
from seqwise.kernels.first_order import first_order_only


def rnn(x: Tensor, state: State, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.rnn.reference.rnn`; gradients of first order only."""
    y, h = BatchedRNN.apply(x, state[0], weight_ih, weight_hh, bias_ih, bias_hh)
    return y, (h,)


class BatchedRNN(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
    ) -> tuple[Tensor, Tensor]:
        batch, length, width = x.shape
        x = x.transpose(0, 1).reshape(length * batch, width)
        y = torch.addmm(bias_ih + bias_hh, x, weight_ih.T).view(length, batch, -1)
        h, recurrent = h0, weight_hh.T
        for y_t in y.unbind(0):
            h = y_t.addmm_(h, recurrent).tanh_()
        ctx.save_for_backward(x, h0, y, weight_ih, weight_hh)
        return y.transpose(0, 1), h.clone()

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, grad_y: Tensor, grad_h: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, y, weight_ih, weight_hh = ctx.saved_tensors
        length, batch, units = y.shape
        grad_y = grad_y.transpose(0, 1).unbind(0)
        gates = torch.addcmul(y.new_ones(()), y, y, value=-1)
        dh = grad_h + grad_y[-1]
        for t in range(length - 1, -1, -1):
            gate = gates[t].mul_(dh)
            dh = torch.addmm(grad_y[t - 1], gate, weight_hh) if t else gate @ weight_hh
        gates = gates.view(length * batch, units)
        before = torch.cat((h0.unsqueeze(0), y[:-1])).view(length * batch, units)
        dx = (gates @ weight_ih).view(length, batch, -1).transpose(0, 1) if ctx.needs_input_grad[0] else None
        bias = gates.sum(0)
        return dx, dh, gates.T @ x, gates.T @ before, bias, bias.clone()
