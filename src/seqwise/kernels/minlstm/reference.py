"""minLSTM (Feng et al. 2024, arXiv:2410.01201, section 3.2), not in log space, gate order i, f, g as in torch.nn.LSTM without o."""

import torch
from torch import Tensor

from seqwise.kernels import State


def minlstm(x: Tensor, state: State, weight_ih: Tensor, bias_ih: Tensor) -> tuple[Tensor, State]:
    """h_t = f / (f + i) * h_{t-1} + i / (f + i) * g.

    Args:
        x: (B, T, D).
        state: ``(h,)``, (B, H).
        weight_ih, bias_ih: (3H, D), (3H,).

    Returns:
        y (B, T, H) and the state after the last step.
    """
    (h,) = state
    y = []
    for x_t in x.unbind(1):
        i, f, g = (x_t @ weight_ih.T + bias_ih).chunk(3, dim=-1)
        i, f = torch.sigmoid(i), torch.sigmoid(f)
        h = f / (f + i) * h + i / (f + i) * g
        y.append(h)
    return torch.stack(y, dim=1), (h,)
