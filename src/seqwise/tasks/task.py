"""What a task owns: its examples, its head, its loss and metrics, its trivial baselines, its part of a report."""

import abc
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import nn

from seqwise.models.accounting import ParameterCount
from seqwise.models.config import SeqwiseConfig
from seqwise.models.external import longest_input
from seqwise.tasks.task_data import TaskData

Estimator = Callable[[list[np.ndarray]], dict[str, Any]]
"""From R arrays of per-unit scores (U,) to their mean and 95 % interval, JSON-ready."""


class Feed(Protocol):
    """What the training loop needs of the data: a batch for each step, and the score on validation."""

    def batch(self, step: int) -> dict[str, torch.Tensor]: ...

    def epoch(self, step: int) -> float: ...

    def validate(self, model: nn.Module) -> dict[str, float]: ...

    def better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool: ...


@dataclasses.dataclass(frozen=True)
class FittedBaseline:
    """A baseline and its answers.

    Args:
        validation: metrics on validation.
        outputs, truth: answers on the test split and what they are held against, one row per unit.
        seconds: that fitting took, where it was done before; None where it has just been done.
    """

    model: Any
    validation: dict[str, float]
    outputs: np.ndarray
    truth: np.ndarray
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Told:
    """What a task may tell of finished models besides scores.

    Args:
        best: the name of the best trained model.
        outputs: per trained model its answers on the best one's replicate.
        truth: what they are held against.
        labels: the classes.
        folders: per trained model the folder of its weights and tokenizer.
        examples: the test texts or series; None keeps them out.
    """

    best: str
    outputs: Mapping[str, np.ndarray]
    truth: np.ndarray
    labels: tuple[str, ...]
    folders: Mapping[str, Path]
    examples: Sequence[Any] | None


class Task(abc.ABC):
    """A question asked of sequences. Stateless: everything it needs comes in as an argument."""

    tag: ClassVar[str]
    metric: ClassVar[str]
    higher_is_better: ClassVar[bool]
    margin: ClassVar[float]
    """A difference that counts for none, in the metric's unit, or as a share of the typical error that the data half tells."""
    unit: ClassVar[str]
    bidirectional: ClassVar[bool]
    baselines: ClassVar[Mapping[str, Any]]
    trivial: ClassVar[str]
    yardsticks: ClassVar[frozenset[str]] = frozenset()
    """Baselines that can only be compared with: nothing could be done with one, so none is recommended."""
    token_metrics: ClassVar[frozenset[str]] = frozenset()
    """Metrics that mean something only between models of one tokenizer."""
    data: ClassVar[TaskData]
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Lowest and highest value of a metric; from 0 upwards where none is named."""
    assumed_spread: ClassVar[tuple[float, float]]
    """Before training: standard deviations of the difference of two models, over replicates and over units."""
    dropout: ClassVar[tuple[float, float]] = (0.1, 0.5)
    """The range of dropout that a search tries."""
    token_dropout: ClassVar[float] = 0.5
    """Dropout of whole tokens of the input, as a share of the other."""
    most_epochs: ClassVar[float] = 60.0
    """Passes over the training data beyond which no final run goes."""

    carries_state: ClassVar[bool] = True
    """Whether what a causal model has read is kept while it answers, step by step."""
    rules: ClassVar[tuple[str, ...]] = ()
    """What is the same for every model besides what always is, for readers of a report."""
    final_cost: ClassVar[float] = 1.0
    """How much longer scoring a finished model takes than scoring it while it trains, on the same examples."""
    config_class: ClassVar[type[SeqwiseConfig]] = SeqwiseConfig
    auto_class: ClassVar[str]
    """The class of transformers that loads any model with the task's head."""

    @property
    @abc.abstractmethod
    def model_class(self) -> Any:
        """The class of the model with the task's head."""

    def build(self, config: SeqwiseConfig) -> nn.Module:
        """The model with the task's head, freshly initialised."""
        return self.model_class(config)

    def load(self, folder: Path) -> nn.Module:
        """A saved model, ours or one from outside, ready to answer."""
        import transformers

        return getattr(transformers, self.auto_class).from_pretrained(folder, use_safetensors=True, local_files_only=True).eval()

    def contender(self, contender: Any) -> Any:
        """A contender as this task takes it."""
        return contender

    def head_settings(self, labels: Sequence[str]) -> dict[str, Any]:
        """What a model's configuration must say of the answer."""
        return {}

    def input_settings(self, train: Any) -> dict[str, Any]:
        """What a model's configuration must say of the input, from the training examples alone."""
        return {}

    @abc.abstractmethod
    def parameters(self, config: SeqwiseConfig) -> ParameterCount:
        """Trainable parameters, head included."""

    @abc.abstractmethod
    def flops_per_token(self, config: SeqwiseConfig, lengths: Sequence[int]) -> float:
        """Training operations per token over sequences of these lengths, head included."""

    @abc.abstractmethod
    def feed(self, train: Any, validation: Any, *, batch_size: int, seed: int) -> Feed:
        """Batches in an order that depends on the seed alone, and the score on validation."""

    @abc.abstractmethod
    def outputs(self, model: nn.Module, examples: Any, *, final: bool = False) -> np.ndarray:
        """The model's answers, one row per unit in order.

        Args:
            final: also what only describes a finished model, where that takes time of its own.
        """

    @abc.abstractmethod
    def metrics(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """All metrics; the primary one under ``self.metric``."""

    @abc.abstractmethod
    def unit_scores(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The primary metric of each test unit (U,); its mean is the metric."""

    def describing_scores(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
        """Per-unit scores (U,) of the metrics that are means over units but do not decide."""
        return {}

    @abc.abstractmethod
    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        """Larger is better: what selection on validation compares."""

    def range_of(self, metric: str) -> tuple[float, float]:
        return self.ranges.get(metric, (0.0, math.inf))

    def wanted_epochs(self, parameters: int, tokens: int, per_epoch: int) -> float:
        """Passes over the training data that a final run should see.

        Args:
            parameters: of a model, all of them.
            tokens: tokens of the training data.
            per_epoch: steps of one pass.
        """
        return 5.0

    @abc.abstractmethod
    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        """Fit a baseline on the training split of a replicate and have it answer the others.

        Args:
            cache, folder: what :class:`TaskData` wrote for all replicates, and for this one.
        """

    def breakdowns(
        self, outputs: list[np.ndarray], truths: list[np.ndarray], lengths: list[np.ndarray], estimate: Estimator
    ) -> dict[str, Any]:
        """Curves that describe one model: ``by_length``, and the task's own. Arguments are per replicate."""
        return {"by_length": []}

    def results(self, told: Told) -> dict[str, Any]:
        """The task's own section of a report."""
        return {}

    def latency_lengths(self, lengths: Sequence[int]) -> list[int]:
        """The lengths at which the time of an answer is measured, the typical one first."""
        median, longest = max(1, int(np.median(lengths))), int(max(lengths))
        return [median, *sorted({16, 64, 256, longest} - {median} - {length for length in (16, 64, 256) if length > longest})]

    def answer(self, model: nn.Module, length: int) -> Callable[[], Any] | None:
        """One answer of batch 1 at a length, ready to be timed; None where the model cannot take that length."""
        if length > longest_input(model.config):
            return None
        ids = torch.full((1, length), min(5, model.config.vocab_size - 1))
        mask = torch.ones_like(ids)
        return lambda: model(input_ids=ids, attention_mask=mask)

    def baseline_answer(self, model: Any, example: Any) -> Callable[[], Any] | None:
        """One answer of a baseline, ready to be timed; None where that means nothing."""
        return None


def save_outputs(path: Path, outputs: np.ndarray, truth: np.ndarray) -> None:
    """Answers of a finished model and what they are held against, one row per test unit, as safetensors."""
    from safetensors.numpy import save_file

    from seqwise.core.files import atomic_path

    with atomic_path(path) as temporary:
        save_file({"outputs": np.ascontiguousarray(outputs), "truth": np.ascontiguousarray(truth)}, temporary)


def load_outputs(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and truth that :func:`save_outputs` wrote."""
    from safetensors.numpy import load_file

    found = load_file(path)
    return found["outputs"], found["truth"]
