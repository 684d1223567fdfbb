"""What holds of every registered claim. ``python tests/textbook/test_every_claim.py`` pins the rules anew: say why in the CHANGELOG."""

import json
import sys
from pathlib import Path

import pytest

from seqwise.textbook import CLAIMS
from seqwise.textbook.claim import TIERS
from seqwise.textbook.clause import DECIDED, UNTESTABLE
from seqwise.textbook.run import jobs_of
from seqwise.textbook.table import ROWS

PINNED = Path(__file__).with_name("rules.json")
LIMITS = {"smoke": 40.0, "standard": 360.0}


def rules() -> dict[str, list[str]]:
    return {name: [clause.rule_sha256 for clause in CLAIMS[name].clauses] for name in CLAIMS}


@pytest.mark.parametrize("name", CLAIMS)
def test_its_rules_are_those_that_were_committed(name):
    assert rules()[name] == json.loads(PINNED.read_text())[name], "a rule was changed: pin it, and say why in the CHANGELOG"


@pytest.mark.parametrize("name", CLAIMS)
def test_it_is_named_sourced_and_within_the_seconds_of_its_tiers(name):
    claim = CLAIMS[name]
    assert claim.id == name
    assert claim.source
    assert claim.statement.endswith(".")
    assert set(claim.seconds) <= set(TIERS)
    assert claim.seconds
    assert all(seconds <= LIMITS.get(tier, float("inf")) for tier, seconds in claim.seconds.items())


@pytest.mark.parametrize("name", CLAIMS)
def test_its_experiments_are_told_apart(name):
    claim = CLAIMS[name]()
    for tier in claim.seconds:
        jobs = jobs_of(claim, tier)
        assert jobs
        assert len({job["fingerprint"] for job in jobs}) == len(jobs)
        assert json.loads(json.dumps(jobs)) == jobs


@pytest.mark.parametrize("name", CLAIMS)
def test_without_results_nothing_is_decided(name):
    claim = CLAIMS[name]()
    told = claim.told([], 0.0)
    assert told["verdict"] not in DECIDED
    assert not {clause["verdict"] for clause in told["clauses"]} & set(DECIDED)
    assert claim.pictures([]) == ()
    assert json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("name", CLAIMS)
def test_history_is_never_decided(name):
    for clause in CLAIMS[name].clauses:
        if clause.scope == "history":
            assert clause.judge(None) == UNTESTABLE


def test_every_row_of_the_table_has_its_claims():
    missing = {name for row in ROWS for name in row.claims} - set(CLAIMS)
    assert not missing, f"the table names claims that are not there: {missing}"


if __name__ == "__main__":
    PINNED.write_text(json.dumps(rules(), indent=1) + "\n")
    sys.exit(0)
