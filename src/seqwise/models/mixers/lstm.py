"""Long short-term memory as a mixer."""

from seqwise.models.mixers.recurrent import Cell, Recurrent


class LSTM(Recurrent):
    """:mod:`seqwise.kernels.lstm`; parameters interchange with ``torch.nn.LSTM`` of one layer."""

    cell = Cell(name="lstm", gates=4, states=2, forget_gate=1)
