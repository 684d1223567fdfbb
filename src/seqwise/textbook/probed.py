"""What experiments on probes share: models of a size, what counts as untrained, and picture of scores by length."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Result
from seqwise.textbook.clause import Estimate
from seqwise.textbook.pictures import averaged, lines
from seqwise.training.probing import ProbeConfig, run_probe

Runs = dict[float, dict[int, dict[str, Any]]]
"""Of one model: by learning rate and seed."""
DISTRIBUTION = 0.99
"""Accuracy at trained lengths below which a model counts as untrained, not as unable."""


def model(mixer: str, width: int = 64, layers: int = 1, **settings: Any) -> SeqwiseConfig:
    """A causal model; one layer of the classic body is the textbook's RNN, LSTM or GRU."""
    sizes = {"embedding_size": width, "projection_size": width, "hidden_size": width, "intermediate_size": 2 * width}
    return SeqwiseConfig(layer_types=[mixer] * layers, num_hidden_layers=layers, **sizes, **settings)


def score(probe: ProbeConfig, config: SeqwiseConfig, seed: int) -> dict[str, Any]:
    """What claims keep of :func:`~seqwise.training.probing.run_probe`."""
    found = run_probe(probe, config, seed=seed)
    metric = probe.built().score
    return {
        "status": found["status"],
        "validation": found["curve"][-1][metric] if found["curve"] else None,
        "solved_at": found["solved_at"],
        "steps": found["steps"],
        "parameters": found["parameters"],
        "by_length": {str(row["length"]): row[metric] for row in found["by_length"]},
        "chance": {str(row["length"]): row["chance"] for row in found["by_length"]},
    }


def beyond(rows: Sequence[Mapping[str, Any]], lengths: Sequence[int]) -> list[float]:
    """Of each run its mean score over some test lengths; runs that diverged are left out."""
    return [sum(row["by_length"][str(n)] for n in lengths) / len(lengths) for row in rows if row["by_length"]]


def by_length(title: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], styles: Mapping[str, Style], axis: str) -> tuple[Figure, ...]:
    """Scores against test length, mean over seeds with their interval."""
    kept = {name: [run["by_length"] for run in runs if run["by_length"]] for name, runs in rows.items()}
    found = {name: averaged({int(n): [run[n] for run in runs] for n in runs[0]}) for name, runs in kept.items() if runs}
    return lines(title, found, styles, (Axis("length", numbers.count, log=True), Axis(axis, numbers.number)))


def by_rate(results: Sequence[Result], part: str, **settings: Any) -> Runs:
    """The runs of a part whose settings agree, by learning rate and seed."""
    runs: Runs = {}
    for experiment, row in results:
        if experiment.part == part and all(experiment.settings[name] == value for name, value in settings.items()):
            runs.setdefault(experiment.settings["rate"], {})[experiment.seed] = row
    return runs


def best_rate(runs: Runs, *, sign: int = 1) -> list[dict[str, Any]]:
    """By seed, those of the learning rate that did best on validation in the mean; ``sign`` -1 where less is better."""
    worst = -math.inf
    mean = lambda rows: sum(worst if row["validation"] is None else sign * row["validation"] for row in rows.values()) / len(rows)  # noqa: E731
    return [row for _, row in sorted(max(runs.values(), key=mean, default={}).items())]


EVERY_RATE = (1e-2, 3e-3, 1e-3)
"""Learning rates that all must have been tried before a model is said to be unable."""
TIMES_AS_LONG = 10
"""How many times the steps of the quickest family that solves it a model must have had."""


def fair_chance(tried: Runs, every: Iterable[Runs]) -> bool:
    """Whether a model that has not learned something was given what it takes to say that it cannot.

    Args:
        tried: its runs, as :func:`by_rate` has them.
        every: those of all models.
    """
    solved = [row["solved_at"] for runs in every for rows in runs.values() for row in rows.values() if row["solved_at"] is not None]
    steps = min((row["steps"] for rows in tried.values() for row in rows.values()), default=0)
    return set(EVERY_RATE) <= set(tried) and bool(solved) and steps >= TIMES_AS_LONG * min(solved)


def unless_untrained(estimate: Estimate | None, able: bool, fair: bool) -> Estimate | None:
    """An estimate that says "unable" of a model without a fair chance keeps its value and loses its interval: it decides nothing."""
    if estimate is None or able or fair:
        return estimate
    return Estimate(estimate.value, samples=estimate.samples)
