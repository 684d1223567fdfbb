"""What a verdict is drawn from, a table of scores, and what it says, a decision."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from seqwise.comparison import statistics
from seqwise.comparison.statistics import Components, Estimate

Scores = dict[str, list[np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """Per-unit test scores of one metric that is a mean over units, for every trained model and every baseline.

    Raises:
        ValueError: a score is not finite, or models differ in replicates or units.
    """

    metric: str
    higher_is_better: bool
    margin: float
    """Equivalence margin in the metric's unit, fixed before training."""
    scores: Scores
    """Per trained model R arrays (U,); a diverged replicate already holds the trivial baseline's scores."""
    crossed: bool = True
    """The same units in every replicate; False: replicate r is tested on fold r."""
    test_share: float | None = None
    """With folds: n_test / (n_test + n_train); 1/R if left out."""
    diverged: dict[str, int] = field(default_factory=dict)
    baselines: Scores = field(default_factory=dict)
    trivial: str = "majority"
    """The baseline that has learned nothing."""

    def __post_init__(self) -> None:
        shapes = {name: [np.shape(row) for row in rows] for name, rows in self.all_scores.items()}
        first = next(iter(shapes.values()), [])
        for name, shape in shapes.items():
            if shape != first or not shape or (self.crossed and len(set(shape)) > 1):
                raise ValueError(f"'{name}' was not scored on the same replicates and units as the others: {shape} against {first}")
            if not all(np.isfinite(row).all() for row in self.all_scores[name]):
                raise ValueError(f"a score of '{name}' is not finite")

    @property
    def all_scores(self) -> Scores:
        return {**self.scores, **self.baselines}

    @property
    def replicates(self) -> int:
        return len(next(iter(self.all_scores.values()), []))

    @property
    def units(self) -> int:
        """Units in the test data, all folds together."""
        sizes = [len(row) for row in next(iter(self.all_scores.values()), [])]
        return (sizes[0] if self.crossed else sum(sizes)) if sizes else 0

    @property
    def outcomes(self) -> bool:
        """Whether every score is 0 or 1."""
        return all(np.isin(row, (0, 1)).all() for rows in self.all_scores.values() for row in rows)

    @property
    def share(self) -> float:
        return self.test_share or 1 / max(self.replicates, 2)

    @property
    def names(self) -> list[str]:
        """Trained models, best mean first."""
        return self.ranked(self.scores)

    def ranked(self, names: Collection[str]) -> list[str]:
        return sorted(names, key=lambda name: -self.gain(self.score(name).value))

    def gain(self, value: float) -> float:
        """The value, or its negative for an error: more is better."""
        return value if self.higher_is_better else -value

    def score(self, name: str) -> Estimate:
        """A model's or baseline's own mean."""
        return self._estimate(self.all_scores[name])

    def difference(self, a: str, b: str) -> Estimate:
        """Mean of a minus mean of b, in the metric's unit, whether more is better or not."""
        return self._estimate(self._subtract(a, b))

    def components(self, a: str, b: str) -> Components:
        rows = self._subtract(a, b)
        return statistics.crossed_components(np.stack(rows)) if self.crossed else statistics.fold_components(rows)

    def _estimate(self, rows: list[np.ndarray]) -> Estimate:
        """Mean and interval; where all outcomes (0 or 1) agree, or all are 0, the rule of three: 3 of U units may say something else."""
        estimate = statistics.mean_score(rows, folds=not self.crossed, test_share=self.share)
        if estimate.standard_error != 0 or not (self.outcomes or estimate.value == 0):
            return estimate
        return estimate.at_least(3**0.5 / self.units)

    def _subtract(self, a: str, b: str) -> list[np.ndarray]:
        pairs = zip(self.all_scores[a], self.all_scores[b], strict=True)
        return [np.asarray(x, dtype=float) - np.asarray(y, dtype=float) for x, y in pairs]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a table of scores says; every value is ready for JSON."""

    decision: str
    """winner, tie, undecided, or "nothing learned"."""
    winners: list[str]
    candidates: list[str]
    """Models not significantly below the best, best first."""
    excluded: list[str]
    pairwise: list[dict[str, Any]]
    """Per pair: difference is a minus b; better and worse are said of a; p is corrected for all pairs, ci95 is not."""
    baseline_ahead: dict[str, Any] | None
    """The best non-trivial baseline if its mean is ahead of every trained model's; difference is baseline minus model."""
    needed: dict[str, Any] | None
    alpha: float
    text: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def of_pair(self, a: str, b: str) -> str:
        """better, worse, equivalent or undecided, said of a."""
        turned = {"better": "worse", "worse": "better"}
        for row in self.pairwise:
            if (row["a"], row["b"]) == (a, b):
                return row["decision"]
            if (row["a"], row["b"]) == (b, a):
                return turned.get(row["decision"], row["decision"])
        raise KeyError(f"no pair of {a} and {b}")
