"""Probes that a finite automaton solves: what is asked is its state after reading the input."""

import functools
import itertools

import numpy as np

from seqwise.tasks.probes.probe import EACH, LAST, Probe

Examples = tuple[np.ndarray, np.ndarray]
MODULUS = 5
PLUS, MINUS, TIMES = range(MODULUS, MODULUS + 3)


def parity() -> Probe:
    """Whether the number of ones among ``length`` bits is odd: 1 0 1 1 -> 1.

    One bit decides, however many there are; what attention answers depends on a single one the less, the more there are (Hahn 2020,
    arXiv:1906.06755). Gates between 0 and 1 of a linear recurrence cannot turn a state around (Grazzi et al. 2024, arXiv:2411.12537).
    """

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        bits = rng.integers(2, size=(count, length))
        return bits, bits.sum(1) % 2

    return Probe(generate=generate, chance=lambda length: 1 / 2, answers=LAST, vocabulary=2, classes=2)


def even_pairs() -> Probe:
    """Whether 01 and 10 stand an even number of times among ``length`` bits: 0 0 1 1 0 -> 1.

    The control to parity (Deletang et al. 2022, arXiv:2207.02098): as regular, but it is enough to compare the first bit and the last.
    """

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        bits = rng.integers(2, size=(count, length))
        return bits, (bits[:, 0] == bits[:, -1]).astype(np.int64)

    return Probe(generate=generate, chance=lambda length: 1 / 2, answers=LAST, vocabulary=2, classes=2, shortest=2)


def modular_arithmetic() -> Probe:
    """The value, modulo 5, of ``length`` digits with + - * between them, products first: 2 - 3 * 4 -> 0. T = 2 ``length`` - 1.

    Deletang et al. 2022 (arXiv:2207.02098), without brackets.
    """

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        digits, signs = rng.integers(MODULUS, size=(count, length)), rng.integers(PLUS, TIMES + 1, size=(count, length - 1))
        total, term = np.zeros(count, np.int64), digits[:, 0]
        for digit, sign in zip(digits[:, 1:].T, signs.T, strict=True):
            total = np.where(sign == TIMES, total, total + term)
            term = np.where(sign == TIMES, term * digit, np.where(sign == MINUS, -digit, digit)) % MODULUS
        inputs = np.empty((count, 2 * length - 1), np.int64)
        inputs[:, ::2], inputs[:, 1::2] = digits, signs
        return inputs, (total + term) % MODULUS

    return Probe(generate=generate, chance=arithmetic_chance, answers=LAST, vocabulary=MODULUS + 3, classes=MODULUS)


def arithmetic_chance(length: int) -> float:
    """The probability of 0, the most frequent value.

    A product of k digits is 0 with probability 1 - (4/5)^k and uniform else, so that for every primitive fifth root of unity w the mean of
    w^product is c_k = 1 - (5/4) (4/5)^k. A sum's is the product of its terms'; the first term has k digits with probability
    (1/3)^(k-1) 2/3, or (1/3)^(n-1) where it is all n. The mean m of w^value so gives P(0) = (1 + 4 m) / 5.
    """
    means = [1.0]
    for n in range(1, length + 1):
        first = [(1 - 1.25 * 0.8**k) * 3.0 ** (1 - k) * (1 if k == n else 2 / 3) for k in range(1, n + 1)]
        means.append(sum(c * means[n - k] for k, c in enumerate(first, start=1)))
    return (1 + 4 * means[length]) / 5


def cycle_navigation() -> Probe:
    """Where on a cycle of 5 places ``length`` moves lead: stay (0), forward (1), back (2): 1 1 2 1 -> 2.

    Deletang et al. 2022 (arXiv:2207.02098). The walk is uniform only after some moves: chance is where it began,
    the mean of its five eigenvalues' powers.
    """
    eigenvalues = (1 + 2 * np.cos(2 * np.pi * np.arange(MODULUS) / MODULUS)) / 3

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        moves = rng.integers(3, size=(count, length))
        return moves, np.array([0, 1, -1])[moves].sum(1) % MODULUS

    return Probe(generate=generate, chance=lambda length: float((eigenvalues**length).mean()), answers=LAST, vocabulary=3, classes=MODULUS)


@functools.cache
def composition_table(elements: int) -> np.ndarray:
    """(n!, n!): the place, in the order of ``itertools.permutations``, of "row after column"."""
    permutations = np.array(list(itertools.permutations(range(elements))))
    places = {tuple(row): place for place, row in enumerate(permutations.tolist())}
    return np.array([[places[tuple(after[before].tolist())] for before in permutations] for after in permutations])


def composition(elements: int) -> Probe:
    """Every token is a permutation of ``elements`` things; after each of ``length`` of them, which one all so far amount to.

    The word problem of a symmetric group, which needs state: S5 is complete for NC1, so beyond attention and linear recurrences of a
    fixed depth if TC0 is not NC1 (Merrill et al. 2024, arXiv:2404.08819); S3 is solvable, and within.
    """
    table = composition_table(elements)

    def generate(rng: np.random.Generator, count: int, length: int) -> Examples:
        tokens = rng.integers(len(table), size=(count, length))
        targets = tokens.copy()
        for t in range(1, length):
            targets[:, t] = table[tokens[:, t], targets[:, t - 1]]
        return tokens, targets

    return Probe(generate=generate, chance=lambda length: 1 / len(table), answers=EACH, vocabulary=len(table), classes=len(table))


def s3_composition() -> Probe:
    """:func:`composition` of the six permutations of three things."""
    return composition(3)


def s5_composition() -> Probe:
    """:func:`composition` of the 120 permutations of five things."""
    return composition(5)
