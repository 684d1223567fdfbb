"""The Elman network of torch's own operator (ATen on CPU, cuDNN on CUDA)."""

import torch
from torch import Tensor

from seqwise.kernels import State


def rnn(x: Tensor, state: State, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.rnn.reference.rnn`."""
    weights = [weight_ih, weight_hh, bias_ih, bias_hh]
    # flags: biases, 1 layer, no dropout, training, one direction, batch first
    y, h = torch._VF.rnn_tanh(x, state[0].unsqueeze(0), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return y, (h[0],)
