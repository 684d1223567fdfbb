"""A model is said to be unable only after a fair chance."""

import json

import pytest

from seqwise.textbook.claim import Experiment
from seqwise.textbook.clause import Estimate
from seqwise.textbook.probed import EVERY_RATE, best_rate, beyond, by_rate, fair_chance, model, score, unless_untrained
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
    tried = {rate: {0: run(steps=steps)} for rate in rates}
    assert fair_chance(tried, [tried, {1e-3: {0: run(solved_at)}}]) is expected


def ran(rate, seed, validation):
    return Experiment(part="parity", settings={"model": "rnn", "rate": rate}, seed=seed), {"validation": validation, "seed": seed}


def test_the_best_rate_is_that_of_validation_and_its_runs_come_by_seed():
    results = [ran(1e-2, 1, 0.9), ran(1e-2, 0, 0.5), ran(3e-3, 0, 0.6), ran(3e-3, 1, None)]
    runs = by_rate(results, "parity", model="rnn")
    assert runs == {1e-2: {1: results[0][1], 0: results[1][1]}, 3e-3: {0: results[2][1], 1: results[3][1]}}
    assert [row["seed"] for row in best_rate(runs)] == [0, 1]
    assert best_rate(runs)[1]["validation"] == 0.9
    assert best_rate(by_rate(results[:3], "parity", model="rnn"), sign=-1)[0]["validation"] == 0.6
    assert by_rate(results, "parity", model="lstm") == {}
    assert best_rate({}) == []


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
