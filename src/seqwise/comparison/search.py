"""The search: the same Sobol points for every family and replicate, and a selection that reads validation only."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import qmc

from seqwise.comparison.contenders import Contender
from seqwise.core.errors import UserError
from seqwise.data.splits import Split
from seqwise.tasks.task import Task

SEARCHES = ("search", "extension")
"""Kinds of trials that end early and are selected from."""
COMPARED = ("final", "baseline")
"""Kinds of trials whose answers are compared."""
DIMENSIONS = 5
SHARED = 3
"""How many dimensions a space has, and how many of them, the first ones, are the same for every family."""
EDGE = 0.1
"""A kept point this close to an end of a range, as a share of the range, is flagged."""


@dataclasses.dataclass(frozen=True)
class Dimension:
    """A range (linear or logarithmic) or a list of choices."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def at(self, share: float) -> Any:
        """The value at ``share`` in [0, 1) of the dimension."""
        if self.choices:
            return self.choices[int(share * len(self.choices))]
        if self.log:
            return float(f"{math.exp(math.log(self.low) + share * math.log(self.high / self.low)):.4g}")
        return max(0.0, round(self.low + share * (self.high - self.low), 4))

    def on_edge(self, share: float) -> bool:
        """Whether better values may lie beyond: of choices none do, nor below a rate of 0, nor above a share of 1."""
        if self.choices or (share < 0.5 and not self.log and self.low == 0) or (share > 0.5 and not self.log and self.high == 1):
            return False
        return not EDGE <= share <= 1 - EDGE

    def described(self) -> list[Any]:
        return list(self.choices) if self.choices else [self.low, self.high]


LEARNING_RATE = Dimension("learning_rate", 1e-3, 1e-2, log=True)
WEIGHT_DECAY = Dimension("weight_decay", 0.01, 0.3, log=True)
BODY = Dimension("body", choices=("modern", "classic"))
FORGET_BIAS = Dimension("forget_bias", choices=(0.0, 1.0, 2.0))
WARMUP = Dimension("warmup", 0.02, 0.2)
FORGETTING = frozenset({"lstm", "minlstm"})
"""Mixers with a forget gate."""
POSITIONS = Dimension("position_embedding", choices=("rotary", "learned"))


LARGE_RATE = Dimension("learning_rate", 1e-4, 1e-3, log=True)
"""Of fresh weights, ten million and more: the narrower a model, the larger the rate that suits it (Yang et al. 2022, arXiv:2203.03466)."""
SMALL_TUNED, LARGE_TUNED = Dimension("learning_rate", 3e-4, 5e-3, log=True), Dimension("learning_rate", 1e-5, 1e-3, log=True)
"""Of fine-tuning."""
DECAY = Dimension("decay", 0.25, 0.75)
LAYER_DECAY, UNFREEZING = Dimension("layer_decay", 0.5, 1.0), Dimension("unfreezing", 0.0, 0.1)
"""Every layer has learned for more than half of a search when that ends."""


def shared(task: Task, *, fine_tuned: bool = False, small: bool = True) -> tuple[Dimension, ...]:
    """The dimensions that every family has; the task says how much dropout makes sense.

    Args:
        fine_tuned: of a model that does not start from fresh weights.
        small: of one of fewer than ten million parameters.
    """
    fresh, tuned = (LEARNING_RATE, SMALL_TUNED) if small else (LARGE_RATE, LARGE_TUNED)
    rate = tuned if fine_tuned else fresh
    return rate, Dimension("dropout", *task.dropout), WEIGHT_DECAY


def space(contender: Contender, task: Task) -> tuple[Dimension, ...]:
    """Three shared dimensions and two of the family's own: as many for every family."""
    gate = WARMUP if FORGETTING.isdisjoint(contender.mixers) else FORGET_BIAS
    if contender.source:
        own = (WARMUP, DECAY) if contender.fresh else (LAYER_DECAY, UNFREEZING)
    elif contender.family == "attention":
        own = (WARMUP, POSITIONS)
    elif contender.family == "hybrid":
        own = (gate, POSITIONS)
    else:
        own = (gate, BODY)
    outside = bool(contender.source)
    return shared(task, fine_tuned=outside and not contender.fresh, small=contender.small or not outside) + own


def points(configurations: int, seed: int) -> list[list[float]]:
    """``configurations`` points of a scrambled Sobol sequence (Sobol' 1967) in five dimensions."""
    power = max(0, (configurations - 1).bit_length())
    return qmc.Sobol(DIMENSIONS, scramble=True, rng=seed).random_base2(power)[:configurations].tolist()


def hyperparameters(contender: Contender, point: Sequence[float], task: Task) -> tuple[dict[str, Any], list[str]]:
    """The values of one point, and the names of those at an edge of the space."""
    dimensions = space(contender, task)
    values = {dimension.name: dimension.at(share) for dimension, share in zip(dimensions, point, strict=True)}
    return values, [dimension.name for dimension, share in zip(dimensions, point, strict=True) if dimension.on_edge(share)]


def select(records: Sequence[Mapping[str, Any]], task: Task, on: Split) -> Mapping[str, Any] | None:
    """The trial with the best score on validation; None where every one diverged or failed.

    Raises :class:`UserError` when asked to select on anything but validation.
    """
    if on is not Split.VALIDATION:
        raise UserError(f"a search cannot select on {on}", expected="the validation split")
    finished = [record for record in records if record["status"] == "ok" and record["best"]]
    return max(finished, key=lambda record: task.selection_key(record["best"]), default=None)
