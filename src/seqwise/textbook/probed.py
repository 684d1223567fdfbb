"""What experiments on probes share: models of a size, what counts as untrained, and picture of scores by length."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from seqwise.comparison.contenders import Contender
from seqwise.comparison.sizes import Shape, solve
from seqwise.models.accounting import count_parameters
from seqwise.models.config import POSITIONS, SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Result
from seqwise.textbook.clause import Estimate
from seqwise.textbook.pictures import averaged, lines
from seqwise.training.probing import ProbeConfig, run_probe

Runs = dict[float, dict[int, dict[str, Any]]]
"""Of one model: by learning rate and seed."""
PARAMETERS, EMBEDDING = 40_000, 64
"""Of models that are compared, without tables of tokens and places; width of these tables."""
DISTRIBUTION = 0.99
"""Accuracy at trained lengths below which a model counts as untrained, not as unable."""


def model(mixer: str, width: int = 64, layers: int = 1, **settings: Any) -> SeqwiseConfig:
    """A causal model; one layer of the classic body is the textbook's RNN, LSTM or GRU."""
    sizes = {"embedding_size": width, "projection_size": width, "hidden_size": width, "intermediate_size": 2 * width}
    return SeqwiseConfig(layer_types=[mixer] * layers, num_hidden_layers=layers, **sizes, **settings)


def sized(mixer: str, probe: ProbeConfig, *, layers: int = 1, body: str = "modern", **settings: Any) -> SeqwiseConfig:
    """A causal model for a probe with ``PARAMETERS``, give or take 1 %."""
    asked = probe.built()
    shape = Shape(
        vocab_size=asked.vocabulary or 1,
        settings={"num_input_channels": asked.channels},
        embedding_size=EMBEDDING,
        layers=layers,
        classes=0,
        context=probe.farthest,
        bidirectional=False,
    )

    def parameters(config: SeqwiseConfig) -> float:
        return float(count_parameters(config, asked.classes or 1).non_embedding)

    return solve(Contender(mixer, (mixer,), settings=settings), shape, body, parameters, float(PARAMETERS))


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


def scores(rows: Mapping[int, Mapping[str, Any]], length: int, trivial: float) -> dict[int, float]:
    """By seed, the score at a test length; who diverged has learned nothing, and counts as the trivial answer."""
    return {seed: row["by_length"].get(str(length), trivial) for seed, row in rows.items()}


def by_length(
    title: str,
    models: Mapping[str, Mapping[int, Mapping[str, Any]]],
    lengths: Sequence[int],
    trivial: Callable[[int], float],
    styles: Mapping[str, Style],
    axis: str,
) -> tuple[Figure, ...]:
    """Shares against test length, mean over seeds with their interval, as far as there are such shares.

    Args:
        models: runs by seed.
        trivial: the score, by length, of who has learned nothing.
    """
    found = {
        name: tuple(
            dataclasses.replace(point, low=_share(point.low), high=_share(point.high))
            for point in averaged({n: list(scores(rows, n, trivial(n)).values()) for n in lengths if rows})
        )
        for name, rows in models.items()
    }
    return lines(title, found, styles, (Axis("length", numbers.count, log=True), Axis(axis, numbers.number)))


def _share(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, value))


def by_rate(results: Sequence[Result], part: str, **settings: Any) -> Runs:
    """The runs of a part whose settings agree, by learning rate and seed, each with the steps that it was to have."""
    runs: Runs = {}
    for experiment, row in results:
        if experiment.part == part and all(experiment.settings[name] == value for name, value in settings.items()):
            runs.setdefault(experiment.settings["rate"], {})[experiment.seed] = row | {"planned": experiment.settings["steps"]}
    return runs


def best(groups: Mapping[Any, Mapping[int, Mapping[str, Any]]], *, sign: int = 1) -> Any:
    """Which runs did best on validation, in the mean over the seeds that all have; the first of equals, None of none.

    Args:
        groups: runs by seed, of every learning rate or position code.
        sign: -1 where less is better. What diverged is worst.
    """
    common = set.intersection(*(set(rows) for rows in groups.values())) if groups else set()

    def mean(name: Any) -> float:
        found = [groups[name][seed]["validation"] for seed in common or groups[name]]
        return sum(-math.inf if score is None else sign * score for score in found) / len(found)

    return max(groups, key=mean, default=None)


def best_rate(runs: Runs, *, sign: int = 1) -> dict[int, dict[str, Any]]:
    """By seed, the runs of the learning rate that did :func:`best`."""
    rate = best(runs, sign=sign)
    return {} if rate is None else dict(sorted(runs[rate].items()))


CODES = {"transformer": POSITIONS[0]} | {f"transformer, {code}": code for code in POSITIONS[1:]}
"""Transformers, and how each is told of places."""
EVERY_RATE = (1e-2, 3e-3, 1e-3)
"""Learning rates that all must have been tried before a model is said to be unable."""
TIMES_AS_LONG = 10
"""How many times the steps of the quickest family that solves it a model must have had."""


def fair_chance(tried: Runs, every: Iterable[Runs]) -> bool:
    """Whether a model that has not learned something had the rates and the steps that it takes to say that it cannot.

    Args:
        tried: its runs, as :func:`by_rate` has them.
        every: those of all models.
    """
    solved = [row["solved_at"] for runs in every for rows in runs.values() for row in rows.values() if row["solved_at"] is not None]
    steps = min((row["planned"] for rows in tried.values() for row in rows.values()), default=0)
    return set(EVERY_RATE) <= set(tried) and bool(solved) and steps >= TIMES_AS_LONG * min(solved)


def fits(rows: Mapping[int, Mapping[str, Any]]) -> bool:
    """Whether runs have learned what they were trained on, in the mean over seeds."""
    return bool(rows) and sum(row["validation"] or 0.0 for row in rows.values()) / len(rows) >= DISTRIBUTION


def unless_untrained(estimate: Estimate, threshold: float, fair: bool) -> Estimate:
    """An estimate that lies wholly on the side of "unable", below the threshold, of a model that had no fair chance decides nothing.

    It keeps its value and loses its interval.
    """
    if fair or estimate.high is None or estimate.high >= threshold:
        return estimate
    return Estimate(estimate.value, samples=estimate.samples, why="untrained: too little was tried to say that it cannot be learned")
