"""Decisions on simulated score tables: false winners, planted differences, ties, and what is recommended."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.comparison.scores import ScoreTable
from seqwise.comparison.verdict import decide, recommend

NAMES = ("lstm", "gru", "rnn", "transformer")
COSTS = {
    "lstm": {"latency_ms_p50": 2.0, "bytes": 400_000},
    "gru": {"latency_ms_p50": 1.5, "bytes": 400_000},
    "rnn": {"latency_ms_p50": 1.0, "bytes": 300_000},
    "transformer": {"latency_ms_p50": 3.0, "bytes": 200_000},
    "linear": {"latency_ms_p50": 0.1, "bytes": 50_000},
    "majority": {"latency_ms_p50": 0.01, "bytes": 10},
}


def outcomes(rng, means, replicates, units, spread=0.02, liking=0.05):
    """Right or wrong on units of shared difficulty, with effects of model x replicate and model x unit."""
    ease = rng.uniform(-0.2, 0.2, units)
    chances = {
        name: mean + ease + spread * rng.standard_normal((replicates, 1)) + liking * rng.uniform(-1, 1, units)
        for name, mean in means.items()
    }
    return {name: list((rng.uniform(size=(replicates, units)) < chance).astype(float)) for name, chance in chances.items()}


def table(scores, *, margin=0.01, baselines=None, **settings):
    baselines = baselines or {}
    return ScoreTable(metric="accuracy", higher_is_better=True, margin=margin, scores=scores, baselines=baselines, **settings)


def rows(*values, units=8, noise=0.01):
    """Replicates with the given means, alternating units around them."""
    wave = noise * np.resize([1.0, -1.0], units)
    return [value + wave for value in values]


def simulated(seed, means, replicates, units, **settings):
    rng = np.random.default_rng(seed)
    majority = [(rng.uniform(size=units) < 0.3).astype(float)] * replicates
    return table(outcomes(rng, means, replicates, units), baselines={"majority": majority}, **settings)


def test_two_thousand_equal_comparisons_name_few_winners():
    rng = np.random.default_rng(0)
    winners = []
    spreads, likings = (0.0, 0.02, 0.05), (0.0, 0.1)
    settings_of = itertools.cycle(itertools.product((3, 4, 5, 6), (2, 2, 4), spreads, likings, (True, True, False)))
    for _, (replicates, models, spread, liking, crossed) in zip(range(2000), settings_of, strict=False):
        scores = outcomes(rng, dict.fromkeys(NAMES[:models], 0.6), replicates, 60, spread, liking)
        decision = decide(table(scores, margin=0.005, crossed=crossed), alpha=0.05)
        assert (decision.decision == "winner") == (len(decision.winners) == 1)
        winners.append(decision.decision == "winner")
    assert 0.005 <= np.mean(winners) <= 0.06


def test_two_equal_models_with_real_valued_scores_name_few_winners():
    rng = np.random.default_rng(1)
    winners = []
    for index in range(800):
        replicates = 3 + index % 4
        effects = {name: 0.3 * rng.standard_normal((replicates, 1)) + 0.5 * rng.standard_normal(40) for name in NAMES[:2]}
        shared = rng.standard_normal(40)
        scores = {name: list(1 + effect + shared + rng.standard_normal((replicates, 40))) for name, effect in effects.items()}
        winners.append(decide(table(scores), alpha=0.05).decision == "winner")
    assert 0.02 <= np.mean(winners) <= 0.06


@pytest.mark.parametrize(("crossed", "lstm"), [(True, 0.75), (False, 0.85)])
def test_a_planted_difference_is_found(crossed, lstm):
    means = {"rnn": 0.55, "lstm": lstm, "gru": 0.6, "transformer": 0.58}
    found = [decide(simulated(seed, means, 5, 400, crossed=crossed), alpha=0.05) for seed in range(50)]
    assert np.mean([decision.winners == ["lstm"] for decision in found]) >= 0.95
    assert not any(decision.winners not in ([], ["lstm"]) for decision in found)
    assert all(decision.excluded for decision in found if decision.decision == "winner")


def test_ties_are_declared_when_the_data_suffices():
    rng = np.random.default_rng(0)
    found = [decide(table(outcomes(rng, dict.fromkeys(NAMES[:3], 0.6), 6, 30_000, 0.001, 0.02)), alpha=0.05) for _ in range(20)]
    assert np.mean([decision.decision == "tie" and len(decision.winners) == 3 for decision in found]) >= 0.8


def test_models_that_differ_by_the_margin_seldom_tie():
    rng = np.random.default_rng(0)
    ties = []
    for index in range(800):
        replicates = 3 + index % 4
        better, worse = (list(0.1 * rng.standard_normal((replicates, 1)) + rng.standard_normal((replicates, 80))) for _ in range(2))
        found = table({"lstm": [row + 0.5 for row in better], "gru": worse}, margin=0.5)
        ties.append(decide(found, alpha=0.05).decision == "tie")
    assert 0.005 <= np.mean(ties) <= 0.06


def test_it_is_undecided_when_the_data_does_not_suffice():
    found = [decide(simulated(seed, {"lstm": 0.61, "gru": 0.6}, 4, 60), alpha=0.05) for seed in range(50)]
    assert np.mean([decision.decision == "undecided" for decision in found]) >= 0.9
    assert not any(decision.decision == "tie" for decision in found)
    assert all(decision.winners == [] and decision.candidates for decision in found if decision.decision == "undecided")


def test_shuffled_labels_teach_nothing():
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.integers(2, size=100)
        scores = {name: [(rng.integers(2, size=100) == truth).astype(float) for _ in range(4)] for name in NAMES[:3]}
        majority = [(truth == 1).astype(float)] * 4
        found.append(decide(table(scores, baselines={"majority": majority}), alpha=0.05).decision)
    assert np.mean([decision == "nothing learned" for decision in found]) >= 0.95


def test_the_sentences():
    wins = decide(table({"gru": rows(0.8, 0.81, 0.82), "lstm": rows(0.9, 0.91, 0.92), "rnn": rows(0.6, 0.61, 0.62)}), alpha=0.05)
    assert wins.text == "lstm wins: 91.0 % accuracy, 10.0 points (10.0 to 10.0) above gru, the next best."
    tie = decide(table({"gru": rows(0.91, 0.91, 0.91), "lstm": rows(0.911, 0.911, 0.911), "rnn": rows(0.6, 0.61, 0.62)}), alpha=0.05)
    assert tie.text == "Tie between lstm and gru: equivalent within 1.0 points; lstm scored 91.1 % accuracy. Excluded: rnn."
    open_ = decide(table({"gru": rows(0.8, 0.9, 0.8), "lstm": rows(0.9, 0.85, 0.9), "rnn": rows(0.1, 0.1, 0.1)}), alpha=0.05)
    assert open_.text.startswith("Undecided between lstm and gru; lstm scored 88.3 % accuracy. Excluded: rnn. About ")
    assert f"{open_.needed['replicates']} replicates" in open_.text
    few = decide(table({"gru": rows(0.1, 0.1), "lstm": rows(0.9, 0.9)}), alpha=0.05)
    assert few.text == "Undecided between lstm and gru: a decision takes 3 replicates, this is 2; lstm scored 90.0 % accuracy."
    alone = decide(table({"lstm": rows(0.9, 0.9, 0.9)}), alpha=0.05)
    assert alone.text == "Undecided: only one model was trained; lstm scored 90.0 % accuracy."


def test_an_error_is_better_when_smaller():
    scores = {"lstm": rows(0.1, 0.11, 0.12), "gru": rows(0.3, 0.31, 0.33)}
    decision = decide(ScoreTable(metric="mae", higher_is_better=False, margin=0.001, scores=scores), alpha=0.05)
    assert decision.winners == ["lstm"]
    assert decision.pairwise[0]["difference"] < 0
    assert decision.of_pair("lstm", "gru") == "better"
    assert decision.of_pair("gru", "lstm") == "worse"
    assert "below gru" in decision.text
    with pytest.raises(KeyError, match="rnn"):
        decision.of_pair("lstm", "rnn")


def test_equivalence_goes_before_better():
    scores = {"lstm": rows(0.905, 0.905, 0.905), "gru": rows(0.9, 0.9, 0.9)}
    decision = decide(table(scores), alpha=0.05)
    assert decision.pairwise[0]["p"] == 0
    assert decision.pairwise[0]["decision"] == "equivalent"
    assert (decision.decision, decision.winners) == ("tie", ["lstm", "gru"])
    assert decide(table(scores, margin=0.004), alpha=0.05).winners == ["lstm"]


def test_candidates_that_are_not_all_equivalent_are_undecided():
    scores = {"lstm": rows(0.916, 0.916, 0.916), "gru": rows(0.908, 0.908, 0.908), "rnn": rows(0.905, 0.9, 0.91)}
    decision = decide(table(scores), alpha=0.05)
    assert decision.of_pair("lstm", "gru") == "equivalent"
    assert (decision.decision, decision.winners) == ("undecided", [])


def test_p_is_corrected_for_all_pairs():
    scores = {name: rows(*values) for name, values in (("lstm", (0.9, 0.92, 0.88)), ("gru", (0.8, 0.83, 0.82)), ("rnn", (0.5, 0.5, 0.5)))}
    two = decide(table({name: scores[name] for name in ("lstm", "gru")}), alpha=0.05).pairwise[0]
    three = decide(table(scores), alpha=0.05).pairwise[0]
    assert (two["a"], two["b"]) == (three["a"], three["b"])
    assert three["p"] > two["p"]
    assert three["ci95"] == two["ci95"]


def test_a_baseline_ahead_is_said_first():
    baselines = {"majority": rows(0.5, 0.5, 0.5), "linear": rows(0.95, 0.95, 0.95)}
    scores = {"lstm": rows(0.9, 0.91, 0.92), "gru": rows(0.7, 0.7, 0.71)}
    decision = decide(table(scores, baselines=baselines), alpha=0.05)
    assert decision.winners == ["lstm"]
    assert decision.baseline_ahead["name"] == "linear"
    assert decision.baseline_ahead["difference"] == pytest.approx(0.04)
    assert decision.baseline_ahead["significant"]
    assert decision.text.startswith("The baseline linear is 4.0 points")
    advice = recommend(table(scores, baselines=baselines), decision, limits={}, costs=COSTS)
    assert (advice["model"], advice["kind"], advice["trained_model"], advice["regret_upper95"]) == ("linear", "baseline", "lstm", 0.0)


@pytest.mark.parametrize(("linear", "significant"), [((0.9, 0.93, 0.96), False), ((0.8, 0.8, 0.8), None)])
def test_a_baseline_that_may_be_ahead(linear, significant):
    baselines = {"majority": rows(0.99, 0.99, 0.99), "linear": rows(*linear)}
    ahead = decide(table({"lstm": rows(0.95, 0.9, 0.92)}, baselines=baselines), alpha=0.05).baseline_ahead
    assert (ahead and ahead["significant"]) == significant


def test_a_diverged_replicate_is_said():
    scores = {"lstm": rows(0.9, 0.91, 0.5, 0.9), "gru": rows(0.7, 0.7, 0.7, 0.71)}
    whole = table(scores, diverged={"lstm": 1}, baselines={"majority": rows(0.5, 0.5, 0.5, 0.5)})
    decision = decide(whole, alpha=0.05)
    assert decision.decision == "undecided"
    assert decision.text.endswith("lstm diverged in 1 of 4 replicates, which count as majority.")


def test_nothing_trained():
    empty = table({}, baselines={"majority": rows(0.5, 0.5, 0.5)})
    decision = decide(empty, alpha=0.05)
    assert (decision.decision, decision.candidates, decision.pairwise) == ("undecided", [], [])
    advice = recommend(empty, decision, limits={}, costs={})
    assert (advice["model"], advice["trained_model"], advice["regret_upper95"]) == ("majority", None, None)
    with pytest.raises(ValueError, match="neither"):
        recommend(table({}), decide(table({}), alpha=0.05), limits={}, costs={})


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"lstm": rows(0.9, 0.9), "gru": rows(0.9)}, "same replicates"),
        ({"lstm": rows(0.9, units=4), "gru": rows(0.9, units=5)}, "same replicates"),
        ({"lstm": [np.ones(3), np.ones(4)]}, "same replicates"),
        ({"lstm": []}, "same replicates"),
        ({"lstm": rows(np.nan)}, "not finite"),
    ],
)
def test_a_table_with_holes_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        table(scores)


def test_folds_may_differ_in_size():
    folds = {name: [mean + np.resize([0.1, -0.1], size) for size in (8, 8, 6)] for name, mean in (("lstm", 0.9), ("gru", 0.2))}
    found = table(folds, crossed=False)
    assert (found.units, found.share) == (22, pytest.approx(1 / 3))
    assert decide(found, alpha=0.05).winners == ["lstm"]


def test_among_equals_the_fastest_is_recommended():
    scores = {"lstm": rows(0.911, 0.911, 0.911), "gru": rows(0.91, 0.91, 0.91), "rnn": rows(0.6, 0.61, 0.62)}
    tied = table(scores)
    advice = recommend(tied, decide(tied, alpha=0.05), limits={}, costs=COSTS)
    assert (advice["model"], advice["trained_model"]) == ("gru", "gru")
    assert advice["regret_upper95"] == pytest.approx(0.001)
    assert {row["model"] for row in advice["alternatives"]} == {"lstm", "rnn"}


def test_a_model_far_below_is_not_recommended_for_its_speed():
    few = table({"lstm": rows(0.9, 0.9), "rnn": rows(0.6, 0.6)})
    advice = recommend(few, decide(few, alpha=0.05), limits={}, costs=COSTS)
    assert (advice["model"], advice["regret_upper95"]) == ("lstm", None)


@pytest.mark.parametrize(
    ("limits", "model", "regret"),
    [
        ({"max_latency_ms": 1.7}, "gru", 0.0),
        ({"max_bytes": 250_000}, "transformer", None),
        ({"max_latency_ms": 1.2, "max_bytes": None}, "rnn", None),
        ({}, "lstm", 0.0),
    ],
)
def test_limits_are_kept(limits, model, regret):
    scores = {name: rows(mean, mean + 0.01, mean) for name, mean in (("lstm", 0.9), ("gru", 0.8), ("rnn", 0.7), ("transformer", 0.6))}
    found = table(scores)
    advice = recommend(found, decide(found, alpha=0.05), limits=limits, costs=COSTS)
    assert (advice["model"], advice["within_limits"]) == (model, True)
    assert advice["regret_upper95"] == regret


def test_where_the_limits_leave_nothing_the_nearest_is_named():
    found = table({"lstm": rows(0.9, 0.9, 0.91), "rnn": rows(0.6, 0.6, 0.61)})
    advice = recommend(found, decide(found, alpha=0.05), limits={"max_latency_ms": 0.5}, costs=COSTS)
    assert (advice["model"], advice["within_limits"]) == ("rnn", False)
    assert advice["regret_upper95"] == pytest.approx(0.3, abs=0.02)
    assert advice["reason"].startswith("no model is within the limits")


def test_a_cost_that_was_not_measured_does_not_keep_a_limit():
    found = table({"lstm": rows(0.9, 0.9, 0.91), "rnn": rows(0.6, 0.6, 0.61)})
    advice = recommend(found, decide(found, alpha=0.05), limits={"max_latency_ms": 9.0}, costs={"rnn": COSTS["rnn"]})
    assert advice["model"] == "rnn"


def test_where_nothing_was_learned_a_baseline_is_recommended():
    baselines = {"majority": rows(0.5, 0.5, 0.5), "linear": rows(0.49, 0.5, 0.51)}
    found = table({"lstm": rows(0.48, 0.52, 0.5)}, baselines=baselines)
    decision = decide(found, alpha=0.05)
    assert decision.decision == "nothing learned"
    assert decision.text.startswith("Nothing learned: no trained model is above majority (50.0 % accuracy)")
    advice = recommend(found, decision, limits={}, costs=COSTS)
    assert (advice["model"], advice["kind"], advice["trained_model"]) == ("majority", "baseline", "lstm")


def test_with_two_units_the_better_mean_is_recommended_though_nothing_is_beyond_chance():
    """A short series: two blocks of forecasts, in which no difference can be sure."""
    error = {"metric": "mse", "higher_is_better": False, "trivial": "repeat-last", "margin": 0.004}
    scores = {"lstm": [np.array([0.2, 0.5])] * 3}
    baselines = {"repeat-last": [np.array([1.2, 2.4])] * 3, "ridge": [np.array([0.05, 0.15])] * 3}
    found = ScoreTable(scores=scores, baselines=baselines, **error)
    advice = recommend(found, decide(found, alpha=0.05), limits={}, costs={})
    assert advice["model"] == "ridge"


def test_regret_bounds_hold():
    held = []
    truth = dict(zip(NAMES, (0.62, 0.61, 0.6, 0.58), strict=True))
    for seed in range(120):
        found = simulated(seed, truth, 4, 100)
        advice = recommend(found, decide(found, alpha=0.05), limits={}, costs=COSTS)
        if advice["model"] in truth:
            held.append(max(truth.values()) - truth[advice["model"]] <= advice["regret_upper95"])
    assert len(held) >= 80
    assert np.mean(held) >= 0.95


@st.composite
def score_tables(draw):
    replicates, units, models = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    row = st.lists(st.integers(0, 8).map(lambda number: number / 8), min_size=units, max_size=units).map(np.array)
    scores = {name: draw(st.lists(row, min_size=replicates, max_size=replicates)) for name in NAMES[:models]}
    baselines = {name: [draw(row)] * replicates for name in ("majority", "linear")[: draw(st.integers(0, 2))]}
    return table(scores, baselines=baselines, crossed=draw(st.booleans()), margin=draw(st.sampled_from([0.0, 0.01, 0.5])))


@settings(max_examples=150, deadline=None)
@given(score_tables(), st.sampled_from([{}, {"max_latency_ms": 1.2}, {"max_bytes": 1}]))
def test_every_table_has_a_verdict_and_advice(found, limits):
    decision = decide(found, alpha=0.05)
    advice = recommend(found, decision, limits=limits, costs=COSTS)
    json.dumps([decision.to_dict(), advice], allow_nan=False)
    assert (decision.decision == "winner") == (len(decision.winners) == 1)
    assert sorted(decision.candidates + decision.excluded) == sorted(found.scores)
    assert decision.text
    assert advice["model"] in found.all_scores
    assert advice["trained_model"] in found.scores
    if found.replicates < 3:
        assert decision.decision == "undecided"
        assert all(row["p"] is None and row["decision"] == "undecided" for row in decision.pairwise)


@settings(max_examples=50, deadline=None)
@given(score_tables())
def test_the_order_of_the_models_changes_no_pair(found):
    turned = decide(table(dict(reversed(found.scores.items())), margin=found.margin, crossed=found.crossed), alpha=0.05)
    plain = decide(table(found.scores, margin=found.margin, crossed=found.crossed), alpha=0.05)
    for a, b in itertools.combinations(found.scores, 2):
        assert turned.of_pair(a, b) == plain.of_pair(a, b)


def test_the_contract_is_kept():
    path = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "contracts" / "comparison.schema.json"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    import jsonschema

    schema = json.loads(path.read_text())["properties"]
    for scores in ({"lstm": rows(0.9, 0.9, 0.91), "rnn": rows(0.6, 0.6, 0.61)}, {"lstm": rows(0.9), "rnn": rows(0.6)}):
        found = table(scores, baselines={"majority": rows(*[0.5] * len(scores["lstm"])), "linear": rows(*[0.95] * len(scores["lstm"]))})
        decision = decide(found, alpha=0.05)
        verdict = decision.to_dict() | {"recommendation": recommend(found, decision, limits={}, costs=COSTS)}
        jsonschema.validate(verdict, schema["verdict"])
        jsonschema.validate(decision.pairwise, schema["pairwise"])


def test_outcomes_that_agree_on_few_units_are_no_tie():
    same = [np.tile([1.0, 0.0], 36)] * 3
    assert decide(table({"lstm": same, "gru": same}), alpha=0.05).decision == "undecided"
    many = [np.tile([1.0, 0.0], 1000)] * 3
    assert decide(table({"lstm": many, "gru": many}), alpha=0.05).decision == "tie"
    assert table({"lstm": [np.ones(40)] * 3}).score("lstm").ci95[0] < 0.95


def test_a_better_model_outside_the_limits_is_named():
    found = table({"lstm": rows(0.9, 0.91, 0.9), "rnn": rows(0.6, 0.61, 0.6)})
    advice = recommend(found, decide(found, alpha=0.05), limits={"max_latency_ms": 1.2}, costs=COSTS)
    assert advice["model"] == "rnn"
    assert "the limits exclude lstm, which is 30.0 points better" in advice["reason"]
