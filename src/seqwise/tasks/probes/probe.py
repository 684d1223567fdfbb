"""What a probe is: examples of any length from a generator of random numbers, and what one expects of a model that has learned nothing."""

import dataclasses
from collections.abc import Callable

import numpy as np

UNASKED = -100
"""A target where nothing is asked."""
LAST, EACH, SEQUENCE = "last", "each", "sequence"
"""Where a probe asks: once, after the last step; at steps of the input; or for a sequence of its own."""

Generate = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe:
    """One question.

    Args:
        generate: ``generate(rng, count, length) -> (inputs, targets)``. Inputs are tokens (B, T) int64, or values (B, T, channels)
            float32; what ``length`` counts, and T with it, is the probe's. Targets are (B,) where ``answers`` is ``"last"``,
            (B, T) for ``"each"``, ``UNASKED`` where nothing is asked, and (B, any) for ``"sequence"``.
        chance: the expected score, by length, of the best answer that does not depend on the input.
        answers: where it asks.
        classes: possible answers; None for a number.
        vocabulary: tokens of the input, and for ``"sequence"`` of the answer; None for values.
        channels: values per step; None for tokens.
        score: ``"accuracy"`` of single answers, ``"exact"`` (the share of sequences without a mistake), or ``"mse"``.
        solved: the score from which it counts as solved.
        shortest, longest: the lengths that there are; None for no end.
    """

    generate: Generate
    chance: Callable[[int], float]
    answers: str
    classes: int | None
    vocabulary: int | None = None
    channels: int | None = None
    score: str = "accuracy"
    solved: float = 0.99
    shortest: int = 1
    longest: int | None = None

    def better(self, new: float, old: float) -> bool:
        return new < old if self.score == "mse" else new > old
