"""The loop: the same numbers however often it stops, a divergence is a result, the best weights are kept."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.data.batching import SequenceSet
from seqwise.models.config import SeqwiseConfig
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.tasks.classification import ExampleFeed
from seqwise.tasks.text_classification import TextClassification
from seqwise.training.loop import Progress, Trainer, TrainingConfig

STEPS = 12
TIMES = ("seconds", "train_seconds")


def tokens(count: int, seed: int) -> SequenceSet:
    rng = np.random.default_rng(seed)
    texts = [rng.integers(2, 30, rng.integers(1, 12)).tolist() for _ in range(count)]
    return SequenceSet.from_lists(texts, [int(sum(text) % 2) for text in texts])


TRAIN, VALIDATION = tokens(40, 0), tokens(12, 1)


def trainer(folder=None, mixer="lstm", **changes) -> Trainer:
    torch.manual_seed(3)
    layers = [mixer, mixer]
    config = SeqwiseConfig(
        vocab_size=30, layer_types=layers, embedding_size=6, hidden_size=8, intermediate_size=12, num_labels=2, bidirectional=True
    )
    config.hidden_dropout = config.embedding_dropout = config.classifier_dropout = 0.3
    feed = ExampleFeed(TextClassification(), TRAIN, VALIDATION, batch_size=8, seed=0)
    training = TrainingConfig(**{"steps": STEPS, "evaluations": 4, "learning_rate": 0.02} | changes)
    return Trainer(SeqwiseForSequenceClassification(config), feed, training, folder=folder, accelerator=Accelerator(cpu=True))


def timeless(progress: Progress) -> dict:
    values = dataclasses.asdict(progress)
    for name in TIMES:
        del values[name]
    for point in [*values["curve"], values["best"]]:
        point.pop("seconds", None)
    return values


def numbers(found: Trainer):
    return timeless(found.progress), {name: value.tolist() for name, value in found.bare_model.state_dict().items()}, found.best_weights


@pytest.fixture(scope="module")
def straight():
    found = {}
    for mixer in ("rnn", "lstm", "gru", "attention"):
        found[mixer] = trainer(mixer=mixer)
        found[mixer].run(STEPS)
    return found


def assert_same(found: Trainer, expected: Trainer):
    (progress, weights, best), (progress_expected, weights_expected, best_expected) = numbers(found), numbers(expected)
    assert progress == progress_expected
    assert weights == weights_expected
    assert all(torch.equal(best[name], best_expected[name]) for name in best_expected)


@pytest.mark.parametrize("mixer", ["rnn", "lstm", "gru", "attention"])
@pytest.mark.parametrize("stop", [1, 5, 6, 11])
def test_stopping_and_going_on_gives_the_same_bits(tmp_path, straight, mixer, stop):
    first = trainer(tmp_path, mixer)
    first.run(stop)
    first.save()
    torch.manual_seed(99)
    torch.randn(7)
    second = trainer(tmp_path, mixer)
    assert second.resume()
    second.run(STEPS)
    assert_same(second, straight[mixer])


@settings(max_examples=8, deadline=None)
@given(stops=st.sets(st.integers(1, STEPS - 1), min_size=1, max_size=4))
def test_any_number_of_stops(tmp_path_factory, straight, stops):
    folder = tmp_path_factory.mktemp("stops")
    for stop in [*sorted(stops), STEPS]:
        found = trainer(folder)
        assert found.resume() == (stop != min(stops))
        found.run(stop)
        found.save()
    assert_same(found, straight["lstm"])


def test_a_checkpoint_of_its_own_every_so_many_seconds(tmp_path, straight):
    ticks = iter(range(10_000))
    first = trainer(tmp_path, checkpoint_seconds=5.0)
    first.clock = lambda: float(next(ticks))
    first.run(7)
    second = trainer(tmp_path)
    assert second.resume()
    assert 0 < second.progress.step <= 7
    second.run(STEPS)
    assert_same(second, straight["lstm"])


def test_two_runs_give_the_same_bits(straight):
    again = trainer()
    again.run(STEPS)
    assert_same(again, straight["lstm"])


@pytest.mark.parametrize(
    ("steps", "evaluations", "expected"), [(12, 4, [3, 6, 9, 12]), (24, 12, list(range(2, 25, 2))), (5, 12, [1, 2, 3, 4, 5])]
)
def test_evaluations_are_spread_evenly_and_end_with_the_last_step(steps, evaluations, expected):
    found = trainer(steps=steps, evaluations=evaluations)
    found.run(steps)
    assert [point["step"] for point in found.progress.curve] == expected


def test_a_search_that_ends_at_a_quarter_has_evaluated_there():
    found = trainer(steps=24, evaluations=12)
    found.run(6)
    assert [point["step"] for point in found.progress.curve] == [2, 4, 6]


def test_the_curve_holds_the_mean_loss_since_the_last_point():
    found = trainer()
    losses = []
    real = found.step
    found.step = lambda: losses.append(real()) or losses[-1]
    found.run(STEPS)
    assert [point["train_loss"] for point in found.progress.curve] == pytest.approx(
        [sum(losses[i : i + 3]) / 3 for i in range(0, STEPS, 3)]
    )


def test_the_best_weights_are_those_of_the_best_evaluation():
    found = trainer(learning_rate=0.05)
    snapshots, real = {}, found.evaluate

    def evaluate():
        real()
        snapshots[found.progress.step] = {name: value.clone() for name, value in found.bare_model.state_dict().items()}

    found.evaluate = evaluate
    found.run(STEPS)
    keys = {point["step"]: (point["accuracy"], -point["log_loss"]) for point in found.progress.curve}
    best = max(keys, key=keys.get)
    assert found.progress.best["step"] == best
    assert all(torch.equal(value, snapshots[best][name]) for name, value in found.best_weights.items())


def test_a_later_evaluation_that_is_only_as_good_does_not_replace_the_best():
    found = trainer(learning_rate=1e-12, weight_decay=0.0)
    found.run(STEPS)
    assert found.progress.best["step"] == 3


@pytest.mark.parametrize("at", [1, 7])
def test_a_loss_that_is_no_number_ends_as_diverged(at):
    found = trainer()
    found.run(at - 1)
    with torch.no_grad():
        next(found.model.parameters()).fill_(math.nan)
    progress = found.run(STEPS)
    assert (progress.status, progress.step) == ("diverged", at)
    assert [point["step"] for point in progress.curve] == [step for step in (3, 6) if step < at]


def test_a_gradient_that_is_no_number_ends_as_diverged():
    found = trainer()
    next(found.model.parameters()).register_hook(lambda gradient: gradient * math.inf)
    assert found.run(STEPS).status == "diverged"
    assert found.progress.step == 1


def test_a_score_that_is_no_number_ends_as_diverged(monkeypatch):
    found = trainer()
    found.run(3)
    monkeypatch.setattr(found.feed, "validate", lambda _: {"accuracy": 0.5, "log_loss": math.nan})
    progress = found.run(STEPS)
    assert (progress.status, progress.step) == ("diverged", 6)
    assert [point["step"] for point in progress.curve] == [3]


def test_a_diverged_training_is_not_continued():
    found = trainer()
    found.progress.status = "diverged"
    assert found.run(STEPS).step == 0


@pytest.mark.parametrize(("best", "expected"), [(None, False), (90, False), (91, True), (100, True), (10, False)])
def test_still_improving_is_the_last_tenth(best, expected):
    assert Progress(best=best and {"step": best}).still_improving(100) is expected


def test_seconds_of_a_resumed_training_add_up(tmp_path):
    ticks = iter(range(10_000))
    first = trainer(tmp_path)
    first.clock = lambda: float(next(ticks))
    first.run(6)
    first.save()
    second = trainer(tmp_path)
    second.resume()
    second.clock = lambda: float(next(ticks))
    second.run(STEPS)
    whole = trainer()
    ticks = iter(range(10_000))
    whole.clock = lambda: float(next(ticks))
    whole.run(STEPS)
    assert second.progress.seconds == whole.progress.seconds
    assert second.progress.train_seconds == whole.progress.train_seconds


def test_tokens_are_counted_without_padding():
    found = trainer()
    found.run(5)
    assert found.progress.tokens == TRAIN.lengths.sum()
