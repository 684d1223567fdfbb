"""The language model of bytes that claims about language are measured with, and what those claims make of it."""

import math

import numpy as np
import pytest

from planted import planted
from seqwise.textbook import CLAIMS, language, scaling, standard_architecture
from seqwise.textbook.context_size import enough_context, kept
from seqwise.textbook.language import PIECE, LanguageRun, frequencies_only, thinned, train

TINY = LanguageRun(model="rnn", size=10_000, window=16, batch=2, steps=10, contexts=(2, 16), rates=(1e-2,))
BREAKS = 1e30
"""A learning rate that no model survives."""


@pytest.fixture
def few_bytes(monkeypatch):
    """Text of a few kilobytes in place of the documentation."""
    data = np.random.default_rng(0).integers(97, 123, 4_000).astype(np.uint8)
    parts = data[:3_000], data[3_000:3_500], data[3_500:]
    monkeypatch.setattr(language, "text", lambda: parts)
    monkeypatch.setattr(language, "SCORED", 8)
    monkeypatch.setattr(language, "ASKED", 64)
    return parts


def test_a_share_of_the_text_is_taken_from_all_of_it():
    pieces = thinned(np.repeat(np.arange(100), PIECE), 0.1)
    assert len(pieces) == 10 * PIECE
    assert set(np.diff(np.unique(pieces))) == {11}
    assert len(thinned(np.zeros(10 * PIECE + 5), 1.0)) == 10 * PIECE


def test_a_training_depends_on_nothing_but_its_settings(few_bytes):
    first, second = (train(TINY) for _ in range(2))
    first.pop("seconds"), second.pop("seconds")
    assert first == second
    assert first["status"] == "ok"
    assert first["steps"] == TINY.steps
    assert first["bits_per_byte"] == pytest.approx(np.mean(first["by_place"]))
    assert train(TINY.replace(seed=1))["bits_per_byte"] != first["bits_per_byte"]


def test_the_learning_rate_that_does_best_on_validation_is_kept(few_bytes):
    found = train(TINY.replace(rates=(BREAKS, 1e-2)))
    assert found["rate"] == 1e-2
    assert {**found, "seconds": 0} == {**train(TINY), "seconds": 0}


def test_a_training_that_diverges_counts_as_the_frequencies_of_bytes(few_bytes):
    found = train(TINY.replace(rates=(BREAKS,)))
    data, _, test = few_bytes
    assert found["status"] == "diverged"
    assert found["bits_per_byte"] == pytest.approx(frequencies_only(thinned(data, 1.0), test))
    assert found["bits_per_byte"] == pytest.approx(math.log2(26), abs=0.3)
    assert set(found["by_context"].values()) == {frequencies_only(thinned(data, 1.0), test)}


def test_hidden_bytes_are_asked_for_of_a_model_that_sees_both_sides(few_bytes):
    asked = TINY.replace(model="transformer", masked=True, contexts=())
    first, second = (train(asked) for _ in range(2))
    assert first | {"seconds": 0} == second | {"seconds": 0}
    assert len(first["by_place"]) == 1
    assert first["trivial"] == frequencies_only(thinned(few_bytes[0], 1.0), few_bytes[2])
    rows = language.windows(few_bytes[2], np.arange(4), 15)
    inputs, labels = language.hidden(rows, np.random.default_rng(0))
    chosen = labels != -100
    assert chosen.sum(1).tolist() == [2] * 4
    assert (labels[chosen] == rows[chosen]).all()
    assert (inputs[~chosen] == rows[~chosen]).all()
    assert (inputs != rows).any()


def test_one_that_knows_nothing_needs_all_bits_for_a_hidden_byte(few_bytes):
    model = language.Training(TINY.replace(model="transformer", masked=True, steps=1), 0.0)
    for weight in model.model.parameters():
        weight.data.zero_()
    bits = model.by_place(few_bytes[2], np.random.default_rng(0))
    assert bits == pytest.approx([math.log2(257)])


def test_seconds_of_the_processor_end_a_training(few_bytes):
    found = train(TINY.replace(seconds=0.3))
    assert 0.3 <= found["seconds"] < 3.0
    assert found["steps"] != TINY.steps


def test_the_context_that_is_enough_lies_between_those_measured():
    assert enough_context({"2": 2.0, "4": 2.0}) == math.log(2)
    assert enough_context({"2": 2.1, "4": 2.03, "8": 2.01, "16": 2.0}) == pytest.approx(math.log(4) + math.log(2) / 2)
    assert enough_context({"2": 3.0, "4": 2.9, "8": 2.0}) == pytest.approx(math.log(8), abs=0.02)


def test_what_is_kept_is_counted():
    assert kept("lstm")["1000"] == kept("lstm")["500"]
    assert kept("transformer")["1000"] == 2 * kept("transformer")["500"]


@pytest.mark.parametrize(
    ("clause", "change"),
    [
        (2, {"transformer recalls": 0.3, "quickest": 5_000}),  # too few steps to say that it cannot
        (3, {"quickest": 5_000}),
        (3, {"lstm recalls few": 0.5, "lstm falls": -0.375}),  # names any value seen
    ],
)
def test_what_is_untrained_decides_nothing(clause, change):
    holds = {"lstm uses": 0.6, "transformer uses": 0.6, "transformer recalls": 0.97, "lstm falls": -0.5, "cache": 2.0}
    found = CLAIMS["context-size"]().told(planted("context-size", holds | change), 0.0)["clauses"][clause]
    assert found["verdict"] == "undecided"
    assert "untrained" in found["why"]


@pytest.mark.parametrize(("at", "beyond"), [(50_000, False), (3_000_000, True)])
def test_where_two_laws_meet_is_told_with_its_interval(at, beyond):
    noise = 1e-3 * np.array([-1.0, 0.0, 1.0])
    laws = {"lstm": {n: np.array([1.0, -0.1]) for n in range(3)}}
    laws["transformer"] = {n: np.array([1.0 + 0.1 * math.log(at) + noise[n], -0.2]) for n in range(3)}
    told = scaling._met(laws, [10_000, 30_000, 100_000])
    assert "meet at about" in told
    assert "95 % interval" in told
    assert ("by extrapolation" in told) == beyond
    assert "do not surely differ" in scaling._met(dict.fromkeys(laws, laws["lstm"]), [10_000, 100_000])
    assert "so few seeds" in scaling._met({name: {0: np.array([1.0, -0.1])} for name in laws}, [10_000])


def draws(rng, variants, seeds, between, within):
    """(V, S) scores, with an effect of each seed that all variants share."""
    return rng.normal(0, between, (variants, 1)) + rng.normal(0, within, (variants, seeds)) + rng.normal(0, 1.0, seeds)


@pytest.mark.parametrize("seeds", [2, 20])
def test_a_spread_does_not_depend_on_the_number_of_seeds(seeds):
    rng = np.random.default_rng(0)
    found, _ = standard_architecture._spread(draws(rng, 400, seeds, 0.05, 0.05), rng)
    assert found == pytest.approx(0.05, rel=0.15)


def test_spreads_that_are_equal_are_seldom_told_apart(monkeypatch):
    monkeypatch.setattr(standard_architecture, "DRAWS", 1_000)
    rng, apart, chance = np.random.default_rng(0), 0, 0
    for _ in range(300):
        one, other = (draws(rng, 6, 3, 0.05, 0.02) for _ in range(2))
        low, high = np.quantile(np.subtract(*(standard_architecture._spread(table, rng)[1] for table in (one, other))), (0.025, 0.975))
        apart += not low <= 0 <= high
        found = standard_architecture._over_chance(one)
        chance += not found.low <= 0.05 / 0.02 <= found.high
    assert apart <= 25
    assert 3 <= chance <= 30
