"""The GRU with everything that does not depend on the step before taken out of the time loop.

Time runs first inside (T, B, H). See README.md for the derivation.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from seqwise.kernels import State
from seqwise.kernels.first_order import first_order_only


def gru(x: Tensor, state: State, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.gru.reference.gru`; gradients of first order only."""
    y, h = BatchedGRU.apply(x, state[0], weight_ih, weight_hh, bias_ih, bias_hh)
    return y, (h,)


class BatchedGRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, h0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
    ) -> tuple[Tensor, Tensor]:
        batch, length, width = x.shape
        units = h0.shape[1]
        x = x.transpose(0, 1).reshape(length * batch, width)
        rz = torch.addmm((bias_ih + bias_hh)[: 2 * units], x, weight_ih[: 2 * units].T).view(length, batch, 2 * units)
        n = torch.addmm(bias_ih[2 * units :], x, weight_ih[2 * units :].T).view(length, batch, units)
        hidden_n, y = torch.empty_like(n), torch.empty_like(n)
        recurrent_rz, recurrent_n, bias_n = weight_hh[: 2 * units].T, weight_hh[2 * units :].T, bias_hh[2 * units :]
        r, z = rz.split(units, dim=-1)
        h = h0
        steps = zip(rz.unbind(0), r.unbind(0), z.unbind(0), n.unbind(0), hidden_n.unbind(0), y.unbind(0), strict=True)
        for rz_t, r_t, z_t, n_t, hidden_n_t, y_t in steps:
            rz_t.addmm_(h, recurrent_rz).sigmoid_()
            torch.addmm(bias_n, h, recurrent_n, out=hidden_n_t)
            n_t.addcmul_(r_t, hidden_n_t).tanh_()
            h = torch.lerp(n_t, h, z_t, out=y_t)
        ctx.save_for_backward(x, h0, y, rz, n, hidden_n, weight_ih, weight_hh)
        return y.transpose(0, 1), h.clone()

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, grad_y: Tensor, grad_h: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, y, rz, n, hidden_n, weight_ih, weight_hh = ctx.saved_tensors
        length, batch, units = y.shape
        z = rz[..., units:]
        before = torch.cat((h0.unsqueeze(0), y[:-1]))
        slopes, slope_n = slopes_of_gates(before, rz, n, hidden_n)
        dh = torch.empty_like(y)
        grad_y = grad_y.transpose(0, 1).unbind(0)
        torch.add(grad_h, grad_y[-1], out=dh[-1])
        for t in range(length - 1, -1, -1):
            gate = slopes[t].mul_(dh[t].unsqueeze(1)).view(batch, 3 * units)
            carried = torch.addcmul(grad_y[t - 1], dh[t], z[t], out=dh[t - 1]) if t else dh[0] * z[0]
            carried.addmm_(gate, weight_hh)
        hidden_gates = slopes.view(length * batch, 3 * units)
        input_gates = hidden_gates.clone()
        input_gates[:, 2 * units :] = dh.mul_(slope_n).view(length * batch, units)
        dx = (input_gates @ weight_ih).view(length, batch, -1).transpose(0, 1) if ctx.needs_input_grad[0] else None
        weights = input_gates.T @ x, hidden_gates.T @ before.view(length * batch, units)
        return dx, carried, *weights, input_gates.sum(0), hidden_gates.sum(0)


def slopes_of_gates(before: Tensor, rz: Tensor, n: Tensor, hidden_n: Tensor) -> tuple[Tensor, Tensor]:
    """dh_t/d(W_hh h_{t-1} + b_hh) for r, z, n, (T, B, 3, H), and dh_t/d(W_ih x_t + b_ih) for n, (T, B, H)."""
    r, z = rz.chunk(2, dim=-1)
    slopes = n.new_empty(*n.shape[:2], 3, n.shape[2])
    slope_n = (1 - z).mul_(torch.addcmul(n.new_ones(()), n, n, value=-1))
    torch.mul(slope_n, r, out=slopes[:, :, 2])
    torch.mul(slopes[:, :, 2], (1 - r).mul_(hidden_n), out=slopes[:, :, 0])
    torch.mul(before - n, z * (1 - z), out=slopes[:, :, 1])
    return slopes, slope_n
