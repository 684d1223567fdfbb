"""Gated recurrent unit as a mixer."""

from seqwise.models.mixers.recurrent import Cell, Recurrent


class GRU(Recurrent):
    """:mod:`seqwise.kernels.gru`; parameters interchange with ``torch.nn.GRU`` of one layer."""

    cell = Cell(name="gru", gates=3, states=1)
