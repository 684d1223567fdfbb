"""What experiments on probes share: models of a size, what counts as untrained, and picture of scores by length."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.charts import Point, Series, line_chart
from seqwise.report.document import Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.clause import Estimate
from seqwise.textbook.estimates import mean_of
from seqwise.training.probing import ProbeConfig, run_probe

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


def by_length(title: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], styles: Mapping[str, Style], axis: str) -> Figure | None:
    """Scores against test length, mean over seeds with their interval."""
    series = []
    for name, runs in rows.items():
        kept = [run["by_length"] for run in runs if run["by_length"]]
        if kept:
            points = tuple(_point(int(length), mean_of([run[length] for run in kept])) for length in kept[0])
            series.append(Series(name, styles[name], points))
    if not series:
        return None
    drawn = line_chart(title, f"{axis} against length", series, Axis("length", numbers.count, log=True), Axis(axis, numbers.number))
    return Figure(title, drawn, "Mean over seeds with 95 % interval.", tuple((one.label, one.style) for one in series))


def _point(length: int, estimate: Estimate) -> Point:
    assert estimate.value is not None
    return Point(length, estimate.value, estimate.low, estimate.high)


EVERY_RATE = (1e-2, 3e-3, 1e-3)
"""Learning rates that all must have been tried before a model is said to be unable."""
TIMES_AS_LONG = 10
"""How many times the steps of the quickest family that solves it a model must have had."""


def fair_chance(tried: Mapping[float, Sequence[Mapping[str, Any]]], others: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a model that has not learned something was given what it takes to say that it cannot.

    Args:
        tried: its runs, by learning rate.
        others: the runs of all models.
    """
    solved = [row["solved_at"] for row in others if row["solved_at"] is not None]
    steps = min((row["steps"] for rows in tried.values() for row in rows), default=0)
    return set(EVERY_RATE) <= set(tried) and bool(solved) and steps >= TIMES_AS_LONG * min(solved)


def unless_untrained(estimate: Estimate | None, able: bool, fair: bool) -> Estimate | None:
    """An estimate that says "unable" of a model without a fair chance keeps its value and loses its interval: it decides nothing."""
    if estimate is None or able or fair:
        return estimate
    return Estimate(estimate.value, samples=estimate.samples)
