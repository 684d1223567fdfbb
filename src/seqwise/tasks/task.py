"""What a task owns: its examples, its head, its loss and metrics, its trivial baselines, its part of a report."""

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import nn

from seqwise.data.batching import Batches, TokenSet, collate
from seqwise.models.config import SeqwiseConfig


class Task(abc.ABC):
    """A question asked of sequences. Stateless: everything it needs comes in as an argument."""

    tag: ClassVar[str]
    metric: ClassVar[str]
    higher_is_better: ClassVar[bool]
    margin: ClassVar[float]
    unit: ClassVar[str]
    bidirectional: ClassVar[bool]
    baselines: ClassVar[Mapping[str, Any]]
    trivial: ClassVar[str]

    @abc.abstractmethod
    def build(self, config: SeqwiseConfig) -> nn.Module:
        """The model with the task's head."""

    @abc.abstractmethod
    def outputs(self, model: nn.Module, tokens: TokenSet) -> np.ndarray:
        """The model's answers, one row per example in order."""

    @abc.abstractmethod
    def metrics(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """All metrics; the primary one under ``self.metric``."""

    @abc.abstractmethod
    def unit_scores(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The primary metric of each test unit (U,); its mean is the metric."""

    def describing_scores(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Per-unit scores (U,) of the metrics that are means over units but do not decide."""
        return {}

    @abc.abstractmethod
    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        """Larger is better: what selection on validation compares."""


class SplitFeed:
    """Hands the training loop its batches and its score on validation; knows no test examples."""

    def __init__(self, task: Task, train: TokenSet, validation: TokenSet, *, batch_size: int, seed: int):
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


def save_outputs(path: Path, outputs: np.ndarray) -> None:
    """Answers of a finished model, one row per test unit, as safetensors."""
    from safetensors.numpy import save_file

    from seqwise.core.files import atomic_path

    with atomic_path(path) as temporary:
        save_file({"outputs": np.ascontiguousarray(outputs)}, temporary)


def load_outputs(path: Path) -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(path)["outputs"]
