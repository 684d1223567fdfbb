"""minLSTM with all gates at once, and one linear scan. See README.md."""

import torch
from torch import Tensor
from torch.nn.functional import linear, logsigmoid

from seqwise.kernels import State
from seqwise.kernels.linear_scan.blocked import linear_scan


def minlstm(x: Tensor, state: State, weight_ih: Tensor, bias_ih: Tensor) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.minlstm.reference.minlstm`; gradients of first order only."""
    i, f, g = linear(x, weight_ih, bias_ih).chunk(3, dim=-1)
    # sigmoid(f) / (sigmoid(f) + sigmoid(i)), which in float32 is 0 / 0 where both gates are below -104
    kept = torch.sigmoid(logsigmoid(f) - logsigmoid(i))
    y, h = linear_scan(kept, (1 - kept) * g, state[0])
    return y, (h,)
