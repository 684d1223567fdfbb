"""RNN, GRU and LSTM by the loops in C, with the signature of every kernel, ``lengths`` and ``reverse``."""

import torch
from torch import Tensor

from seqwise.core.errors import UserError
from seqwise.kernels import State
from seqwise.kernels.c import autograd
from seqwise.kernels.c.library import library
from seqwise.kernels.c.rows import rows_of


def rnn(x: Tensor, state: State, *weights: Tensor, lengths: Tensor | None = None, reverse: bool = False) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.rnn.reference.rnn`; float32 on a CPU, gradients of first order only.

    Args:
        lengths: (B,), the real steps of each row, which come first; the state is that after them, and y is zero beyond them.
        reverse: read every row from its last real step to its first.

    Raises :class:`UserError` where the loops are not there, and for other numbers than float32 on a CPU.
    """
    return _run(autograd.RNN, x, state, weights, lengths, reverse)


def gru(x: Tensor, state: State, *weights: Tensor, lengths: Tensor | None = None, reverse: bool = False) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.gru.reference.gru`; see :func:`rnn`."""
    return _run(autograd.GRU, x, state, weights, lengths, reverse)


def lstm(x: Tensor, state: State, *weights: Tensor, lengths: Tensor | None = None, reverse: bool = False) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.lstm.reference.lstm`; see :func:`rnn`."""
    return _run(autograd.LSTM, x, state, weights, lengths, reverse)


def _run(
    function: type, x: Tensor, state: State, weights: tuple[Tensor, ...], lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    library()
    require_float32(x, *state, *weights)
    batch, length, _ = x.shape
    if batch == 0 or length == 0 or (lengths is not None and not lengths.any()):
        return x.new_zeros(batch, length, state[0].shape[1]), state
    rows = rows_of((length,) * batch if lengths is None else tuple(lengths.tolist()), length, reverse)
    y, *final = function.apply(x, *state, *(weight.contiguous() for weight in weights), rows)
    return y, tuple(final)


def require_float32(*tensors: Tensor) -> None:
    for tensor in tensors:
        if tensor.dtype is not torch.float32 or tensor.device.type != "cpu":
            given = f"the loops in C got {tensor.dtype} on {tensor.device}"
            raise UserError(given, expected="float32 on a CPU", fix="backend 'auto', or one of torch's")
