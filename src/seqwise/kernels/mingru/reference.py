"""minGRU (Feng et al. 2024, arXiv:2410.01201, section 3.1), not in log space, gate order z, n as in torch.nn.GRU without r."""

import torch
from torch import Tensor

from seqwise.kernels import State


def mingru(x: Tensor, state: State, weight_ih: Tensor, bias_ih: Tensor) -> tuple[Tensor, State]:
    """h_t = (1 - z) * h_{t-1} + z * n.

    Args:
        x: (B, T, D).
        state: ``(h,)``, (B, H).
        weight_ih, bias_ih: (2H, D), (2H,).

    Returns:
        y (B, T, H) and the state after the last step.
    """
    (h,) = state
    y = []
    for x_t in x.unbind(1):
        z, n = (x_t @ weight_ih.T + bias_ih).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        h = (1 - z) * h + z * n
        y.append(h)
    return torch.stack(y, dim=1), (h,)
