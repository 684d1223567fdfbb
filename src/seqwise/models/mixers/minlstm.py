"""minLSTM as a mixer: its gates see the input alone, so that it is trained by a scan over time

Feng et al. 2024, "Were RNNs All We Needed?", arXiv:2410.01201.
"""

from seqwise.models.mixers.recurrent import Cell, Recurrent


class MinLSTM(Recurrent):
    """:mod:`seqwise.kernels.minlstm`."""

    cell = Cell(name="minlstm", gates=3, states=1, forget_gate=1, feedback=False)
