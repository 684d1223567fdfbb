"""minGRU with all gates at once, and one linear scan. See README.md."""

import torch
from torch import Tensor
from torch.nn.functional import linear

from seqwise.kernels import State
from seqwise.kernels.linear_scan.blocked import linear_scan


def mingru(x: Tensor, state: State, weight_ih: Tensor, bias_ih: Tensor) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.mingru.reference.mingru`; gradients of first order only."""
    z, n = linear(x, weight_ih, bias_ih).chunk(2, dim=-1)
    z = torch.sigmoid(z)
    y, h = linear_scan(1 - z, z * n, state[0])
    return y, (h,)
