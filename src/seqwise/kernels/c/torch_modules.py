"""A few steps of ``torch.nn.RNN``, ``GRU`` and ``LSTM``, of any number of layers, in one call."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqwise.kernels.c.decoding import MOST_ROWS, WEIGHTS, Layer, Stack, possible, readable, stack_of

MODES = {"LSTM": "lstm", "GRU": "gru", "RNN_TANH": "rnn", "RNN_RELU": "relu"}
Answer = tuple[Tensor, Tensor | tuple[Tensor, Tensor]]


def decode(module: nn.RNNBase, x: Tensor, hx: Tensor | tuple[Tensor, Tensor] | None = None) -> Answer | None:
    """What the module returns for ``x`` and ``hx``; None where its own forward is to say it.

    That is with gradients or dropout, for two directions or projections, for many steps, for packed sequences, for other numbers than
    float32 on a CPU, for what does not fit, and where the loops are not there or another kernel is named.
    """
    if not possible(module, x) or (module.training and module.dropout):
        return None
    module._update_flat_weights()
    stack = stack_of(module, module._flat_weights, lambda: _described(module))
    sizes = None if stack is None else _sizes(x.shape, module.batch_first, stack.layers, stack.width, stack.units)
    states = tuple(hx) if isinstance(hx, tuple | list) else () if hx is None else (hx,)
    if sizes is None or not _fit(states, sizes.state, stack):
        return None
    x = (x.transpose(0, 1) if sizes.turned else x).contiguous()
    y, before = x.new_empty(sizes.y), [state.data_ptr() for state in states]
    final = tuple([torch.empty_like(state) for state in states] or [x.new_empty(sizes.state) for _ in range(stack.states)])
    stack.run(x, sizes.steps, sizes.rows, before, y, 0, final)
    return y.transpose(0, 1) if sizes.turned else y, final if stack.states == 2 else final[0]


class Sizes(NamedTuple):
    steps: int
    rows: int
    turned: bool
    """Whether rows come before steps, and there are several of both."""
    y: tuple[int, ...]
    """The shape, steps before rows where the input is turned."""
    state: tuple[int, ...]


@functools.lru_cache(maxsize=256)
def _sizes(shape: torch.Size, batch_first: bool, layers: int, width: int, units: int) -> Sizes | None:
    """Of an input (T, D), (T, B, D) or (B, T, D); None for another, and for one that is too long."""
    if len(shape) not in (2, 3) or shape[-1] != width or not 0 < math.prod(shape[:-1]) <= MOST_ROWS:
        return None
    if len(shape) == 2:
        return Sizes(shape[0], 1, False, (shape[0], units), (layers, units))
    rows, steps = shape[:2] if batch_first else shape[1::-1]
    turned = batch_first and rows > 1 and steps > 1
    return Sizes(steps, rows, turned, (*(shape[1::-1] if turned else shape[:2]), units), (layers, rows, units))


def _fit(states: Sequence[Tensor], shape: tuple[int, ...], stack: Stack) -> bool:
    for state in states:
        if state.shape != shape or not readable(state):
            return False
    return len(states) in (0, stack.states)


def _described(module: nn.RNNBase) -> Stack | None:
    if module.bidirectional or module.proj_size or module.mode not in MODES:
        return None
    weights, names = module._flat_weights, WEIGHTS if module.bias else WEIGHTS[:2]
    layers = [
        Layer(MODES[module.mode], dict(zip(names, weights[start : start + len(names)], strict=True)))
        for start in range(0, len(weights), len(names))
    ]
    return Stack.of(layers)
