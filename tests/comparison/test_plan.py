"""A plan lists every trial under a name that follows from what the trial is."""

import dataclasses
import time

import numpy as np
import pytest

from seqwise.comparison import layout
from seqwise.comparison.budget import LADDER, Speed
from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.layout import trials
from seqwise.comparison.options import Options
from seqwise.comparison.plan import Choice, Machine, Setting, choose, described_space
from seqwise.tasks.labelled_texts import LabelledTexts
from seqwise.tasks.text_classification import TextClassification

MODELS = ("rnn", "lstm", "transformer")
CHOICE = Choice(30_000, 3, 2, dict.fromkeys(MODELS, 24), None, 1.0)


def setting(**changes) -> Setting:
    options = Options(**{"source": "x", "models": MODELS, "size": "30k", **changes.pop("options", {})})
    values = {
        "options": options,
        "task": TextClassification(),
        "contenders": parse_contenders(options.models),
        "labels": ("a", "b"),
        "data_sha256": "0" * 64,
        "vocab_size": 300,
        "context": 64,
        "batch_size": 32,
        "device": "cpu",
        "lengths": np.array([3, 9, 30]),
    }
    return Setting(**{**values, **changes})


def names(*arguments) -> list[str]:
    return [job["fingerprint"] for job in trials(*arguments)]


BASE = trials(setting(), CHOICE)


def test_every_trial_is_there_once():
    found = [(job["kind"], job["model"], job["replicate"], job.get("configuration")) for job in BASE]
    expected = [("search", m, r, k) for m in MODELS for r in range(3) for k in range(2)]
    expected += [("final", m, r, None) for m in MODELS for r in range(3)]
    expected += [("baseline", b, r, None) for b in ("majority", "tfidf-linear") for r in range(3)]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert len({job["fingerprint"] for job in BASE}) == len(BASE)


def test_the_same_plan_has_the_same_names():
    assert names(setting(), CHOICE) == [job["fingerprint"] for job in BASE]


@pytest.mark.parametrize(
    "changes",
    [{"data_sha256": "1" * 64}, {"options": {"seed": 1}}, {"vocab_size": 301}, {"batch_size": 16}, {"context": 32}, {"labels": ("a", "c")}],
    ids=str,
)
def test_other_data_or_settings_have_other_names(changes):
    other = trials(setting(**changes), CHOICE)
    for old, new in zip(BASE, other, strict=True):
        if old["kind"] != "baseline" or {"data_sha256", "labels"} & changes.keys():
            assert old["fingerprint"] != new["fingerprint"]


def test_other_steps_and_sizes_have_other_names():
    for change in ({"target": 100_000}, {"steps": dict.fromkeys(MODELS, 48)}):
        other = trials(setting(), dataclasses.replace(CHOICE, **change))
        old = {job["fingerprint"] for job in BASE if job["kind"] != "baseline"}
        assert not old & {job["fingerprint"] for job in other}


def test_other_sources_have_other_names(monkeypatch):
    monkeypatch.setattr(layout, "source_hash", lambda: "other")
    assert not {job["fingerprint"] for job in BASE} & set(names(setting(), CHOICE))


def test_more_replicates_keep_the_names_of_those_before():
    more = names(setting(), dataclasses.replace(CHOICE, replicates=4))
    assert more[: len(BASE)] == [job["fingerprint"] for job in BASE]


def test_a_final_run_waits_for_its_own_search_and_nothing_else():
    by_name = {job["fingerprint"]: job for job in BASE}
    for job in BASE:
        before = [by_name[name] for name in job["after"]]
        if job["kind"] != "final":
            assert before == []
            continue
        assert [(b["kind"], b["model"], b["replicate"], b["configuration"]) for b in before] == [
            ("search", job["model"], job["replicate"], k) for k in range(2)
        ]


def test_replicates_run_one_after_the_other():
    order = [job["replicate"] for job in BASE]
    assert order == sorted(order)


def test_all_models_of_a_replicate_see_the_same_batches_and_have_weights_of_their_own():
    trained = [job for job in BASE if job["kind"] == "search" and job["replicate"] == 1]
    assert len({job["data_seed"] for job in trained}) == 1
    assert len({job["training"]["seed"] for job in trained}) == len(MODELS)
    assert len({job["data_seed"] for job in BASE if job["kind"] != "baseline"}) == 3


def test_every_family_gets_as_many_trials_of_as_many_steps():
    for model in MODELS:
        mine = [job for job in BASE if job["model"] == model]
        assert [job["until"] for job in mine if job["kind"] == "search"] == [6] * 6
        assert [job["until"] for job in mine if job["kind"] == "final"] == [24] * 3
        assert {job["training"]["steps"] for job in mine} == {24}


def test_configurations_are_the_same_in_every_replicate():
    points = [[job["hyperparameters"] for job in BASE if job["kind"] == "search" and job["replicate"] == r] for r in range(3)]
    assert points[0] == points[1] == points[2]
    assert points[0][0] != points[0][1]


def test_the_body_of_a_trial_is_that_of_its_configuration():
    for job in BASE:
        if job["kind"] == "search":
            assert job["config"]["body"] == job["hyperparameters"].get("body", "modern")


def test_an_extension_waits_for_every_search_of_its_replicate_and_its_final_run_for_it():
    jobs = trials(setting(), dataclasses.replace(CHOICE, extended=True))
    beyond = [job for job in jobs if job["kind"] == "extension"]
    assert [(job["model"], job["replicate"], job["configuration"]) for job in beyond] == [(m, r, 2) for r in range(3) for m in MODELS]
    for job in beyond:
        searches = [other for other in jobs if other["kind"] == "search" and other["replicate"] == job["replicate"]]
        assert job["after"] == [search["fingerprint"] for search in searches]
        assert not {"hyperparameters", "edge", "point"} & job.keys()
        final = next(o for o in jobs if o["kind"] == "final" and (o["model"], o["replicate"]) == (job["model"], job["replicate"]))
        own = [search["fingerprint"] for search in searches if search["model"] == job["model"]]
        assert final["after"] == [*own, job["fingerprint"]]
    assert [job for job in jobs if job["kind"] == "search"] == [job for job in BASE if job["kind"] == "search"]


def test_the_space_has_as_many_dimensions_for_all():
    assert {len(values) for values in described_space(setting()).values()} == {5}


def test_the_batch_size_follows_from_the_data_alone():
    lengths = [[3, 9, 30], [64] * 5, [64, 65, 66], [1, 300, 300]]
    assert [LabelledTexts().default_batch_size(np.array(found)) for found in lengths] == [64, 64, 32, 32]


class Stopwatch:
    """A calibration that needs no machine: every model takes as long, larger sizes longer."""

    def at(self, target: int) -> dict[str, dict[str, Speed]]:
        speed = Speed(1e-3 * target / 30_000, 0.01, 0.01)
        return {name: {"modern": speed, "classic": speed} for name in MODELS}


def chosen(seconds: float, **options) -> Choice:
    made = setting(options={"size": "auto", "budget_seconds": seconds, "refit": False, **options})
    return choose(made, Stopwatch(), Machine(workers=2, per_epoch=100, fixed=lambda replicates: 1.0 * replicates, started=time.monotonic()))


def test_a_large_budget_has_the_whole_ladder_and_the_largest_size_with_the_wanted_epochs():
    found = chosen(3600.0)
    assert (found.replicates, found.configurations) == LADDER[0]
    assert found.epochs >= 5
    assert found.target > 30_000
    assert found.estimate_seconds <= 3600


@pytest.mark.parametrize("seconds", [22.0, 25.0, 30.0])
def test_what_can_decide_is_preferred_to_a_single_training_with_more_epochs(seconds):
    found = chosen(seconds)
    assert found.replicates >= 3
    assert found.epochs >= 2


def test_where_nothing_fits_each_model_is_trained_once():
    assert (chosen(5.0).replicates, chosen(5.0).configurations) == (1, 1)


def test_what_is_given_is_kept():
    found = chosen(600.0, replicates=4, configurations=1, size="100k")
    assert (found.replicates, found.configurations, found.target) == (4, 1, 100_000)


def test_the_space_is_extended_where_time_allows_and_there_is_a_search():
    assert chosen(3600.0).extended
    assert not chosen(3600.0, extend_search=False).extended
    assert not chosen(3600.0, configurations=1).extended


def test_a_longer_training_takes_its_fifth_from_the_comparison():
    with_it, without = chosen(3600.0, refit=True), chosen(3600.0)
    assert without.refit_steps is None
    assert set(with_it.refit_steps) == set(MODELS)
    trained = {name: count / without.steps[name] for name, count in with_it.steps.items()}
    assert with_it.target < without.target or all(0.7 < share < 0.85 for share in trained.values())


def test_parts_of_the_data_take_their_time_from_the_steps():
    plain, parts = (chosen(60.0, size="30k", replicates=3, configurations=1, data_fractions=text) for text in (None, "0.1,0.3,1"))
    assert parts.steps["rnn"] < 0.6 * plain.steps["rnn"]
    jobs = trials(setting(options={"data_fractions": "0.1,0.3,1"}), parts)
    assert sum(job["kind"] == "fraction" for job in jobs) == 2 * 3 * len(MODELS)
