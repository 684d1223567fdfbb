"""Inputs of a recurrence of any size, and what it makes of them, there and back."""

import torch

GATES = {"rnn": 1, "lstm": 4, "gru": 3, "minlstm": 3, "mingru": 2}
STATES = {"rnn": 1, "lstm": 2, "gru": 1, "minlstm": 1, "mingru": 1}
TORCH = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def inputs(recurrence, batch, length, width, units, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_()

    rows = GATES[recurrence] * units
    state = tuple(draw(batch, units) for _ in range(STATES[recurrence]))
    weights = (draw(rows, width), draw(rows, units), draw(rows), draw(rows)) if recurrence in TORCH else (draw(rows, width), draw(rows))
    return draw(batch, length, width), state, *weights


def values_and_gradients(run, x, state, *weights):
    y, final = run(x, state, *weights)
    outputs = [y, *final]
    generator = torch.Generator().manual_seed(7)
    probes = [torch.randn(output.shape, dtype=torch.float64, generator=generator).to(y.dtype) for output in outputs]
    loss = sum((output * probe).sum() for output, probe in zip(outputs, probes, strict=True))
    return [output.detach() for output in outputs], torch.autograd.grad(loss, [x, *state, *weights])
