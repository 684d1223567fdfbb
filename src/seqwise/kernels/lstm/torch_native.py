"""The LSTM of torch's own fused operator (oneDNN on CPU in float32, cuDNN on CUDA)."""

import torch
from torch import Tensor

from seqwise.kernels import State


def lstm(x: Tensor, state: State, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.lstm.reference.lstm`."""
    h, c = state
    weights = [weight_ih, weight_hh, bias_ih, bias_hh]
    # flags: biases, 1 layer, no dropout, training, one direction, batch first
    y, h, c = torch._VF.lstm(x, (h.unsqueeze(0), c.unsqueeze(0)), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return y, (h[0], c[0])
