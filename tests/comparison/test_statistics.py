"""Intervals and tests on simulated score tables, where the truth is known."""

import math
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import studentized_range

from seqwise.comparison import statistics
from seqwise.comparison.statistics import Components, crossed_bootstrap, crossed_difference, fold_difference, max_t_p, needed

SPREADS = [(0.0, 0.0), (0.0, 1.0), (0.1, 0.3), (0.3, 0.0), (0.3, 1.0), (1.0, 1.0), (3.0, 0.3)]
eighths = st.integers(-8, 8).map(lambda number: number / 8)


@st.composite
def tables(draw, fewest_units=1):
    shape = draw(st.integers(3, 6)), draw(st.integers(fewest_units, 12))
    return np.array(draw(st.lists(eighths, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))).reshape(shape)


def normal_table(rng, replicates, units, spread_replicates, spread_units, mean=0.0):
    shared = spread_replicates * rng.standard_normal((replicates, 1)) + spread_units * rng.standard_normal(units)
    return mean + shared + rng.standard_normal((replicates, units))


def binary_difference(rng, replicates, units, effect, spread_replicates):
    """Right or wrong, on units of shared difficulty; the expected difference is ``effect`` exactly."""
    ease = rng.uniform(0.35, 0.75, units)
    outcomes = []
    for gain in (effect, 0.0):
        shift = np.clip(spread_replicates * rng.standard_normal((replicates, 1)), -0.15, 0.15)
        liking = rng.uniform(-0.05, 0.05, units)
        outcomes.append(rng.uniform(size=(replicates, units)) < ease + shift + liking + gain)
    return outcomes[0].astype(float) - outcomes[1]


def coverage(estimates, truth):
    return np.mean([estimate.ci95[0] <= truth <= estimate.ci95[1] for estimate in estimates])


@pytest.mark.parametrize("replicates", [3, 4, 6])
@pytest.mark.parametrize(("spread_replicates", "spread_units"), SPREADS)
def test_crossed_intervals_cover(replicates, spread_replicates, spread_units):
    rng = np.random.default_rng([replicates, int(10 * spread_replicates), int(10 * spread_units)])
    found = [crossed_difference(normal_table(rng, replicates, 40, spread_replicates, spread_units, 0.2)) for _ in range(1500)]
    assert coverage(found, 0.2) >= 0.93


@pytest.mark.parametrize("replicates", [3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.03, 0.1])
def test_crossed_intervals_of_right_and_wrong_cover(replicates, spread):
    rng = np.random.default_rng([replicates, int(100 * spread)])
    found = [crossed_difference(binary_difference(rng, replicates, 80, 0.05, spread)) for _ in range(1500)]
    assert coverage(found, 0.05) >= 0.93


@pytest.mark.parametrize("replicates", [3, 5])
def test_fold_intervals_cover(replicates):
    rng = np.random.default_rng(replicates)
    found = [
        statistics.mean_score(list(normal_table(rng, replicates, 30, 0.2, 0.0, 0.5)), folds=True, test_share=1 / replicates)
        for _ in range(1500)
    ]
    assert coverage(found, 0.5) >= 0.93


def test_score_intervals_cover():
    rng = np.random.default_rng(0)
    found = [statistics.mean_score(list(normal_table(rng, 4, 50, 0.1, 0.7, 2.0)), folds=False) for _ in range(1500)]
    assert coverage(found, 2.0) >= 0.93


def test_units_alone_would_not_cover():
    rng = np.random.default_rng(0)
    found = [normal_table(rng, 3, 100, 0.3, 0.3) for _ in range(500)]
    false = np.mean([stats.ttest_1samp(table.mean(axis=0), 0).pvalue < 0.05 for table in found])
    assert false > 0.2
    assert np.mean([crossed_difference(table).p < 0.05 for table in found]) <= 0.06


def test_crossed_variance_is_the_formula():
    table = normal_table(np.random.default_rng(3), 4, 7, 1.0, 1.0)
    rows, columns, mean = table.mean(1), table.mean(0), table.mean()
    ms_r, ms_u = 7 * rows.var(ddof=1), 4 * columns.var(ddof=1)
    ms_ru = ((table - rows[:, None] - columns + mean) ** 2).sum() / 18
    found = crossed_difference(table)
    assert found.standard_error**2 == pytest.approx((max(ms_r, ms_ru) + max(ms_u - ms_ru, 0)) / 28)
    assert found.t == pytest.approx(found.value / found.standard_error)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.t), found.degrees_of_freedom))
    assert found.upper(0.975) == pytest.approx(found.ci95[1])


def test_variance_is_unbiased_when_all_components_are_large():
    rng = np.random.default_rng(0)
    found = [crossed_difference(normal_table(rng, 5, 20, 1.0, 2.0)).standard_error ** 2 for _ in range(3000)]
    assert np.mean(found) == pytest.approx(1 / 5 + 4 / 20 + 1 / 100, rel=0.05)


def test_one_unit_is_a_t_test_over_replicates():
    values = np.array([0.3, 0.1, 0.4, 0.2])
    assert crossed_difference(values[:, None]).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


@pytest.mark.parametrize("shape", [(3, 5), (3, 1), (6, 200)])
def test_equal_models_differ_by_nothing(shape):
    found = crossed_difference(np.zeros(shape))
    assert (found.value, found.standard_error, found.p, found.ci95, found.ci90, found.t) == (0, 0, 1, (0, 0), (0, 0), 0)


def test_constant_difference_is_certain():
    found = crossed_difference(np.full((3, 7), 0.1))
    assert found.p == 0
    assert found.ci95 == pytest.approx((0.1, 0.1))


def test_few_replicates_give_no_interval():
    for found in (
        crossed_difference(np.ones((2, 9))),
        fold_difference(np.ones(2), 0.5),
        crossed_bootstrap(mean_of(np.ones((2, 9))), 2, 9, rng=None),
    ):
        assert found.value == 1
        assert (found.standard_error, found.ci95, found.ci90, found.p, found.upper(0.95)) == (None,) * 5


@pytest.mark.parametrize("table", [np.ones(4), np.ones((0, 4)), np.ones((4, 0))])
def test_something_else_than_a_table_is_refused(table):
    with pytest.raises(ValueError, match="replicates, units"):
        crossed_difference(table)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_outside_of_nought_and_one_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        fold_difference(np.ones(4), share)


def test_many_units_are_fast():
    table = normal_table(np.random.default_rng(0), 6, 10_000, 0.1, 0.1)
    assert min(timeit.repeat(lambda: crossed_difference(table), number=1, repeat=3)) < 0.1


@given(tables())
def test_swapping_the_models_turns_the_sign(table):
    there, back = crossed_difference(table), crossed_difference(-table)
    assert back.value == pytest.approx(-there.value)
    assert back.ci95 == pytest.approx((-there.ci95[1], -there.ci95[0]))
    assert back.p == pytest.approx(there.p)


@given(tables(), eighths)
def test_a_constant_moves_the_interval(table, constant):
    there, moved = crossed_difference(table), crossed_difference(table + constant)
    assert moved.value == pytest.approx(there.value + constant)
    assert moved.ci95 == pytest.approx((there.ci95[0] + constant, there.ci95[1] + constant))


@given(tables(), st.randoms(use_true_random=False))
def test_order_of_units_and_replicates_does_not_matter(table, random):
    rows, columns = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    there, shuffled = crossed_difference(table), crossed_difference(table[rows][:, columns])
    assert shuffled.ci95 == pytest.approx(there.ci95)
    assert shuffled.p == pytest.approx(there.p)


@given(tables(), st.sampled_from([0.001, 4.0, 1000.0]))
def test_the_metrics_unit_does_not_matter(table, scale):
    there, scaled = crossed_difference(table), crossed_difference(scale * table)
    assert scaled.p == pytest.approx(there.p)
    assert scaled.degrees_of_freedom == pytest.approx(there.degrees_of_freedom)


@given(tables(fewest_units=2))
def test_degrees_of_freedom_stay_within_the_table(table):
    df = crossed_difference(table).degrees_of_freedom
    assert min(table.shape) - 1 <= df <= table.size


def test_fold_variance_is_corrected():
    means = np.array([0.1, 0.3, 0.2, 0.4, 0.0])
    found = fold_difference(means, 0.2)
    assert found.standard_error == pytest.approx(math.sqrt((1 / 5 + 1 / 4) * means.var(ddof=1)))
    assert found.degrees_of_freedom == 4


@pytest.mark.parametrize("models", [2, 3, 4, 7])
@pytest.mark.parametrize("df", [2.0, 2.7, 5.0, 30.0, 9999.0])
def test_max_t_is_the_studentized_range(models, df):
    for t in (0.1, 1.0, 2.5, 6.0, 30.0):
        expected = studentized_range.sf(t * math.sqrt(2), models, df) if models > 2 else 2 * stats.t.sf(t, df)
        assert max_t_p(t, df, models) == pytest.approx(expected, abs=1e-8)
        assert max_t_p(-t, df, models) == max_t_p(t, df, models)


def test_max_t_limits():
    assert max_t_p(0.0, 4, 4) == 1
    assert max_t_p(math.inf, 4, 4) == 0
    with pytest.raises(ValueError, match="two models"):
        max_t_p(1.0, 4, 1)


@given(st.floats(0, 20), st.floats(2, 1000), st.integers(2, 6))
def test_more_models_make_a_pair_less_significant(t, df, models):
    assert max_t_p(t, df, models) <= max_t_p(t, df, models + 1) + 1e-9


def mean_of(table):
    return lambda replicate, weights: float(np.average(table[replicate], weights=weights))


@pytest.mark.parametrize(("spread_replicates", "spread_units"), [(0.0, 0.0), (0.5, 0.2), (0.1, 2.0)])
def test_bootstrap_of_a_mean_is_the_crossed_difference(spread_replicates, spread_units):
    rng = np.random.default_rng(0)
    table = normal_table(rng, 5, 60, spread_replicates, spread_units)
    drawn, exact = crossed_bootstrap(mean_of(table), 5, 60, rng=rng, draws=4000), crossed_difference(table)
    assert drawn.value == pytest.approx(exact.value)
    assert drawn.standard_error == pytest.approx(exact.standard_error, rel=0.05)


def test_bootstrap_is_reproducible():
    table = normal_table(np.random.default_rng(0), 4, 30, 0.3, 0.3)
    first, second = (crossed_bootstrap(mean_of(table), 4, 30, rng=np.random.default_rng(1), draws=50) for _ in range(2))
    assert first == second


def macro_f1(truth, predicted, weights):
    scores = []
    for label in (0, 1):
        hit = weights @ ((truth == label) & (predicted == label))
        scores.append(2 * hit / max(weights @ (truth == label) + weights @ (predicted == label), 1))
    return float(np.mean(scores))


def test_bootstrap_intervals_of_macro_f1_cover():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        truth = (rng.uniform(size=60) < 0.3).astype(int)
        hard = rng.uniform(0.1, 0.4, 60)
        shift = rng.uniform(-0.1, 0.1, (2, 4, 1))
        predicted = np.where(rng.uniform(size=(2, 4, 60)) < hard + shift, 1 - truth, truth)

        def difference(replicate, weights, truth=truth, predicted=predicted):
            return macro_f1(truth, predicted[0, replicate], weights) - macro_f1(truth, predicted[1, replicate], weights)

        found.append(crossed_bootstrap(difference, 4, 60, rng=rng, draws=100))
    assert coverage(found, 0.0) >= 0.93


def test_looks_spend_five_percent_in_all():
    assert statistics.alpha_of_look(1, single=True) == 0.05
    assert [statistics.alpha_of_look(look) for look in (1, 2, 3)] == [0.04, 0.005, 0.0025]
    assert sum(statistics.alpha_of_look(look) for look in range(1, 60)) == pytest.approx(0.05)
    for look, single in ((0, False), (2, True)):
        with pytest.raises(ValueError, match="look"):
            statistics.alpha_of_look(look, single=single)


def power(rng, replicates, units, spread_replicates, spread_units, difference, alpha=0.05):
    found = [crossed_difference(normal_table(rng, replicates, units, spread_replicates, spread_units, difference)) for _ in range(1000)]
    return np.mean([estimate.p <= alpha for estimate in found])


@pytest.mark.parametrize(("replicates", "spread"), [(4, 0.5), (6, 0.2), (6, 2.0)])
def test_decidable_difference_is_decided_four_times_in_five(replicates, spread):
    planned = {"spread_replicates": spread, "spread_units": 1.0, "models": 2, "alpha": 0.05}
    smallest = statistics.decidable_difference(replicates, 50, **planned)
    assert 0.72 <= power(np.random.default_rng(0), replicates, 50, spread, 0.0, smallest) <= 0.9
    assert statistics.decidable_difference(replicates + 2, 50, **planned) < smallest
    assert statistics.decidable_difference(replicates, 50, **{**planned, "models": 4}) > smallest
    assert statistics.decidable_difference(replicates, 50, **planned, folds=True) > smallest
    assert statistics.decidable_difference(2, 50, **planned) is None


def test_needed_replicates_decide_four_times_in_five():
    components = Components(0.3**2, 0.0, 1.0)
    answer = needed(0.2, components, 4, 60, models=2, alpha=0.05, margin=0.0)
    assert 5 <= answer["replicates"] <= 100
    assert 0.75 <= power(np.random.default_rng(0), answer["replicates"], 60, 0.3, 0.0, 0.2) <= 0.87


def test_needed_knows_what_more_of_one_thing_cannot_do():
    by_replicates = needed(0.1, Components(1.0, 0.0, 1.0), 4, 60, models=2, alpha=0.05, margin=0.0)
    by_units = needed(0.1, Components(0.0, 1.0, 1.0), 4, 60, models=2, alpha=0.05, margin=0.0)
    assert by_replicates["replicates"] is not None
    assert by_replicates["units"] is None
    assert by_units["replicates"] is None
    assert by_units["units"] is not None
    assert needed(0.0, Components(1.0, 1.0, 1.0), 4, 60, models=2, alpha=0.05, margin=0.0) == {"replicates": None, "units": None}


def test_needed_may_be_equivalence():
    answer = needed(0.0, Components(0.01, 0.0, 1.0), 4, 500, models=2, alpha=0.05, margin=0.1)
    assert answer["replicates"] is not None


@settings(max_examples=50)
@given(st.floats(0.05, 1), st.integers(3, 8), st.booleans())
def test_needed_is_more_than_there_is(difference, replicates, folds):
    answer = needed(difference, Components(0.05, 0.05, 1.0), replicates, 200, models=3, alpha=0.05, margin=0.01, folds=folds)
    assert answer["replicates"] is None or answer["replicates"] > replicates
    assert answer["units"] is None or answer["units"] > 200


@pytest.mark.parametrize("replicates", [4, 9])
def test_components_are_recovered(replicates):
    rng = np.random.default_rng(0)
    found = [statistics.crossed_components(normal_table(rng, replicates, 40, 1.0, 2.0)) for _ in range(800)]
    means = [np.mean([getattr(part, name) for part in found]) for name in ("replicate", "unit", "residual")]
    assert means == pytest.approx([1.0, 4.0, 1.0], rel=0.1)


def test_fold_components_are_recovered():
    rng = np.random.default_rng(0)
    found = [statistics.fold_components(list(normal_table(rng, 5, 40, 1.0, 2.0))) for _ in range(800)]
    assert np.mean([part.residual for part in found]) == pytest.approx(5.0, rel=0.1)
    assert all(part.unit == 0 for part in found)
