"""That a model is unable is said only after every learning rate, position code and step; without them it is untrained, and open."""

import pytest

from planted import planted
from seqwise.textbook import CLAIMS

STATE = {"rnn": 0.98, "lstm": 0.98, "transformer": 0.55, "mingru": 0.55, "control": 0.95}
LONG = {"rnn solves": 0.0, "lstm nearer": 3.0, "transformer solves": 1.0, "lstm copies": 0.2, "transformer copies": 0.97}
POSITION = {
    **{"blind": 0.0, "recurrent": 0.5, "coded": 0.5, "one layer": 0.0, "two layers": 0.1},
    **{"no code": 1.0, "no code, both sides": 1.2},
}
ATTENTION = {"lstm gains": 0.1, "rnn gains": 0.1, "transformer ahead": -0.15}


def clauses(name, results):
    return CLAIMS[name]().told(results, 0.0)["clauses"]


def without(results, **settings):
    return [(e, row) for e, row in results if not all(e.settings.get(name) == value for name, value in settings.items())]


def untrained(clause):
    return clause["verdict"] == "undecided" and clause["ci95"] is None and clause["why"].startswith("untrained")


def test_a_model_of_both_sides_that_knows_frequencies_alone_does_not_tell_whether_it_needs_positions():
    found = planted("position", POSITION)
    assert clauses("position", found)[6]["verdict"] == "contradicted"
    found = [(e, {**row, "trivial": row["bits_per_byte"] + 0.2} if e.part == "hidden" else row) for e, row in found]
    assert untrained(clauses("position", found)[6])


@pytest.mark.parametrize("left_out", [{"model": "transformer, learned"}, {"model": "transformer, none", "rate": 1e-2}])
def test_attention_is_unable_to_track_only_with_every_code_and_rate(left_out):
    results = planted("state-tracking", STATE)
    assert clauses("state-tracking", results)[2]["verdict"] == "supported"
    assert untrained(clauses("state-tracking", without(results, **left_out))[2])


def test_who_has_not_learned_its_own_lengths_is_not_unable_beyond_them():
    found = clauses("state-tracking", planted("state-tracking", STATE | {"learned": 0.98}))
    assert untrained(found[2])
    assert untrained(found[3])


def test_who_tracks_a_state_needs_no_other_codes():
    results = planted("state-tracking", STATE | {"transformer": 0.9})
    assert clauses("state-tracking", without(results, model="transformer, learned"))[2]["verdict"] == "contradicted"


def test_the_code_that_is_judged_is_chosen_on_validation():
    changed = [
        (e, row | {"by_length": dict.fromkeys(row["by_length"], 0.9)} if e.settings["model"] == "transformer, learned" else row)
        for e, row in planted("state-tracking", STATE)
    ]
    assert clauses("state-tracking", changed)[2]["value"] == pytest.approx(0.55, abs=0.01)


def test_trainings_that_diverged_answer_by_chance():
    changed = [
        (e, row | {"status": "diverged", "by_length": {}, "validation": None} if e.settings["model"] == "rnn" and "steps" in row else row)
        for e, row in planted("state-tracking", STATE)
    ]
    assert clauses("state-tracking", changed)[0]["value"] == 0.5


@pytest.mark.parametrize("clause", [0, 3])
def test_recurrent_models_are_unable_only_after_ten_times_the_steps(clause):
    assert clauses("long-dependencies", planted("long-dependencies", LONG))[clause]["verdict"] == "supported"
    assert untrained(clauses("long-dependencies", planted("long-dependencies", LONG | {"quickest": 1_100}))[clause])


@pytest.mark.parametrize(("clause", "changed"), [(2, {"transformer solves": 0.0}), (4, {"transformer copies": 0.5})])
def test_attention_is_unable_to_remember_only_with_every_code(clause, changed):
    results = planted("long-dependencies", LONG | changed)
    assert clauses("long-dependencies", results)[clause]["verdict"] == "contradicted"
    assert untrained(clauses("long-dependencies", without(results, model="transformer, sinusoidal"))[clause])


def test_attention_is_without_use_only_where_something_was_learned():
    assert [clause["verdict"] for clause in clauses("attention-support", planted("attention-support", ATTENTION))[:2]] == ["supported"] * 2
    assert all(map(untrained, clauses("attention-support", planted("attention-support", ATTENTION | {"learned": 0.5}))[:2]))


def test_a_transformer_is_behind_only_with_every_code():
    results = planted("attention-support", ATTENTION)
    assert clauses("attention-support", results)[2]["verdict"] == "contradicted"
    assert untrained(clauses("attention-support", without(results, model="transformer, none"))[2])
