"""The linear recurrence h_t = a_t h_{t-1} + b_t, unit by unit (Blelloch 1990, Prefix Sums and Their Applications)."""

import torch
from torch import Tensor


def linear_scan(a: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """h_t = a_t * h_{t-1} + b_t.

    Args:
        a, b: (B, T, H), T at least 1.
        h: (B, H), the state before the first step.

    Returns:
        All states (B, T, H), and the last one (B, H).
    """
    y = []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        h = a_t * h + b_t
        y.append(h)
    return torch.stack(y, dim=1), h
