"""minGRU as a mixer: its gates see the input alone, so that it is trained by a scan over time

Feng et al. 2024, "Were RNNs All We Needed?", arXiv:2410.01201.
"""

from seqwise.models.mixers.recurrent import Cell, Recurrent


class MinGRU(Recurrent):
    """:mod:`seqwise.kernels.mingru`."""

    cell = Cell(name="mingru", gates=2, states=1, feedback=False)
