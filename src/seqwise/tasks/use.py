"""A finished model or baseline of a task in use: it reads what users have, answers, and is scored on what has answers."""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.tasks.task_data import Request


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a user wants answered.

    Args:
        examples: in the form that the task answers.
        names: of each, what tells it apart in a table of answers: ``{"text": ...}``.
    """

    examples: Sequence[Any]
    names: Sequence[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """Answers to examples whose truth is known.

    Args:
        outputs, truth: one row per unit, as the task's metrics take them.
        examples: how many were answered.
        counted: what they are called.
    """

    outputs: np.ndarray
    truth: np.ndarray
    examples: int
    counted: str = "examples"


class Use(abc.ABC):
    """One task's way of using what was trained for it.

    Attributes:
        name: of the model, for people.
    """

    task: ClassVar[str]
    options: ClassVar[frozenset[str]]
    """The fields of a request, besides the source, that have a meaning here."""
    name: str

    @classmethod
    @abc.abstractmethod
    def of_model(cls, model: Any, preprocessor: Any, name: str) -> Self:
        """A trained model with what prepares its input: a tokenizer, a feature extractor, or nothing."""

    @classmethod
    @abc.abstractmethod
    def of_baseline(cls, model: Any, about: dict[str, Any], name: str) -> Self:
        """A fitted baseline and what its folder says about it."""

    @abc.abstractmethod
    def read(self, request: Request) -> Asked:
        """Raises :class:`UserError` for what cannot be read, or is not of the kind that the model answers."""

    @abc.abstractmethod
    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """An answer for each example, JSON-ready."""

    def rows(self, asked: Asked) -> list[dict[str, Any]]:
        """A table of answers: one row for each, under the name of its example."""
        return [name | answer for name, answer in zip(asked.names, self.answers(asked.examples), strict=True)]

    @abc.abstractmethod
    def evaluate(self, request: Request) -> Evaluated:
        """Raises :class:`UserError` as :meth:`read` does, and for answers that the model cannot give."""

    def check(self, request: Request) -> None:
        """Raises :class:`UserError` for an option that has no meaning for this task."""
        for field in dataclasses.fields(request):
            if field.name != "source" and field.name not in self.options and getattr(request, field.name) is not None:
                raise UserError(f"--{field.name} has no meaning for {self.task.replace('-', ' ')}", fix="leave it out")


@dataclasses.dataclass(frozen=True)
class ClassifierUse(Use):
    """Labels with probabilities.

    Args:
        labels: in the order of the probabilities.
        probabilities: from examples to (U, C).
        channels: names of the channels of a series, in order; None where an example has none.
    """

    name: str
    labels: tuple[str, ...]
    probabilities: Callable[[Sequence[Any]], np.ndarray]
    channels: tuple[str, ...] | None = None

    @classmethod
    def of_baseline(cls, model: Any, about: dict[str, Any], name: str) -> Self:
        channels = about.get("channels")
        return cls(name, tuple(about["labels"]), lambda examples: model.predict(list(examples)), channels and tuple(channels))

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """``{"label", "probabilities"}`` for each example."""
        rows = self.probabilities(examples) if len(examples) else np.zeros((0, len(self.labels)))
        return [
            {"label": self.labels[int(row.argmax())], "probabilities": dict(zip(self.labels, map(float, row), strict=True))} for row in rows
        ]

    def scored(self, examples: Sequence[Any], labels: Sequence[str], source: str) -> Evaluated:
        """Raises :class:`UserError` for a label that the model does not know."""
        index = {name: i for i, name in enumerate(self.labels)}
        unknown = sorted(set(labels) - index.keys())
        if unknown:
            raise UserError(
                f"{source} has the label '{unknown[0]}', which {self.name} does not know", expected=f"labels {', '.join(self.labels)}"
            )
        return Evaluated(self.probabilities(examples), np.array([index[label] for label in labels]), len(examples))


def labels_of(model: Any) -> tuple[str, ...]:
    return tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
