"""RNN, GRU and LSTM by the loops in C, with the signature of every kernel, ``lengths`` and ``backwards``."""

import torch
from torch import Tensor

from seqwise.core.errors import UserError
from seqwise.kernels import State
from seqwise.kernels.c import autograd
from seqwise.kernels.c.library import library
from seqwise.kernels.c.rows import rows_of


def rnn(x: Tensor, state: State, *weights: Tensor, lengths: Tensor | None = None, backwards: bool = False) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.rnn.reference.rnn`; float32 on a CPU, gradients of first order only.

    Args:
        lengths: (B,), the real steps of each row, which come first; the state is that after them, and y is zero beyond them.
        backwards: read every row from its last real step to its first.

    Raises :class:`UserError` where the loops are not there, and for other numbers than float32 on a CPU.
    """
    return _run(autograd.RNN, x, state, weights, lengths, backwards)


def gru(x: Tensor, state: State, *weights: Tensor, lengths: Tensor | None = None, backwards: bool = False) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.gru.reference.gru`; see :func:`rnn`."""
    return _run(autograd.GRU, x, state, weights, lengths, backwards)


def lstm(x: Tensor, state: State, *weights: Tensor, lengths: Tensor | None = None, backwards: bool = False) -> tuple[Tensor, State]:
    """As :func:`seqwise.kernels.lstm.reference.lstm`; see :func:`rnn`."""
    return _run(autograd.LSTM, x, state, weights, lengths, backwards)


def _run(
    function: type, x: Tensor, state: State, weights: tuple[Tensor, ...], lengths: Tensor | None, backwards: bool
) -> tuple[Tensor, State]:
    library()
    require_float32(x, *state, *weights)
    batch, length, _ = x.shape
    if any(len(s) != batch for s in state):
        raise RuntimeError(f"the state has {len(state[0])} rows, the input {batch}")
    real = (length,) * batch if lengths is None else tuple(lengths.to(torch.int64).clamp(0, length).tolist())
    if not any(real):
        return x.new_zeros(batch, length, state[0].shape[1]), state
    rows = rows_of(real, length, backwards)
    y, *final = function.apply(rows.flat(x), *state, *(weight.contiguous() for weight in weights), rows)
    return rows.shaped(y), tuple(final)


def require_float32(*tensors: Tensor) -> None:
    for tensor in tensors:
        if tensor.dtype is not torch.float32 or tensor.device.type != "cpu":
            given = f"the loops in C got {tensor.dtype} on {tensor.device}"
            raise UserError(given, expected="float32 on a CPU", fix="backend 'auto', or one of torch's")
