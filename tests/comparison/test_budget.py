"""Arithmetic of time: what a plan costs, and how many steps a budget buys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.comparison.budget import EVALUATIONS, RESERVE, TRIAL_OVERHEAD, Speed, Workload

FAST, SLOW = Speed(0.001, 0.1, 0.2), Speed(0.004, 0.3, 0.5)


def workload(workers: int = 1, per_epoch: int = 1_000_000, fixed: float = 10.0) -> Workload:
    speeds = {"rnn": {"modern": FAST, "classic": SLOW}, "transformer": {"modern": SLOW}}
    bodies = {"rnn": ["modern", "classic", "modern", "modern"], "transformer": ["modern"] * 4}
    return Workload(speeds, bodies, per_epoch, workers, fixed, most_epochs=60.0)


def test_the_mean_is_over_the_configurations_that_are_tried():
    assert workload().mean("rnn", 1) == FAST
    assert workload().mean("rnn", 2).step == pytest.approx(0.0025)
    assert workload().mean("rnn", 4).step == pytest.approx((3 * 0.001 + 0.004) / 4)


def test_one_replicate_of_one_model_by_hand():
    found = workload()
    steps = {"transformer": 120}
    # four searches of a quarter and three quarters of a final run: 1.75 trainings and as much evaluation
    training = 120 * 0.004 * 1.75 + 12 * 1.75 * 0.3 + 0.5
    assert found.seconds(steps, 1, 4) == pytest.approx(10 + training + 5 * TRIAL_OVERHEAD)
    assert found.seconds(steps, 3, 4) == pytest.approx(10 + 3 * (training + 5 * TRIAL_OVERHEAD))


def test_four_configurations_and_six_replicates_cost_ten_and_a_half_trainings():
    free = Speed(1.0, 0.0, 0.0)
    found = Workload({"a": {"modern": free}}, {"a": ["modern"] * 4}, 10**9, 1, 0.0, 60.0)
    assert found.seconds({"a": 1000}, 6, 4) == pytest.approx(10.5 * 1000 + 6 * 5 * TRIAL_OVERHEAD)


def test_two_workers_halve_the_work_but_for_the_end():
    one, two = workload(1), workload(2)
    steps = {"rnn": 1200, "transformer": 1200}
    idle = 0.5 * 0.75 * 1200 * 0.004 * 0.5
    assert two.seconds(steps, 3, 4) - 10 == pytest.approx((one.seconds(steps, 3, 4) - 10) / 2 + idle)


def test_weights():
    found = workload()
    assert found.weights("steps", 4, {}) == {"rnn": 1.0, "transformer": 1.0}
    assert found.weights("flops", 4, {"rnn": 50.0, "transformer": 200.0}) == {"rnn": 1.0, "transformer": 0.25}
    seconds = found.weights("seconds", 4, {})
    assert seconds["rnn"] * found.mean("rnn", 4).step == pytest.approx(seconds["transformer"] * found.mean("transformer", 4).step)


@settings(max_examples=100)
@given(
    st.floats(30, 10_000),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 16),
    st.sampled_from(["steps", "seconds", "flops"]),
)
def test_steps_fill_the_budget_and_no_more(budget, replicates, configurations, workers, match):
    found = workload(workers)
    weights = found.weights(match, configurations, {"rnn": 50.0, "transformer": 90.0})
    steps = found.steps(budget, replicates, configurations, weights)
    assert all(count % EVALUATIONS == 0 and count >= EVALUATIONS for count in steps.values())
    planned = found.seconds(steps, replicates, configurations)
    assert planned <= budget * RESERVE + 1e-6 or set(steps.values()) & {EVALUATIONS}
    more = {name: count + EVALUATIONS for name, count in steps.items()}
    assert found.seconds(more, replicates, configurations) >= budget * RESERVE - 1e-6


def test_no_more_than_sixty_epochs():
    steps = workload(per_epoch=10).steps(1e6, 1, 1, {"rnn": 1.0, "transformer": 0.5})
    assert steps == {"rnn": 10 * 60 // EVALUATIONS * EVALUATIONS, "transformer": 300 // EVALUATIONS * EVALUATIONS}


def test_a_budget_that_is_too_small_gives_the_fewest_steps():
    assert workload().steps(1.0, 6, 4, {"rnn": 1.0, "transformer": 1.0}) == {"rnn": EVALUATIONS, "transformer": EVALUATIONS}
