"""Which of C labels an example carries: what classification of texts, series and sound have in common."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seqwise.data.batching import Batches, SequenceSet, collate, evaluation_batches
from seqwise.models.accounting import ParameterCount, count_parameters, flops_per_token
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks.task import Estimator, Task

TOKENS_PER_EVALUATION_BATCH = 8192
LENGTH_BUCKETS = 4


def log_loss_rows(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log p(truth) of each row, in nats; probabilities (U, C), labels (U,)."""
    return -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, None))


def confusion_matrix(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts (C, C): rows are the truth, columns the answer."""
    classes = probabilities.shape[1]
    counts = np.bincount(labels * classes + probabilities.argmax(1), minlength=classes * classes)
    return counts.reshape(classes, classes)


def f1_per_class(confusion: np.ndarray) -> np.ndarray:
    """2 TP / (2 TP + FP + FN) of each class; 0 where a class was neither there nor predicted."""
    hits = np.diag(confusion).astype(float)
    total = confusion.sum(0) + confusion.sum(1)
    return np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)


class Classification(Task):
    """Decides by accuracy; macro F1 and log loss describe."""

    metric = "accuracy"
    higher_is_better = True
    margin = 0.01
    bidirectional = True
    trivial = "majority"
    auto_class = "AutoModelForSequenceClassification"
    ranges: ClassVar = {"accuracy": (0.0, 1.0), "macro_f1": (0.0, 1.0)}
    assumed_spread = (0.01, 0.2**0.5)
    """Replicates that differ by a point, and two models that disagree on a fifth of the units."""

    @property
    def model_class(self) -> Any:
        from seqwise.models.heads import SeqwiseForSequenceClassification

        return SeqwiseForSequenceClassification

    def head_settings(self, labels: Sequence[str]) -> dict[str, Any]:
        names = dict(enumerate(labels))
        asked = {"problem_type": "single_label_classification"}
        return asked | {"id2label": names, "label2id": {name: i for i, name in names.items()}}

    def parameters(self, config: SeqwiseConfig) -> ParameterCount:
        return count_parameters(config, num_labels=config.num_labels)

    def flops_per_token(self, config: SeqwiseConfig, lengths: Sequence[int]) -> float:
        return flops_per_token(config, lengths)

    def feed(self, train: SequenceSet, validation: SequenceSet, *, batch_size: int, seed: int) -> "ExampleFeed":
        return ExampleFeed(self, train, validation, batch_size=batch_size, seed=seed)

    def outputs(self, model: nn.Module, examples: SequenceSet, *, final: bool = False) -> np.ndarray:
        """Probabilities (U, C), float32."""
        device = next(model.parameters()).device
        rows: np.ndarray | None = None
        with torch.inference_mode():
            for indices in evaluation_batches(examples.lengths, TOKENS_PER_EVALUATION_BATCH):
                batch = {name: value.to(device) for name, value in collate(examples, indices).items() if name != "labels"}
                logits = model(**batch).logits
                values = logits.float().softmax(-1).cpu().numpy()
                if rows is None:
                    rows = np.empty((len(examples), values.shape[1]), dtype=np.float32)
                rows[indices] = values
        assert rows is not None
        return rows

    def metrics(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        confusion = confusion_matrix(outputs, labels)
        present = confusion.sum(1) > 0
        return {
            "accuracy": float(np.diag(confusion).sum() / len(labels)),
            "macro_f1": float(f1_per_class(confusion)[present].mean()),
            "log_loss": float(log_loss_rows(outputs, labels).mean()),
        }

    def unit_scores(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (outputs.argmax(1) == labels).astype(float)

    def describing_scores(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Per-unit scores of the metrics that are means over units but do not decide."""
        return {"log_loss": log_loss_rows(outputs, labels)}

    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        """Accuracy; among equals the smaller log loss."""
        return scores["accuracy"], -scores["log_loss"]

    def breakdowns(
        self, outputs: list[np.ndarray], truths: list[np.ndarray], lengths: list[np.ndarray], estimate: Estimator
    ) -> dict[str, Any]:
        """The primary metric in buckets of test examples of similar length."""
        return {"by_length": by_length(self, outputs, truths, lengths, estimate)}


def by_length(
    task: Task, outputs: list[np.ndarray], truths: list[np.ndarray], lengths: list[np.ndarray], estimate: Estimator
) -> list[dict[str, Any]]:
    """A task's primary metric in four buckets of test units of similar length; arguments are per replicate."""
    edges = np.unique(np.quantile(np.concatenate(lengths), np.linspace(0, 1, LENGTH_BUCKETS + 1)).astype(int))
    found = []
    for low, high in itertools.pairwise(edges):
        top = high if high == edges[-1] else high - 1
        inside = [(values >= low) & (values <= top) for values in lengths]
        if min(mask.sum() for mask in inside) < 2:
            continue
        unit = [task.unit_scores(v[m], y[m]) for v, y, m in zip(outputs, truths, inside, strict=True)]
        found.append({"from": int(low), "to": int(top), "examples": [int(mask.sum()) for mask in inside]} | estimate(unit))
    return found


class ExampleFeed:
    """Hands the training loop its batches and its score on validation; knows no test examples."""

    def __init__(self, task: Task, train: SequenceSet, validation: SequenceSet, *, batch_size: int, seed: int):
        self.task, self.train, self.validation = task, train, validation
        self.batches = Batches(train.lengths, batch_size, seed)

    def batch(self, step: int) -> dict[str, Any]:
        return collate(self.train, self.batches.batch(step))

    def epoch(self, step: int) -> float:
        return step / self.batches.per_epoch

    def validate(self, model: nn.Module) -> dict[str, float]:
        return self.task.metrics(self.task.outputs(model, self.validation), self.validation.labels)

    def better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        return self.task.selection_key(new) > self.task.selection_key(old)


def class_results(outputs: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Confusion matrix and figures per class."""
    confusion = confusion_matrix(outputs, labels)
    hits, predicted, truth = np.diag(confusion), confusion.sum(0), confusion.sum(1)
    f1 = f1_per_class(confusion)
    per_class = [
        {
            "label": name,
            "precision": float(hits[i] / predicted[i]) if predicted[i] else 0.0,
            "recall": float(hits[i] / truth[i]) if truth[i] else 0.0,
            "f1": float(f1[i]),
            "support": int(truth[i]),
        }
        for i, name in enumerate(names)
    ]
    return {"labels": list(names), "confusion": confusion.tolist(), "per_class": per_class}
