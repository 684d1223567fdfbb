"""Probes against answers found another way, slowly, and against their chance levels in simulation."""

import collections
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.tasks.probes import PROBES
from seqwise.tasks.probes.automata import composition_table
from seqwise.tasks.probes.probe import EACH, LAST, SEQUENCE, UNASKED


def parity(bits):
    odd = False
    for bit in bits:
        if bit == 1:
            odd = not odd
    return int(odd)


def even_pairs(bits):
    text = "".join(map(str, bits))
    return int(sum(text[i : i + 2] in ("01", "10") for i in range(len(text))) % 2 == 0)


def modular_arithmetic(tokens):
    return eval("".join("01234+-*"[token] for token in tokens)) % 5


def cycle_navigation(moves):
    places = collections.deque([0, 1, 2, 3, 4])
    for move in moves:
        places.rotate({0: 0, 1: -1, 2: 1}[move])
    return places[0]


def composed(elements):
    permutations = list(itertools.permutations(range(elements)))

    def label(tokens):
        found, so_far = [], list(range(elements))
        for token in tokens:
            so_far = [permutations[token][thing] for thing in so_far]
            found.append(permutations.index(tuple(so_far)))
        return found

    return label


def adding(steps):
    return sum(float(value) for value, mark in steps if mark == 1)


def copying(tokens, symbols=10):
    return [UNASKED] * (len(tokens) - symbols) + [token - 1 for token in tokens[:symbols]]


def recall(tokens, keys=32, spread=4):
    pairs = len(tokens) // (2 + spread)
    known, found = {}, []
    for place, token in enumerate(tokens):
        if place < 2 * pairs and place % 2:
            known[tokens[place - 1]] = token
        found.append(known[token] - keys - 1 if place >= 2 * pairs and token != 0 else UNASKED)
    return found


def reverse(symbols):
    found = []
    for symbol in symbols:
        found.insert(0, symbol)
    return [*found, 9]


def sort(symbols):
    left, found = list(symbols), []
    while left:
        found.append(min(left))
        left.remove(min(left))
    return [*found, 9]


LABELS = {
    "parity": parity, "even-pairs": even_pairs, "modular-arithmetic": modular_arithmetic, "cycle-navigation": cycle_navigation,
    "s3-composition": composed(3), "s5-composition": composed(5), "adding": adding, "copying": copying, "recall": recall,
    "reverse": reverse, "sort": sort,
}  # fmt: skip


def drawn(name, count, length, seed=0, **changes):
    probe = PROBES[name](**changes)
    return probe, *probe.generate(np.random.default_rng(seed), count, length)


def test_every_probe_has_a_second_way_to_its_answers():
    assert set(LABELS) == set(PROBES)


@pytest.mark.parametrize("name", list(PROBES))
@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 4), length=st.integers(2, 32), seed=st.integers(0, 10**6))
def test_answers_are_those_found_step_by_step(name, count, length, seed):
    _, inputs, targets = drawn(name, count, length, seed)
    expected = [LABELS[name](row.tolist()) for row in inputs]
    np.testing.assert_allclose(targets, expected, rtol=1e-6)


@pytest.mark.parametrize("name", list(PROBES))
def test_shapes_kinds_and_ranges(name):
    for length in (PROBES[name]().shortest, 12):
        probe, inputs, targets = drawn(name, 500, length)
        if probe.channels:
            assert (inputs.shape, inputs.dtype) == ((500, length, probe.channels), np.float32)
            assert (targets.shape, targets.dtype, probe.classes) == ((500,), np.float32, None)
            continue
        assert inputs.dtype == targets.dtype == np.int64
        assert 0 <= inputs.min() <= inputs.max() < probe.vocabulary
        asked = targets[targets != UNASKED]
        assert 0 <= asked.min() <= asked.max() < probe.classes
        assert {LAST: (500,), EACH: inputs.shape, SEQUENCE: (500, length + 1)}[probe.answers] == targets.shape
        assert len({(row != UNASKED).sum() for row in np.atleast_2d(targets)}) == 1  # so that examples weigh the same


@pytest.mark.parametrize("name", list(PROBES))
def test_the_same_numbers_give_the_same_examples_and_others_others(name):
    (_, *first), (_, *second), (_, *third) = (drawn(name, 50, 9, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(first, second, strict=True))
    assert not np.array_equal(first[0], third[0])


SIMULATED = [
    *((name, length, {}) for name in ("parity", "even-pairs", "s3-composition") for length in (2, 7)),
    *(("modular-arithmetic", length, {}) for length in (1, 2, 3, 8)),
    *(("cycle-navigation", length, {}) for length in (1, 2, 3, 10)),
    *(("copying", 5, {"symbols": 3, "alphabet": alphabet}) for alphabet in (2, 5)),
    *(("recall", length, {"values": 4}) for length in (1, 6)),
    *((name, length, {"alphabet": 3}) for name in ("reverse", "sort") for length in (1, 3, 4)),
]


@pytest.mark.parametrize(("name", "length", "changes"), SIMULATED)
def test_chance_is_how_often_the_best_constant_answer_is_right(name, length, changes):
    count = 40_000
    probe, _, targets = drawn(name, count, length, **changes)
    if probe.answers == EACH:
        targets = targets[targets != UNASKED].reshape(count, -1)[:, -1]
    frequencies = collections.Counter(tuple(row) for row in targets.reshape(count, -1).tolist())
    chance = probe.chance(length)
    # the largest of many frequencies lies above each one's expectation, the less the fewer there are
    error = (chance * (1 - chance) / count) ** 0.5
    assert -4 * error <= frequencies.most_common(1)[0][1] / count - chance <= (4 + math.log(len(frequencies))) * error


def test_chance_of_adding_is_the_variance_of_the_sum():
    _, _, targets = drawn("adding", 40_000, 20)
    assert ((targets - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.02)
    assert abs(targets.mean() - 1) < 0.01


def test_the_marks_of_adding_stand_one_in_each_half():
    for length in (2, 3, 9):
        _, inputs, _ = drawn("adding", 300, length)
        first, second = inputs[:, : length // 2, 1], inputs[:, length // 2 :, 1]
        assert (first.sum(1) == 1).all()
        assert (second.sum(1) == 1).all()
        assert first.any(0).all()
        assert second.any(0).all()


def test_who_says_a_value_that_was_seen_is_right_in_one_of_n_cases():
    pairs, count = 4, 20_000
    probe, inputs, targets = drawn("recall", count, pairs)
    said = inputs[:, 1] - 33
    right = (targets[targets != UNASKED].reshape(count, pairs) == said[:, None]).mean()
    assert right == pytest.approx(1 / pairs + (1 - 1 / pairs) * probe.chance(pairs), abs=0.01)


@pytest.mark.parametrize("elements", [3, 4])
def test_composition_is_a_group(elements):
    table, count = composition_table(elements), math.factorial(elements)
    assert np.array_equal(table[0], np.arange(count))  # the first permutation changes nothing
    assert np.array_equal(table[:, 0], np.arange(count))
    assert all(sorted(line) == list(range(count)) for line in [*table.tolist(), *table.T.tolist()])
    a, b, c = np.meshgrid(*[np.arange(count)] * 3)
    assert np.array_equal(table[table[a, b], c], table[a, table[b, c]])
    assert not np.array_equal(table, table.T)


def test_an_unknown_probe_is_an_error():
    with pytest.raises(UserError, match="did you mean 'parity'"):
        PROBES["paritty"]
