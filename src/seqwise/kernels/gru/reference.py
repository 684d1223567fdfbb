"""GRU (Cho et al. 2014, arXiv:1406.1078), gate order r, z, n; reset gate after the matmul, as in torch.nn.GRU."""

import torch
from torch import Tensor

from seqwise.kernels import State


def gru(x: Tensor, state: State, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
    """h_t = n + z * (h_{t-1} - n).

    Args:
        x: (B, T, D).
        state: ``(h,)``, (B, H).
        weight_ih, weight_hh, bias_ih, bias_hh: (3H, D), (3H, H), (3H,), (3H,).

    Returns:
        y (B, T, H) and the state after the last step.
    """
    (h,) = state
    y = []
    for x_t in x.unbind(1):
        x_r, x_z, x_n = (x_t @ weight_ih.T + bias_ih).chunk(3, dim=-1)
        h_r, h_z, h_n = (h @ weight_hh.T + bias_hh).chunk(3, dim=-1)
        r = torch.sigmoid(x_r + h_r)
        z = torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        h = n + z * (h - n)
        y.append(h)
    return torch.stack(y, dim=1), (h,)
