"""What a claim owns: its statement, the rules it is judged by, the experiment, the pictures."""

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from seqwise.core.config import Config
from seqwise.report.document import Block
from seqwise.textbook.clause import UNRUN, Clause, Estimate, verdict_of

TIERS = ("smoke", "standard", "long")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A figure of the literature beside ours.

    Args:
        read: whether the source itself was read.
        clauses: which of the claim's clauses measure the same thing here.
    """

    value: str
    source: str
    read: bool = True
    clauses: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment(Config):
    """One run of an experiment: a part of a claim, with its settings, and a seed.

    Args:
        part: which of the claim's measurements it is.
        settings: JSON values that name it: a model, a length, a number of steps.
        seed: of weights and data.
    """

    part: str
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """A measurement in ``claims.json``.

    Args:
        at: the point it was taken at: ``{"length": 128}``.
    """

    model: str
    quantity: str
    unit: str
    estimate: Estimate
    at: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        found = {"model": self.model, "quantity": self.quantity, "unit": self.unit, "at": dict(self.at)}
        return found | {"value": self.estimate.value, "ci95": self.estimate.ci95, "seeds": self.estimate.samples}


@dataclasses.dataclass(frozen=True)
class Judged:
    """What came of the experiments.

    Args:
        estimates: of the clauses, in their order; None where a tier does not measure one.
        measurements: everything measured.
        summary: one sentence with the numbers.
        cells: of the document's table: feature, then family, then what was measured.
    """

    estimates: Sequence[Estimate | None]
    measurements: Sequence[Measured]
    summary: str
    cells: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)


Result = tuple[Experiment, dict[str, Any]]
"""An experiment and what it found, JSON-ready."""


class Claim(abc.ABC):
    """One claim. Stateless: results go in, a judgement comes out; the same for every tier."""

    id: ClassVar[str]
    source: ClassVar[str]
    """Reason 1 to 6, a row of the table, or the paper of a counter-claim."""
    statement: ClassVar[str]
    clauses: ClassVar[tuple[Clause, ...]]
    published: ClassVar[tuple[Published, ...]] = ()
    seconds: ClassVar[Mapping[str, float]]
    """That a tier may take, on two cores. A tier that is not named is not run."""
    alone: ClassVar[bool] = False
    """Whether times are measured, so that nothing else may run beside."""

    @abc.abstractmethod
    def experiments(self, tier: str) -> Iterable[Experiment]:
        """In the order of running: what comes late may be left out where time is short, whole seeds first."""

    @abc.abstractmethod
    def run(self, experiment: Experiment) -> dict[str, Any]:
        """Measure, in a process of its own with one thread; a pure function of the experiment but for times."""

    @abc.abstractmethod
    def judge(self, results: Sequence[Result]) -> Judged:
        """From whatever results there are; a clause without enough of them has no interval."""

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Figures for the page."""
        return ()

    def told(self, results: Sequence[Result] | None, seconds: float) -> dict[str, Any]:
        """The claim's entry in ``claims.json``; ``results`` None where it was not run."""
        judged = self.judge(results) if results is not None else Judged([None] * len(self.clauses), (), UNRUN)
        clauses = [clause.told(estimate) for clause, estimate in zip(self.clauses, judged.estimates, strict=True)]
        verdict = verdict_of([clause["verdict"] for clause in clauses if not clause["control"]])
        if verdict == UNRUN and results is not None:
            verdict = "undecided"
        return {
            "id": self.id,
            "source": self.source,
            "statement": self.statement,
            "clauses": clauses,
            "verdict": verdict,
            "summary": judged.summary,
            "published": [dataclasses.asdict(figure) | {"clauses": list(figure.clauses)} for figure in self.published],
            "measurements": [measured.told() for measured in judged.measurements],
            "seconds": seconds,
            "figures": [],
            "cells": judged.cells,
        }


def by_seed(results: Sequence[Result], part: str, key: str, **settings: Any) -> dict[int, Any]:
    """One value of every result of a part whose settings agree, by seed, in order."""
    found = {
        experiment.seed: result[key]
        for experiment, result in results
        if experiment.part == part and all(experiment.settings.get(name) == value for name, value in settings.items())
    }
    return dict(sorted(found.items()))


def values_of(results: Sequence[Result], part: str, key: str, **settings: Any) -> list[Any]:
    """The values of :func:`by_seed` alone."""
    return list(by_seed(results, part, key, **settings).values())
