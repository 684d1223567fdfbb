"""From answers on disk to scores with intervals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqwise.comparison.finals import Finals, TestData, breakdowns, clipped, complete_replicates, model_scores, read_finals, units_only
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.statistics import Estimate
from seqwise.core.files import write_json
from seqwise.tasks.task import save_outputs
from seqwise.tasks.text_classification import TextClassification

TASK = TextClassification()


def made(replicates: int, units: int, seed: int = 0, folds: bool = False):
    """Answers and truths of a model that is right in about four of five units."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(units, units + 4, replicates) if folds else [units] * replicates
    labels = [rng.integers(0, 3, size) for size in sizes] if folds else [rng.integers(0, 3, units)] * replicates
    outputs = []
    for truth in labels:
        answers = np.where(rng.random(len(truth)) < 0.8, truth, rng.integers(0, 3, len(truth)))
        outputs.append((0.7 * np.eye(3)[answers] + 0.1).astype(np.float32))
    lengths = [rng.integers(1, 50, len(truth)) for truth in labels]
    return Finals([], outputs, labels), TestData(lengths if folds else [lengths[0]] * replicates, not folds, 0.2 if folds else None)


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_units_only_is_the_interval_of_a_mean(values):
    scores = np.array(values, float)
    found = units_only([scores])
    low, high = stats.t.interval(0.95, len(scores) - 1, scores.mean(), max(stats.sem(scores), 1e-300))
    assert found.value == scores.mean()
    assert found.ci95 == pytest.approx((low, high), abs=1e-9)
    assert found.p is None


def test_units_only_of_two_replicates_on_the_same_units():
    a, b = np.array([1.0, 0, 1, 1]), np.array([0.0, 0, 1, 1])
    found = units_only([a, b])
    assert found.value == pytest.approx(0.625)
    assert found.standard_error == pytest.approx(np.std([0.5, 0, 1, 1], ddof=1) / 2)


def test_units_only_of_folds_puts_the_units_together():
    found = units_only([np.array([1.0, 0, 1]), np.array([1.0, 0])])
    assert found.standard_error == pytest.approx(np.std([1, 0, 1, 1, 0], ddof=1) / np.sqrt(5))


def test_units_only_of_a_single_unit_has_no_spread():
    assert units_only([np.array([1.0])]).ci95 == (1.0, 1.0)


def test_an_interval_stays_in_the_range_of_its_metric():
    assert clipped(Estimate(0.9, 0.1, 5, (0.7, 1.2), (0.8, 1.1), None), 0, 1) == {"mean": 0.9, "ci95": [0.7, 1.0]}


@pytest.mark.parametrize("folds", [False, True])
@pytest.mark.parametrize("replicates", [1, 2, 3, 5])
def test_scores_are_the_means_over_replicates_inside_their_intervals(replicates, folds):
    finals, data = made(replicates, 40, folds=folds)
    found = model_scores(TASK, finals, data, np.random.default_rng(0))
    assert list(found) == ["accuracy", "macro_f1", "log_loss"]
    for name, score in found.items():
        per_replicate = [TASK.metrics(o, y)[name] for o, y in zip(finals.outputs, finals.truths, strict=True)]
        assert score["per_replicate"] == per_replicate
        assert score["mean"] == pytest.approx(np.mean(per_replicate), abs=1e-6 if not folds else 0.02)
        if score["ci95"]:
            assert score["ci95"][0] <= score["mean"] <= score["ci95"][1]
    assert found["accuracy"]["ci95"] is not None


def test_the_same_seed_gives_the_same_bootstrap():
    made_up = made(4, 30)
    assert model_scores(TASK, *made_up, np.random.default_rng(1)) == model_scores(TASK, *made_up, np.random.default_rng(1))


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 5), st.integers(4, 60), st.integers(0, 99), st.booleans())
def test_buckets_of_length_hold_every_example_once(replicates, units, seed, folds):
    finals, data = made(replicates, units, seed, folds)
    found = breakdowns(TASK, finals, data)["by_length"]
    lengths = np.concatenate(data.lengths) if folds else data.lengths[0]
    for bucket in found:
        inside = (lengths >= bucket["from"]) & (lengths <= bucket["to"])
        assert bucket["examples"] == inside.sum()
    bounds = [bound for bucket in found for bound in (bucket["from"], bucket["to"])]
    assert bounds == sorted(bounds)
    assert all(low["to"] < high["from"] for low, high in itertools.pairwise(found))


def test_quality_by_length_is_that_of_the_bucket():
    lengths = np.array([1] * 10 + [50] * 10)
    labels = np.zeros(20, int)
    right = np.array([True] * 10 + [False] * 10)
    outputs = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32)
    found = breakdowns(TASK, Finals([], [outputs] * 3, [labels] * 3), TestData([lengths] * 3, True, None))["by_length"]
    assert [bucket["mean"] for bucket in found if bucket["to"] < 50] == [1.0] * sum(bucket["to"] < 50 for bucket in found)
    assert found[-1]["to"] == 50
    assert sum(bucket["examples"] for bucket in found) == 20


@pytest.mark.parametrize(("right", "expected"), [(True, (1 - 3 / 40, 1.0)), (False, (0.0, 3 / 40))])
def test_where_all_answers_agree_the_interval_is_no_point(right, expected):
    labels, outputs = np.zeros(40, int), np.tile(np.float32([0.9, 0.1] if right else [0.1, 0.9]), (40, 1))
    finals, data = Finals([], [outputs] * 3, [labels] * 3), TestData([np.ones(40, int)] * 3, True, None)
    assert model_scores(TASK, finals, data, np.random.default_rng(0))["accuracy"]["ci95"] == pytest.approx(expected)


@pytest.fixture
def folder(tmp_path):
    """Two replicates: rnn fine, lstm diverged in the second, gru failed in the first."""
    found = RunFolder(tmp_path)
    jobs = []
    for r in range(2):
        for kind, model, status in (
            ("baseline", "majority", "ok"),
            ("search", "rnn", "ok"),
            ("final", "rnn", "ok"),
            ("final", "lstm", "diverged" if r else "ok"),
            ("final", "gru", "ok" if r else "failed"),
        ):
            job = {"kind": kind, "model": model, "replicate": r, "fingerprint": f"{kind}-{model}-{r}", "after": []}
            jobs.append(job)
            write_json(found.trial(job["fingerprint"]) / "record.json", {"job": job, "status": status, "error": "broke"})
            if status == "ok" and kind != "search":
                value = len(jobs) / 100
                save_outputs(found.trial(job["fingerprint"]) / "test.safetensors", np.full((3, 2), value, np.float32), np.zeros(3))
    return found, jobs


def test_a_diverged_replicate_answers_as_the_trivial_baseline_of_its_replicate(folder):
    found = read_finals(*folder, [0, 1], "majority")
    assert list(found) == ["majority", "rnn", "lstm", "gru"]
    np.testing.assert_array_equal(found["lstm"].outputs[1], found["majority"].outputs[1])
    assert not np.array_equal(found["lstm"].outputs[0], found["majority"].outputs[0])
    assert (found["lstm"].diverged, found["lstm"].status) == (1, "ok")
    assert (found["rnn"].diverged, found["rnn"].status) == (0, "ok")
    assert (found["gru"].status, found["gru"].errors) == ("failed", ["broke"])


def test_a_model_that_always_diverged_is_said_so(folder):
    found = read_finals(*folder, [1], "majority")
    assert found["lstm"].status == "diverged"


def test_a_replicate_is_complete_when_its_finals_and_baselines_are(folder):
    run, jobs = folder
    assert complete_replicates(run, jobs) == [0, 1]
    (run.trial("search-rnn-0") / "record.json").unlink()
    assert complete_replicates(run, jobs) == [0, 1]
    (run.trial("final-lstm-0") / "record.json").unlink()
    assert complete_replicates(run, jobs) == [1]
    (run.trial("baseline-majority-1") / "record.json").unlink()
    assert complete_replicates(run, jobs) == []


def test_errors_that_never_happened_may_yet_happen():
    none = Estimate(0.0, 0.0, 9, (0.0, 0.0), (0.0, 0.0), None)
    assert clipped(none, 0, np.inf, units=30) == {"mean": 0.0, "ci95": [0.0, 0.1]}
    assert clipped(none, 0, np.inf) == {"mean": 0.0, "ci95": [0.0, 0.0]}
