"""Intervals over seeds, shares, ratios of times."""

import numpy as np
import pytest

from seqwise.textbook.estimates import exactly, mean_of, median_of, paired_difference, ratio_of_medians, share_of


def test_the_interval_of_a_mean_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [mean_of(row) for row in rng.normal(2.0, 1.0, (2000, 5))]
    assert 0.935 < np.mean([e.low <= 2.0 <= e.high for e in found]) < 0.965


def test_too_few_values_have_no_interval():
    assert (mean_of([1.0, 2.0]).value, mean_of([1.0, 2.0]).ci95) == (1.5, None)
    assert mean_of([]).value is None
    assert median_of([1.0] * 4, rng=np.random.default_rng(0)).ci95 is None
    assert share_of(0, 0).value is None
    assert exactly(3).ci95 is None


def test_pairs_take_away_what_seeds_share():
    seeds = np.random.default_rng(1).normal(0, 10, 8)
    found = paired_difference(dict(enumerate(seeds + 1.0)), dict(enumerate(seeds)))
    assert found.value == pytest.approx(1.0)
    assert found.high - found.low < 1e-6


def test_pairs_are_of_one_seed_though_some_are_missing():
    found = paired_difference({0: 1.0, 2: 5.0, 3: 9.0}, {3: 8.0, 0: 0.0, 1: 7.0})
    assert (found.value, found.samples) == (1.0, 2)
    assert paired_difference({0: 1.0}, {1: 1.0}).value is None


def test_a_ratio_of_equal_times_covers_one():
    rng, covered = np.random.default_rng(2), 0
    for _ in range(200):
        a, b = rng.lognormal(0, 0.1, (2, 15))
        found = ratio_of_medians(a, b, rng=rng)
        covered += found.low <= 1 <= found.high
    assert covered >= 180


def test_shares_stay_between_0_and_1():
    for count in (0, 3, 5):
        found = share_of(count, 5)
        assert 0 <= found.low <= found.value <= found.high <= 1
