"""A planted effect is found and a planted null is not."""

import json

import numpy as np
import pytest

from seqwise.textbook import long_dependencies, vanishing_gradient
from seqwise.textbook.agreement import ORDERS, agreement
from seqwise.textbook.gradients import recurrent


def judged(claim, experiments):
    results = [(experiment, json.loads(json.dumps(claim.run(experiment)))) for experiment in experiments]
    return [clause["verdict"] for clause in claim.told(results, 0.0)["clauses"]]


def fade(claim):
    return judged(claim, [experiment for experiment in claim.experiments("smoke") if experiment.part == "layers"])


def test_an_lstm_whose_forget_gate_is_closed_vanishes_faster_than_an_rnn(monkeypatch):
    claim = vanishing_gradient.VanishingGradient()
    assert fade(claim)[3] == "supported"
    broken = {**vanishing_gradient.LAYERS, "lstm, as torch begins": lambda: recurrent("lstm", vanishing_gradient.WIDTH, bias=-50.0)}
    monkeypatch.setattr(vanishing_gradient, "LAYERS", broken)
    assert fade(claim)[3] == "contradicted"


def test_two_rnns_are_not_told_apart(monkeypatch):
    same = {**vanishing_gradient.LAYERS, "lstm, as torch begins": lambda: recurrent("rnn", vanishing_gradient.WIDTH)}
    monkeypatch.setattr(vanishing_gradient, "LAYERS", same)
    claim = vanishing_gradient.VanishingGradient()
    experiments = [experiment for experiment in claim.experiments("smoke") if experiment.part == "layers"]
    found = [claim.run(experiment) for experiment in experiments]
    others = [row["rnn"] for row in found[1:] + found[:1]]  # the same layer from other seeds, so that the two differ by chance alone
    results = [(e, {**row, "lstm, as torch begins": other}) for e, row, other in zip(experiments, found, others, strict=True)]
    assert claim.told(results, 0.0)["clauses"][3]["verdict"] == "undecided"


@pytest.mark.slow
def test_an_lstm_whose_forget_gate_is_closed_does_not_add(monkeypatch):
    monkeypatch.setattr(long_dependencies, "STEPS", {"standard": 500})
    monkeypatch.setattr(long_dependencies, "SEEDS", {"standard": 3})

    def verdict():
        claim = long_dependencies.LongDependencies()
        return judged(claim, [e for e in claim.experiments("standard") if e.part == "adding" and e.settings["model"] in ("rnn", "lstm")])[1]

    whole = verdict()
    broken = {**long_dependencies.MODELS["lstm"], "forget_bias": -50.0}
    monkeypatch.setattr(long_dependencies, "MODELS", {**long_dependencies.MODELS, "lstm": broken})
    assert whole == "supported"
    assert verdict() != "supported"


def measured(order, more: float, less: float) -> list[dict]:
    return [
        {"model": name, "quantity": order.quantity, "at": dict(order.at), "value": value}
        for name, value in ((order.more, more), (order.less, less))
    ]


def claims(sign: int = 1) -> list[dict]:
    """Measurements that agree with every published order, or with none."""
    found: dict[str, list[dict]] = {}
    for number, order in enumerate(ORDERS):
        found.setdefault(f"{order.claim}:{number}", measured(order, 1.0 + sign, 1.0 - sign))
    return [{"id": name.partition(":")[0], "measurements": rows} for name, rows in found.items()]


def test_agreement_counts_and_lists():
    one = [claim for claim in claims() if claim["id"] == "attention-support"]
    assert agreement(one)["agreeing"] == agreement(one)["of"] == 1
    other = agreement([claim for claim in claims(-1) if claim["id"] == "attention-support"])
    assert (other["agreeing"], other["of"], len(other["disagreements"])) == (0, 1, 1)
    assert agreement([])["of"] == 0


def test_shuffled_names_agree_as_chance_does():
    one = [claim for claim in claims() if claim["id"] == "attention-support"]
    shares = [agreement(one, np.random.default_rng(seed))["share"] for seed in range(400)]
    assert 0.42 < np.mean(shares) < 0.58
