"""Probes: synthetic questions that single out one ability, with answers that can be checked and chance in closed form."""

from seqwise.core.registry import Registry

PROBES = Registry(
    "probe",
    {
        "parity": "seqwise.tasks.probes.automata:parity",
        "even-pairs": "seqwise.tasks.probes.automata:even_pairs",
        "modular-arithmetic": "seqwise.tasks.probes.automata:modular_arithmetic",
        "cycle-navigation": "seqwise.tasks.probes.automata:cycle_navigation",
        "s3-composition": "seqwise.tasks.probes.automata:s3_composition",
        "s5-composition": "seqwise.tasks.probes.automata:s5_composition",
        "adding": "seqwise.tasks.probes.memory:adding",
        "copying": "seqwise.tasks.probes.memory:copying",
        "recall": "seqwise.tasks.probes.memory:recall",
        "reverse": "seqwise.tasks.probes.rewriting:reverse",
        "sort": "seqwise.tasks.probes.rewriting:sort",
    },
)
"""Functions that make a :class:`~seqwise.tasks.probes.probe.Probe`; their arguments are what can be varied."""
