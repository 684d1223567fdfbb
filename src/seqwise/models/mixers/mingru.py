"""Minimal GRU as a mixer: gates see the input alone, so that training is a scan over time (Feng et al. 2024, arXiv:2410.01201)."""

from seqwise.models.mixers.recurrent import Cell, Recurrent


class MinGRU(Recurrent):
    """:mod:`seqwise.kernels.mingru`."""

    cell = Cell(name="mingru", gates=2, states=1, feedback=False)
