"""Warm-up, stable, decay."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seqwise.training.schedule import learning_rate_factor

schedules = st.fixed_dictionaries({"steps": st.integers(1, 5000), "warmup": st.floats(0, 0.5), "decay": st.floats(0, 1)})


@given(schedules, st.data())
def test_the_factor_is_a_share_and_above_nought_at_every_step(schedule, data):
    step = data.draw(st.integers(0, schedule["steps"] - 1))
    assert 0 < learning_rate_factor(step, **schedule) <= 1


@given(schedules)
def test_it_rises_then_falls(schedule):
    factors = [learning_rate_factor(step, **schedule) for step in range(min(schedule["steps"], 400))]
    rises = [b > a for a, b in itertools.pairwise(factors) if a != b]
    assert rises == sorted(rises, reverse=True)


@given(schedules)
def test_it_ends_at_nought(schedule):
    assert learning_rate_factor(schedule["steps"], **schedule) == 0


@given(schedules, st.data())
def test_it_is_one_between_warmup_and_decay(schedule, data):
    step = data.draw(st.integers(0, schedule["steps"]))
    assume(schedule["warmup"] * schedule["steps"] <= step <= (1 - schedule["decay"]) * schedule["steps"] - 1)
    assert learning_rate_factor(step, **schedule) == 1


@pytest.mark.parametrize(("step", "factor"), [(0, 0.1), (4, 0.5), (9, 1.0), (50, 1.0), (75, 0.5), (99, 0.02)])
def test_known_values(step, factor):
    assert learning_rate_factor(step, steps=100, warmup=0.1, decay=0.5) == pytest.approx(factor, abs=1e-12)


@given(st.integers(4, 2000), st.floats(0.02, 0.2))
def test_the_search_stops_before_the_decay_begins(steps, warmup):
    quarter = round(steps * 0.25)
    assert learning_rate_factor(quarter, steps=steps, warmup=warmup, decay=0.5) == min(1.0, (quarter + 1) / max(1.0, warmup * steps))
