"""A model is said to be unable only after a fair chance."""

import json

import pytest

from seqwise.textbook.clause import Estimate
from seqwise.textbook.probed import EVERY_RATE, beyond, fair_chance, model, score, unless_untrained
from seqwise.training.probing import ProbeConfig


def run(solved_at=None, steps=1000):
    return {"solved_at": solved_at, "steps": steps}


@pytest.mark.parametrize(
    ("rates", "steps", "solved_at", "expected"),
    [
        (EVERY_RATE, 1000, 100, True),
        (EVERY_RATE, 999, 100, False),
        (EVERY_RATE[:2], 1000, 100, False),
        (EVERY_RATE, 1000, None, False),
    ],
)
def test_a_fair_chance_is_every_rate_and_ten_times_the_steps(rates, steps, solved_at, expected):
    tried = {rate: [run(steps=steps)] for rate in rates}
    others = [row for rows in tried.values() for row in rows] + [run(solved_at)]
    assert fair_chance(tried, others) is expected


def test_untrained_decides_nothing_and_keeps_its_value():
    low = Estimate(0.5, 0.48, 0.52, 5)
    assert unless_untrained(low, able=False, fair=False) == Estimate(0.5, samples=5)
    assert unless_untrained(low, able=False, fair=True) == low
    assert unless_untrained(low, able=True, fair=False) == low
    assert unless_untrained(None, able=False, fair=False) is None


def test_what_is_kept_of_a_run():
    probe = ProbeConfig(probe="parity", longest=4, test_lengths=(4, 8), steps=4, examples=32, evaluate_every=2)
    found = [score(probe, model("lstm", width=8, body="classic"), seed=3) for _ in range(2)]
    assert found[0] == found[1] == json.loads(json.dumps(found[0]))
    assert set(found[0]["by_length"]) == {"4", "8"}
    assert beyond(found, (4, 8))[0] == pytest.approx(sum(found[0]["by_length"].values()) / 2)
