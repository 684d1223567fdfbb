"""A rule decides by its interval alone, and a claim by its clauses."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.textbook.clause import DECIDED, UNRUN, UNTESTABLE, Clause, Estimate, verdict_of


def clause(**changes) -> Clause:
    values = {"statement": "a is more than b", "scope": "this data", "effect": "a - b", "unit": "points", "threshold": 0.0}
    return Clause(**{**values, **changes})


numbers = st.floats(-1e6, 1e6)


@given(low=numbers, width=st.floats(0, 1e6), threshold=numbers)
def test_above_and_below_are_mirror_images(low, width, threshold):
    estimate = Estimate(low + width / 2, low, low + width, 5)
    above, below = (clause(threshold=threshold, direction=side).judge(estimate) for side in ("above", "below"))
    other = {"supported": "contradicted", "contradicted": "supported", "undecided": "undecided"}
    assert above == other[below]
    assert (above == "supported") == (low > threshold)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.1, 0.2, "supported"), (-0.1, 0.2, "undecided"), (0.9, 1.1, "undecided"), (1.1, 1.2, "contradicted"), (-3, -1, "contradicted")],
)
def test_within(low, high, expected):
    assert clause(threshold=(0.0, 1.0), direction="within").judge(Estimate((low + high) / 2, low, high)) == expected


def test_a_number_without_an_interval_decides_only_where_it_is_exact():
    assert clause().judge(Estimate(5.0)) == "undecided"
    assert clause(scope="exact").judge(Estimate(5.0)) == "supported"


def test_what_cannot_be_tested_or_was_not_run_says_so_and_shows_no_number():
    for changes in ({"scope": "history"}, {"scope": "this GPU", "untestable": "there is no GPU"}):
        told = clause(**changes).told(Estimate(5.0, 4.0, 6.0))
        assert (told["verdict"], told["value"], told["ci95"]) == (UNTESTABLE, None, None)
    assert clause().told(None)["verdict"] == clause(scope="exact").judge(Estimate(None)) == UNRUN


def test_the_rule_is_hashed_as_a_whole():
    found = {
        clause(**changes).rule_sha256 for changes in ({}, {"threshold": 0.1}, {"direction": "below"}, {"pilot_seen": True}, {"effect": "b"})
    }
    assert len(found) == 5
    assert clause().rule_sha256 == clause().rule_sha256


@pytest.mark.parametrize("changes", [{"scope": "everywhere"}, {"direction": "near"}, {"threshold": (0.0, 1.0)}, {"direction": "within"}])
def test_impossible_rules_are_refused(changes):
    with pytest.raises(UserError):
        clause(**changes)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["supported", "contradicted", "undecided"], "mixed"),
        (["supported", UNTESTABLE], "supported"),
        (["supported", "undecided"], "undecided"),
        (["contradicted", "undecided"], "contradicted"),
        ([UNTESTABLE, UNTESTABLE], UNTESTABLE),
        ([UNRUN, UNTESTABLE], UNRUN),
        (["supported", UNRUN], "undecided"),
        (["contradicted", UNRUN], "contradicted"),
    ],
)
def test_a_claim_follows_from_its_clauses(verdicts, expected):
    assert verdict_of(verdicts) == expected


def test_mixed_only_where_clauses_are_decided_differently():
    every = ("supported", "contradicted", "undecided", UNTESTABLE, UNRUN)
    for verdicts in itertools.product(every, repeat=3):
        assert (verdict_of(verdicts) == "mixed") == (set(DECIDED) <= set(verdicts))
        if verdict_of(verdicts) in DECIDED:
            assert verdict_of(verdicts) in verdicts


def test_no_interval_is_made_of_half_an_interval():
    assert Estimate(1.0, 0.5, None).ci95 is None
    assert not math.isnan(Estimate(1.0, 0.5, 2.0).ci95[0])
