"""Elman network (Elman 1990, Finding structure in time), as in torch.nn.RNN with tanh."""

import torch
from torch import Tensor

from seqwise.kernels import State


def rnn(x: Tensor, state: State, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Args:
        x: (B, T, D).
        state: ``(h,)``, (B, H).
        weight_ih, weight_hh, bias_ih, bias_hh: (H, D), (H, H), (H,), (H,).

    Returns:
        y (B, T, H) and the state after the last step.
    """
    (h,) = state
    y = []
    for x_t in x.unbind(1):
        h = torch.tanh(x_t @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)
        y.append(h)
    return torch.stack(y, dim=1), (h,)
