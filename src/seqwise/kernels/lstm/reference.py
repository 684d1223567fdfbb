"""LSTM (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000), gate order i, f, g, o as in torch.nn.LSTM."""

import torch
from torch import Tensor

from seqwise.kernels import State


def lstm(x: Tensor, state: State, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
    """c_t = f * c_{t-1} + i * g, h_t = o * tanh(c_t).

    Args:
        x: (B, T, D).
        state: ``(h, c)``, each (B, H).
        weight_ih, weight_hh, bias_ih, bias_hh: (4H, D), (4H, H), (4H,), (4H,).

    Returns:
        y (B, T, H) and the state after the last step.
    """
    h, c = state
    y = []
    for x_t in x.unbind(1):
        i, f, g, o = (x_t @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        y.append(h)
    return torch.stack(y, dim=1), (h, c)
