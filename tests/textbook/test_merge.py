"""Several machines taken together."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.textbook import CLAIMS
from seqwise.textbook.clause import Estimate
from seqwise.textbook.merge import merged, pool, spoken


def told(tmp_path, machine: str, ratio: float, half: float = 0.1) -> str:
    """A claims.json of one machine, on which the LSTM takes ``ratio`` times the Transformer's time."""
    claims = []
    for name in CLAIMS:
        claim = CLAIMS[name]()
        entry = claim.told([], 0.0)
        if name == "training-speed":
            for clause, rule in zip(entry["clauses"][:2], claim.clauses[:2], strict=True):
                clause |= rule.told(Estimate(ratio, ratio - half, ratio + half, 9))
        claims.append(entry)
    path = tmp_path / f"{machine}.json"
    path.write_text(json.dumps({"tier": "smoke", "environment": {"cpu": machine}, "table": [], "claims": claims}))
    return str(path)


@given(values=st.lists(st.floats(-5, 5), min_size=2, max_size=6), half=st.floats(0.01, 1))
def test_a_pool_lies_among_its_values(values, half):
    found = pool([Estimate(value, value - half, value + half) for value in values])
    assert min(values) - 1e-9 <= found.estimate.value <= max(values) + 1e-9
    assert found.estimate.low < found.estimate.value < found.estimate.high
    assert 0 <= found.share <= 1


def test_machines_that_agree_have_nothing_between_them():
    found = pool([Estimate(1.0, 0.9, 1.1), Estimate(1.02, 0.9, 1.14), Estimate(0.98, 0.88, 1.08)])
    assert found.between == 0.0
    assert found.estimate.value == pytest.approx(1.0, abs=0.02)


def test_the_interval_of_machines_that_differ_covers_their_mean():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(400):
        truth = rng.normal(1.0, 0.5, 5)
        seen = truth + rng.normal(0, 0.1, 5)
        found = pool([Estimate(v, v - 0.196, v + 0.196) for v in seen]).estimate
        covered += found.low <= 1.0 <= found.high
    assert 0.91 <= covered / 400 <= 0.99


def test_few_seeds_weigh_as_much_as_their_spread_says():
    """An interval of three seeds is 4.3, not 2, standard errors to each side."""
    wide = Estimate(0.0, -4.303, 4.303, 3)
    found = pool([wide, Estimate(3.0, 3 - 1.96, 3 + 1.96)])
    assert found.estimate.value == pytest.approx(1.5, abs=0.01)


def test_results_of_two_tiers_are_not_pooled(tmp_path):
    files = [told(tmp_path, "laptop", 0.6), told(tmp_path, "server", 3.0)]
    Path(files[1]).write_text(Path(files[1]).read_text().replace('"tier": "smoke"', '"tier": "long"'))
    with pytest.raises(UserError, match="of the tiers long and smoke"):
        merged(files)


def test_machines_of_one_name_are_told_apart(tmp_path):
    (tmp_path / "other").mkdir()
    result = merged([told(tmp_path, "laptop", 0.6), told(tmp_path / "other", "laptop", 3.0)])
    claim = next(claim for claim in result["claims"] if claim["id"] == "training-speed")
    assert list(claim["clauses"][1]["by_machine"]) == ["laptop (1)", "laptop (2)"]
    assert claim["clauses"][1]["reverses"]


def test_one_machine_stays_as_it_is_and_none_is_none():
    assert pool([Estimate(1.0, 0.5, 1.5, 7)]).estimate == Estimate(1.0, 0.5, 1.5, 7)
    assert pool([Estimate(None)]).estimate.value is None


def test_a_claim_that_reverses_says_on_which_machines(tmp_path):
    result = merged([told(tmp_path, "laptop", 0.6), told(tmp_path, "server", 3.0)])
    claim = next(claim for claim in result["claims"] if claim["id"] == "training-speed")
    assert claim["clauses"][1]["by_machine"] == {"laptop": "contradicted", "server": "supported"}
    assert claim["clauses"][1]["reverses"]
    assert claim["clauses"][1]["verdict"] == "undecided"
    assert claim["clauses"][1]["heterogeneity"] > 0.9
    assert any("reverses" in line and "server" in line for line in spoken(result))


def test_machines_that_agree_decide_together(tmp_path):
    result = merged([told(tmp_path, name, ratio, 0.05) for name, ratio in (("a", 0.6), ("b", 0.62), ("c", 0.58), ("d", 0.6))])
    claim = next(claim for claim in result["claims"] if claim["id"] == "training-speed")
    assert [clause["verdict"] for clause in claim["clauses"][:2]] == ["contradicted", "contradicted"]


def test_mistakes(tmp_path):
    one = told(tmp_path, "a", 1.0)
    (tmp_path / "other.json").write_text("{}")
    changed = json.loads((tmp_path / "a.json").read_text())
    changed["claims"][0]["clauses"][0]["rule_sha256"] = "0" * 64
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    for files, words in (
        ([one], "two machines or more"),
        ([one, str(tmp_path / "none.json")], "there is no"),
        ([one, str(tmp_path / "other.json")], "holds no result"),
        ([one, str(tmp_path / "changed.json")], "another rule"),
    ):
        with pytest.raises(UserError, match=words):
            merged(files)
