"""Metrics against scikit-learn, and what a task says of its answers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from seqwise.core.errors import UserError
from seqwise.data.batching import SequenceSet
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks import TASKS
from seqwise.tasks.classification import class_results, log_loss_rows
from seqwise.tasks.classification import confusion_matrix as our_confusion
from seqwise.tasks.task import load_outputs, save_outputs
from seqwise.tasks.text_classification import TextClassification, samples

TASK = TextClassification()


@st.composite
def answers(draw, classes=st.integers(2, 6)):
    count, width = draw(st.integers(1, 60)), draw(classes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    outputs = softmax(rng.normal(0, 2, (count, width)), axis=1).astype(np.float32)
    labels = rng.integers(0, draw(st.integers(1, width)), count)
    return outputs, labels


@settings(max_examples=80, deadline=None)
@given(answers())
def test_metrics_are_those_of_scikit_learn(found):
    outputs, labels = found
    classes = np.arange(outputs.shape[1])
    ours, predicted = TASK.metrics(outputs, labels), outputs.argmax(1)
    assert ours["accuracy"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    expected = f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0)
    assert ours["macro_f1"] == pytest.approx(expected, abs=1e-12)
    wide = outputs.astype(np.float64)
    expected = log_loss(labels, wide / wide.sum(1, keepdims=True), labels=classes)
    assert ours["log_loss"] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_array_equal(our_confusion(outputs, labels), confusion_matrix(labels, predicted, labels=classes))


@settings(max_examples=60, deadline=None)
@given(answers())
def test_figures_per_class_are_those_of_scikit_learn(found):
    outputs, labels = found
    classes = outputs.shape[1]
    rows = class_results(outputs, labels, tuple("abcdef"[:classes]))["per_class"]
    expected = precision_recall_fscore_support(labels, outputs.argmax(1), labels=range(classes), zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose([row[name] for row in rows], values, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(answers())
def test_the_mean_over_units_is_the_metric(found):
    outputs, labels = found
    metrics = TASK.metrics(outputs, labels)
    assert TASK.unit_scores(outputs, labels).mean() == pytest.approx(metrics[TASK.metric], abs=1e-12)
    for name, rows in TASK.describing_scores(outputs, labels).items():
        assert rows.mean() == pytest.approx(metrics[name], rel=1e-5)


def test_log_loss_of_certain_mistakes_is_finite():
    assert np.isfinite(log_loss_rows(np.array([[1.0, 0.0]], np.float32), np.array([1]))).all()


def test_selection_prefers_accuracy_then_the_smaller_loss():
    keys = [{"accuracy": 0.5, "log_loss": 0.1}, {"accuracy": 0.6, "log_loss": 9.0}, {"accuracy": 0.6, "log_loss": 8.0}]
    assert max(keys, key=TASK.selection_key) == keys[2]


def test_mistakes_are_the_most_confident_and_disagreements_real():
    labels = np.array([0, 0, 1, 1])
    best = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2], [0.1, 0.9]])
    other = np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.1, 0.9]])
    found = samples({"a": best, "b": other}, "a", labels, ["t0", "t1", "t2", "t3"], ("no", "yes"))
    assert [(row["text"], row["truth"], row["predicted"]) for row in found["mistakes"]] == [("t2", "yes", "no"), ("t1", "no", "yes")]
    assert found["mistakes"][0]["confidence"] == 0.8
    assert found["disagreements"] == [{"text": "t2", "truth": "yes", "predictions": {"a": "no", "b": "yes"}}]


def test_outputs_are_in_the_order_of_the_examples_and_alone_as_together():
    torch.manual_seed(0)
    model = TASK.build(SeqwiseConfig(vocab_size=20, hidden_size=8, intermediate_size=8, embedding_size=4, num_labels=3)).eval()
    rng = np.random.default_rng(0)
    texts = [rng.integers(2, 20, length).tolist() for length in (9, 1, 4, 30, 2)]
    together = TASK.outputs(model, SequenceSet.from_lists(texts, [0] * 5))
    alone = np.concatenate([TASK.outputs(model, SequenceSet.from_lists([text], [0])) for text in texts])
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_saved_outputs_come_back(tmp_path):
    outputs = np.random.default_rng(0).random((7, 3), dtype=np.float32)
    truth = np.arange(7)
    save_outputs(tmp_path / "a" / "test.safetensors", outputs[:, ::-1], truth)
    for found, wanted in zip(load_outputs(tmp_path / "a" / "test.safetensors"), (outputs[:, ::-1], truth), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_feed_trains_on_train_and_scores_validation():
    train = SequenceSet.from_lists([[1], [2], [3], [4]], [0, 1, 0, 1])
    validation = SequenceSet.from_lists([[5], [6]], [1, 1])
    feed = TASK.feed(train, validation, batch_size=2, seed=0)
    seen = torch.cat([feed.batch(step)["input_ids"] for step in range(2)]).flatten()
    assert sorted(seen.tolist()) == [1, 2, 3, 4]
    assert [feed.epoch(step) for step in (0, 1, 2, 5)] == [0, 0.5, 1, 2.5]
    assert feed.better({"accuracy": 1, "log_loss": 2}, {"accuracy": 1, "log_loss": 3})
    assert not feed.better({"accuracy": 1, "log_loss": 3}, {"accuracy": 1, "log_loss": 3})


def test_an_unknown_task_is_a_user_error():
    with pytest.raises(UserError, match="unknown task 'text-clasification'"):
        TASKS["text-clasification"]
