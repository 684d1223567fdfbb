"""Steps until solved where some never solve it, and lengths at which half of the trainings do."""

import pytest

from seqwise.textbook.long_dependencies import _nearer, half_solved, log_rank, median_steps, steps_of


def rows(*solved_at, planned=1000):
    return {seed: {"solved_at": step, "planned": planned} for seed, step in enumerate(solved_at)}


@pytest.mark.parametrize(
    ("solved_at", "expected"),
    [((100, 200, 300, 400), 200), ((100, 300, None, None), 300), ((100, None, None, None), None), ((None,), None)],
)
def test_the_median_of_steps_counts_those_that_never_solve_it(solved_at, expected):
    assert median_steps(steps_of(rows(*solved_at))) == expected


def test_quick_and_slow_learners_are_told_apart_and_the_same_are_not():
    quick, never = steps_of(rows(100, 150, 200, 250)), steps_of(rows(None, None, None, None))
    assert log_rank(quick, never) < 0.05
    assert log_rank(quick, quick) == pytest.approx(1.0)
    assert log_rank(never, never) is None


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({50: 1.0, 200: 0.0}, (100.0, "between two")),
        ({50: 1.0, 100: 0.75, 200: 0.25}, (100 * 2**0.5, "between two")),
        ({50: 1.0, 200: 0.5}, (200, "at least")),
        ({50: 0.25, 200: 0.0}, (50, "at most")),
    ],
)
def test_the_length_that_half_solve(shares, expected):
    length, known = half_solved(shares)
    assert (length, known) == (pytest.approx(expected[0]), expected[1])


def test_of_two_that_have_learned_nothing_none_is_nearer():
    slightly = _nearer({0: 0.167, 1: 0.168, 2: 0.167}, {0: 0.160, 1: 0.161, 2: 0.160})
    assert (slightly.ci95, slightly.samples) == (None, 3)
    assert slightly.why.startswith("untrained")
    assert _nearer({0: 0.167, 1: 0.168, 2: 0.167}, {0: 0.02, 1: 0.02, 2: 0.02}).low > 0
