"""Elman network as a mixer."""

from seqwise.models.mixers.recurrent import Cell, Recurrent


class RNN(Recurrent):
    """:mod:`seqwise.kernels.rnn`; parameters interchange with ``torch.nn.RNN`` of one layer."""

    cell = Cell(name="rnn", gates=1, states=1)
