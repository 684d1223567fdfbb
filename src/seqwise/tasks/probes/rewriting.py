"""Probes that ask for a sequence: ``length`` symbols in, the same symbols in another order out, and an end.

Token 0 starts an answer, ``alphabet`` + 1 ends it. The score is the share of answers without a mistake.
"""

import math
from collections.abc import Callable

import numpy as np

from seqwise.tasks.probes.probe import SEQUENCE, Probe


def rewriting(order: Callable[[np.ndarray], np.ndarray], chance: Callable[[int], float], alphabet: int) -> Probe:
    """``order`` turns sources (B, T) into the symbols of the answers (B, T)."""

    def generate(rng: np.random.Generator, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        symbols = rng.integers(1, alphabet + 1, size=(count, length))
        return symbols, np.column_stack((order(symbols), np.full(count, alphabet + 1)))

    return Probe(generate=generate, chance=chance, answers=SEQUENCE, vocabulary=alphabet + 2, classes=alphabet + 2, score="exact")


def reverse(alphabet: int = 8) -> Probe:
    """The symbols from the last to the first: 3 1 4 -> 4 1 3."""
    return rewriting(lambda symbols: symbols[:, ::-1], lambda length: float(alphabet) ** -length, alphabet)


def sort(alphabet: int = 8) -> Probe:
    """The symbols in ascending order: 3 1 3 2 -> 1 2 3 3. The most frequent answer has every symbol as often as any other."""

    def chance(length: int) -> float:
        often, more = divmod(length, alphabet)
        orders = math.factorial(length) // (math.factorial(often) ** (alphabet - more) * math.factorial(often + 1) ** more)
        return orders / alphabet**length

    return rewriting(lambda symbols: np.sort(symbols, axis=1), chance, alphabet)
