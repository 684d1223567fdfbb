"""A model is said to be unable only after a fair chance."""

import json

import pytest

from seqwise.models.accounting import count_of_model
from seqwise.models.seq2seq import SeqwiseForSeq2SeqLM
from seqwise.textbook import attention_support, probed
from seqwise.textbook.claim import Experiment
from seqwise.textbook.clause import Estimate
from seqwise.textbook.probed import (
    EVERY_RATE,
    PARAMETERS,
    best,
    best_rate,
    by_rate,
    fair_chance,
    fits,
    model,
    score,
    scores,
    sized,
    unless_untrained,
)
from seqwise.training.probe_models import build_network, fitted
from seqwise.training.probing import ProbeConfig


def run(solved_at=None, steps=1000):
    return {"solved_at": solved_at, "planned": steps}


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
    return Experiment(part="parity", settings={"model": "rnn", "rate": rate, "steps": 9}, seed=seed), {"validation": validation}


def test_the_best_rate_is_that_of_validation_and_its_runs_come_by_seed():
    results = [ran(1e-2, 1, 0.9), ran(1e-2, 0, 0.5), ran(3e-3, 0, 0.6), ran(3e-3, 1, None)]
    runs = by_rate(results, "parity", model="rnn")
    told = lambda validation: {"validation": validation, "planned": 9}  # noqa: E731
    assert runs == {1e-2: {1: told(0.9), 0: told(0.5)}, 3e-3: {0: told(0.6), 1: told(None)}}
    assert list(best_rate(runs).items()) == [(0, told(0.5)), (1, told(0.9))]
    assert by_rate(results, "parity", model="lstm") == {}
    assert best_rate({}) == {}


def test_rates_are_compared_over_the_seeds_that_all_have():
    runs = {1e-2: {0: {"validation": 0.5}, 1: {"validation": 0.9}}, 3e-3: {0: {"validation": 0.6}}}
    assert best_rate(runs) == runs[3e-3]
    assert best_rate(runs, sign=-1) == runs[1e-2]


def test_untrained_decides_nothing_and_keeps_its_value():
    low = Estimate(0.5, 0.48, 0.52, 5)
    found = unless_untrained(low, 0.65, fair=False)
    assert (found.value, found.ci95, found.samples) == (0.5, None, 5)
    assert found.why.startswith("untrained")
    assert unless_untrained(low, 0.65, fair=True) == low


def test_who_is_able_needs_no_fair_chance():
    for estimate in (Estimate(0.95, 0.94, 0.96, 5), Estimate(0.7, 0.6, 0.8, 5), Estimate(0.5, samples=2), Estimate(None, samples=0)):
        assert unless_untrained(estimate, 0.65, fair=False) == estimate


def test_what_fits_has_learned_its_own_lengths_in_the_mean():
    assert fits({0: {"validation": 1.0}, 1: {"validation": 0.98}})
    assert not fits({0: {"validation": 1.0}, 1: {"validation": 0.97}})
    assert not fits({0: {"validation": 1.0}, 1: {"validation": None}})
    assert not fits({})


def test_what_is_kept_of_a_run():
    probe = ProbeConfig(probe="parity", longest=4, test_lengths=(4, 8), steps=4, examples=32, evaluate_every=2)
    found = [score(probe, model("lstm", width=8, body="classic"), seed=3) for _ in range(2)]
    assert found[0] == found[1] == json.loads(json.dumps(found[0]))
    assert set(found[0]["by_length"]) == {"4", "8"}
    assert scores({3: found[0]}, 8, 0.5) == {3: found[0]["by_length"]["8"]}


def test_who_diverged_counts_as_the_trivial_answer():
    assert scores({0: {"by_length": {}}, 1: {"by_length": {"8": 0.9}}}, 8, 0.5) == {0: 0.5, 1: 0.9}


def test_of_equals_on_validation_the_first_is_best():
    one, other = {0: {"validation": 1.0}}, {0: {"validation": None}}
    assert best({"learned": one, "rotary": dict(one)}) == "learned"
    assert best({"learned": other, "rotary": one}) == "rotary"
    assert best({}) is None


@pytest.mark.parametrize("probe", ["parity", "adding", "copying"])
def test_models_that_are_compared_are_of_one_size(probe):
    asked = ProbeConfig(probe=probe, shortest=2, longest=20)
    for mixer, settings in (("rnn", {"body": "classic"}), ("lstm", {"body": "classic"}), ("attention", {"layers": 2})):
        network = build_network(asked.built(), fitted(sized(mixer, asked, **settings), asked.built(), asked.farthest))
        count = sum(parameter.numel() for name, parameter in network.named_parameters() if "embed" not in name or "projection" in name)
        assert count == pytest.approx(PARAMETERS, rel=0.01)


@pytest.mark.parametrize("name", attention_support.MODELS)
def test_models_that_rewrite_are_of_one_size(name):
    network = SeqwiseForSeq2SeqLM(attention_support.rewriter(**attention_support.MODELS[name]))
    assert count_of_model(network).non_embedding == pytest.approx(attention_support.PARAMETERS, rel=0.01)


def test_pictures_of_shares_stay_between_none_and_all(monkeypatch):
    monkeypatch.setattr(probed, "lines", lambda title, found, *rest: found)
    rows = {seed: {"by_length": {"5": value}} for seed, value in enumerate((0.0, 1.0, 1.0))}
    found = probed.by_length("", {"lstm": rows}, (5,), lambda length: 0.5, {}, "accuracy")
    (point,) = found["lstm"]
    assert (point.low, point.high) == (0.0, 1.0)
    assert point.y == pytest.approx(2 / 3)
