"""A few steps of ``torch.nn.RNN``, ``GRU`` and ``LSTM``, of any number of layers, in one call."""

from collections.abc import Sequence

from torch import Tensor, nn

from seqwise.kernels.c.decoding import MOST_ROWS, WEIGHTS, Layer, Stack, possible, readable, stack_of

MODES = {"LSTM": "lstm", "GRU": "gru", "RNN_TANH": "rnn", "RNN_RELU": "relu"}
FLOAT = 4
Answer = tuple[Tensor, Tensor | tuple[Tensor, Tensor]]


def decode(module: nn.RNNBase, x: Tensor, hx: Tensor | tuple[Tensor, Tensor] | None = None) -> Answer | None:
    """What the module returns for ``x`` and ``hx``; None where its own forward is to say it.

    That is with gradients or dropout, for two directions or projections, for many steps, for packed sequences, for other numbers than
    float32 on a CPU, for what does not fit, and where the loops are not there or another kernel is named.
    """
    if not possible(x) or (module.training and module.dropout):
        return None
    stack = stack_of(module, module._flat_weights, lambda: _described(module))
    if stack is None or x.dim() not in (2, 3) or x.shape[-1] != stack.width:
        return None
    batch_first = module.batch_first and x.dim() == 3
    steps, rows = (x.shape[0], 1) if x.dim() == 2 else (x.shape[1], x.shape[0]) if batch_first else x.shape[:2]
    shape = (stack.layers, rows, stack.units) if x.dim() == 3 else (stack.layers, stack.units)
    states = hx if isinstance(hx, tuple) else () if hx is None else (hx,)
    if not 0 < steps * rows <= MOST_ROWS or not _fit(states, shape, stack):
        return None
    turned = batch_first and steps > 1 and rows > 1
    x = (x.transpose(0, 1) if turned else x).contiguous()
    y = x.new_empty(*x.shape[:-1], stack.units)
    final = stack.run(x, steps, _addresses(states, stack, rows), y, 0, shape)
    return y.transpose(0, 1) if turned else y, final[0] if stack.states == 1 else final


def _fit(states: Sequence[Tensor], shape: tuple[int, ...], stack: Stack) -> bool:
    for state in states:
        if state.shape != shape or not readable(state):
            return False
    return len(states) in (0, stack.states)


def _addresses(states: Sequence[Tensor], stack: Stack, rows: int) -> list[int] | None:
    size = FLOAT * rows * stack.units
    return [state.data_ptr() + layer * size for state in states for layer in range(stack.layers)] or None


def _described(module: nn.RNNBase) -> Stack | None:
    if module.bidirectional or module.proj_size or module.mode not in MODES:
        return None
    weights, names = module._flat_weights, WEIGHTS if module.bias else WEIGHTS[:2]
    layers = [
        Layer(MODES[module.mode], dict(zip(names, weights[start : start + len(names)], strict=True)))
        for start in range(0, len(weights), len(names))
    ]
    return Stack.of(layers)
