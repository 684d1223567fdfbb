"""What a task asks of its data: read once, split per replicate, encoded on disk. Imports no torch, so that mistakes are found early."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.batching import CutShare
from seqwise.data.tokenizers import TokenizerPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """Which data a user named, in the words of the command line; None where nothing was said."""

    source: str
    validation: str | None = None
    test: str | None = None
    text: str | None = None
    target: str | None = None
    group: str | None = None
    header: bool | None = None
    id: str | None = None
    time: str | None = None
    horizon: int | None = None
    split: str | None = None
    season: int | None = None


class CorpusLike(Protocol):
    """What every corpus says of itself."""

    source: str
    sha256: str
    notes: tuple[str, ...]


class Examples(Protocol):
    """Encoded examples of one split.

    Attributes:
        lengths: tokens of every training example.
        units: how many of them statistics take as independent.
        truth: what answers are held against, one row per unit.
    """

    @property
    def lengths(self) -> np.ndarray: ...

    @property
    def units(self) -> int: ...

    @property
    def truth(self) -> np.ndarray: ...

    def __len__(self) -> int: ...

    def part(self, share: float, seed: int) -> Self: ...

    def save(self, path: Path) -> None: ...

    @classmethod
    def load(cls, path: Path) -> Self: ...


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How examples become a model's input: fixed for a whole comparison, fitted per replicate.

    Args:
        tokenizer: of texts; None for numbers.
        context: the longest input.
        settings: what every model's configuration says of the input.
        answer_tokens: kinds of tokens of an answer, where the input has none.
    """

    tokenizer: TokenizerPlan | None
    context: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    answer_tokens: int = 1

    @property
    def vocab_size(self) -> int:
        return self.tokenizer.vocab_size if self.tokenizer else self.answer_tokens


@dataclasses.dataclass(frozen=True)
class EncodedFacts:
    """What encoding one replicate showed.

    Args:
        lengths: tokens of its training examples.
        cut: what the longest input cuts off.
        test_share: how many times as long as validation the test takes.
        typical: the error of a simple answer, where a task's margin and spreads are shares of it; else 1.
        sides: (sides, n) tokens, where an example has several sides and batches are sorted by all of them together.
    """

    lengths: np.ndarray
    cut: CutShare
    test_share: float
    typical: float = 1.0
    sides: np.ndarray | None = None


def check_whole(lengths: Sequence[int] | np.ndarray, longest: float, name: str) -> None:
    """Raises :class:`UserError` for an input, which is read whole, longer than a model from outside can read."""
    if len(lengths) and max(lengths) > longest:
        raise UserError(
            f"an input of {max(lengths):,} steps is too long for '{name}'", expected=f"at most {longest:,.0f} steps", fix="cut the input"
        )


class TaskData(abc.ABC):
    """The data half of a task. Stateless: a corpus goes in, splits, files and facts come out."""

    examples: ClassVar[type[Examples]]
    models: ClassVar[tuple[str, ...]] = ("rnn", "lstm", "gru", "transformer")
    """Who competes where nobody is named."""

    def check(self, request: Request) -> None:
        """Raises :class:`UserError` for an option that has no meaning for the task; what only forecasts know has none elsewhere."""
        for name in ("horizon", "split", "season"):
            if getattr(request, name) is not None:
                raise UserError(f"--{name} is for forecasts", fix="leave it out, or add --task time-series-forecasting")

    @abc.abstractmethod
    def read(self, request: Request) -> Any:
        """The corpus. Raises :class:`UserError` for whatever is wrong with the files or the options."""

    def labels(self, corpus: Any) -> tuple[str, ...]:
        """The classes of an answer, where there are any."""
        return ()

    @abc.abstractmethod
    def split(self, corpus: Any, *, replicates: int, seed: int) -> Any:
        """The splits of every replicate, in the form of :class:`~seqwise.data.splits.SplitPlan`."""

    @abc.abstractmethod
    def choose_encoding(self, corpus: Any, splits: Any, *, tokenizer: str, context: int | None) -> Encoding:
        """Tokenizer and context from the training part alone."""

    @abc.abstractmethod
    def encode(self, corpus: Any, splits: Any, encoding: Encoding, folder: Path) -> EncodedFacts:
        """Write one replicate: ``preprocessor/``, where there is one, ``{train,validation,test}.safetensors``, and what baselines read."""

    def adapted(self, model: Path, saved: Mapping[str, Any], corpus: Any, encoding: Encoding) -> dict[str, Any]:
        """What of the configuration of a model from outside, but for its head's labels, follows from these data.

        Args:
            model: its folder.
            saved: its configuration.

        Raises :class:`UserError` for a model that cannot read these data.
        """
        return {}

    def longest_as(self, context: int, given: int | None, longest: float) -> float:
        """The longest input for a model from outside.

        Args:
            context: for the other models.
            given: the one that was asked for.
            longest: that it can read.
        """
        return min(context, longest)

    @abc.abstractmethod
    def encode_as(self, model: Path, corpus: Any, splits: Any, encoding: Encoding, longest: float, folder: Path) -> EncodedFacts:
        """The same splits once more for a model from outside, with what prepares its input and within its longest one.

        Raises :class:`UserError` where it cannot read them.
        """

    @abc.abstractmethod
    def share(self, corpus: Any, cache: Path) -> None:
        """Write what the baselines of all replicates read."""

    @abc.abstractmethod
    def default_batch_size(self, lengths: np.ndarray) -> int:
        """Examples per step, from the data alone."""

    def same_batch(self, batch_size: int, context: int, own: float) -> int:
        """The batch of a model with a shorter context of its ``own`` that holds as much as one of the others."""
        return batch_size

    @abc.abstractmethod
    def card(self, corpus: Any, plan: Any) -> dict[str, Any]:
        """What stands at the top of a report; with ``notes``, ``scheme`` and ``overlap``."""

    def columns(self, corpus: Any) -> dict[str, str | None]:
        """The columns in use, by role."""
        return {}

    @abc.abstractmethod
    def counts(self, splits: Any) -> dict[str, int]:
        """Examples of train, validation and test."""

    @abc.abstractmethod
    def test_examples(self, corpus: Any, splits: Any) -> Sequence[Any]:
        """The texts or values of a replicate's test split, for people to look at."""

    @abc.abstractmethod
    def typical_examples(self, corpus: Any, splits: Any, lengths: np.ndarray, count: int) -> list[Any]:
        """Training examples of about median length, for timing baselines."""
