"""Sequences of tokens or of numbers as one flat array, and the same batches in the same order for every model."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.arrays import Arrays

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

CHUNK = 50
"""Batches among which examples are sorted by length: more pads less and mixes less."""


@dataclasses.dataclass(frozen=True)
class SequenceSet(Arrays):
    """Encoded examples: example i is ``flat[offsets[i]:offsets[i + 1]]``.

    Args:
        flat: of all examples, int32 token ids (S,) or float32 values of C channels (S, C).
        offsets: int64 [n + 1].
        labels: int64 [n] class numbers.
        pad: int64 [], the token that fills up short rows; values are filled up with zeros.
    """

    what: ClassVar[str] = "encoded examples"

    flat: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    pad: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((), np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of every example."""
        return np.diff(self.offsets)

    @property
    def units(self) -> int:
        """What statistics take as independent: the examples."""
        return len(self)

    @property
    def truth(self) -> np.ndarray:
        """What answers are held against: the labels."""
        return self.labels

    def part(self, share: float, seed: int) -> Self:
        """A share of the examples, at least two; a smaller share is part of a larger one."""
        count = min(len(self), max(2, round(share * len(self))))
        kept = np.sort(np.random.default_rng([seed, 7]).permutation(len(self))[:count])
        return type(self).from_arrays([self.example(i) for i in kept], self.labels[kept], int(self.pad))

    def example(self, number: int) -> np.ndarray:
        return self.flat[self.offsets[number] : self.offsets[number + 1]]

    @classmethod
    def from_lists(cls, ids: Sequence[Sequence[int]], labels: Sequence[int], pad: int = 0) -> Self:
        """Of token ids."""
        return cls.from_arrays([np.asarray(example, np.int32) for example in ids], labels, pad)

    @classmethod
    def from_arrays(cls, examples: Sequence[np.ndarray], labels: Sequence[int], pad: int = 0) -> Self:
        """Of arrays (T,) or (T, C), all of one kind."""
        offsets = np.concatenate([[0], np.cumsum([len(example) for example in examples], dtype=np.int64)]).astype(np.int64)
        flat = np.concatenate(examples) if len(examples) else np.zeros(0, np.int32)
        return cls(flat, offsets, np.asarray(labels, np.int64), np.asarray(pad, np.int64))


class CutShare(NamedTuple):
    """What the maximum length cuts off, as shares between 0 and 1 of all examples and of all tokens."""

    examples: float
    tokens: float


def encode(
    tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], labels: Sequence[int], max_length: int
) -> tuple[SequenceSet, CutShare]:
    """Encode every text, keep its first ``max_length`` tokens, and say how much that cuts. A text without tokens is one [UNK]."""
    # without texts the tokenizer has nothing to tell its output's type from
    ids = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"] if len(texts) else []
    ids = [example or [tokenizer.unk_token_id] for example in ids]
    lengths = np.array([len(example) for example in ids], np.int64)
    return SequenceSet.from_lists([example[:max_length] for example in ids], labels), _cut_share(lengths, max_length)


def encode_special(
    tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], labels: Sequence[int], max_length: int, pad: int
) -> tuple[SequenceSet, CutShare]:
    """As :func:`encode`, with the special tokens that a tokenizer from outside adds, cut as it cuts. A text without tokens is padding."""
    if not len(texts):
        return SequenceSet.from_lists([], labels), CutShare(0.0, 0.0)
    whole = tokenizer(list(texts), return_attention_mask=False, verbose=False)["input_ids"]
    lengths = np.array([len(example) for example in whole], np.int64)
    share = _cut_share(lengths, max_length)
    if share.examples:
        whole = tokenizer(list(texts), truncation=True, max_length=max_length, return_attention_mask=False, verbose=False)["input_ids"]
    return SequenceSet.from_lists([example or [pad] for example in whole], labels, pad), share


def _cut_share(lengths: np.ndarray, max_length: int) -> CutShare:
    cut = np.maximum(lengths - max_length, 0)
    return CutShare(float(np.mean(cut > 0)), float(cut.sum() / lengths.sum())) if lengths.sum() else CutShare(0.0, 0.0)


class Batches:
    """An endless sequence of batches, each a pure function of (seed, step); every example once per epoch.

    Each epoch is shuffled, sorted by length within chunks of 50 batches, and its batches are shuffled again: little padding, and the
    order needs no saved state.

    Args:
        lengths: tokens of every example.
        batch_size: examples per batch; the last batch formed in an epoch may be smaller.
        seed: the same for every model of a comparison.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int):
        if batch_size < 1 or not len(lengths):
            raise UserError(
                f"no batches of {batch_size} from {len(lengths)} examples", expected="at least one example and a batch size of 1 or more"
            )
        self.lengths, self.batch_size, self.seed = np.asarray(lengths), batch_size, seed
        self.per_epoch = -(-len(self.lengths) // batch_size)
        self._drawn: tuple[int, list[np.ndarray]] = (-1, [])

    def batch(self, step: int) -> np.ndarray:
        """Positions in ``lengths`` of the examples of one step, counted from 0."""
        epoch, place = divmod(step, self.per_epoch)
        if self._drawn[0] != epoch:
            self._drawn = (epoch, self._draw(epoch))
        return self._drawn[1][place]

    def epoch(self, step: int) -> int:
        return step // self.per_epoch

    def _draw(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))
        size = CHUNK * self.batch_size
        chunks = [order[start : start + size] for start in range(0, len(order), size)]
        by_length = np.concatenate([chunk[np.argsort(self.lengths[chunk], kind="stable")] for chunk in chunks])
        batches = [by_length[start : start + self.batch_size] for start in range(0, len(by_length), self.batch_size)]
        return [batches[place] for place in rng.permutation(len(batches))]


def padding_share(lengths: np.ndarray, batches: Batches) -> float:
    """The share of padding among all positions of the first epoch; of examples with several sides by lengths (sides, n)."""
    sides = np.atleast_2d(lengths)
    drawn = [sides[:, batches.batch(step)] for step in range(batches.per_epoch)]
    return 1 - float(np.sum(sides)) / sum(batch.shape[1] * int(batch.max(1).sum()) for batch in drawn)


def evaluation_batches(lengths: np.ndarray, tokens_per_batch: int) -> list[np.ndarray]:
    """Positions in ``lengths``, from short to long, in batches of one example or more.

    A larger batch has at most ``tokens_per_batch`` positions, padding included.
    """
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for place in range(1, len(order) + 1):
        if place == len(order) or (place + 1 - start) * lengths[order[place]] > tokens_per_batch:
            batches.append(order[start:place])
            start = place
    return batches


def collate(examples: SequenceSet, indices: np.ndarray) -> dict[str, "torch.Tensor"]:
    """What a model takes: tokens or values padded on the right to the longest example, and ``labels`` [B].

    ``input_ids`` [B, T] int64 or ``input_features`` [B, T, C] float32, and ``attention_mask`` [B, T] int64.
    """
    import torch

    lengths = examples.lengths[indices]
    positions = np.arange(lengths.max())
    mask = positions < lengths[:, None]
    found = examples.flat[(examples.offsets[indices][:, None] + positions)[mask]]
    tokens = found.ndim == 1
    values = np.full(mask.shape, examples.pad, np.int64) if tokens else np.zeros((*mask.shape, found.shape[1]), np.float32)
    values[mask] = found
    arrays = {"attention_mask": mask.astype(np.int64), "labels": examples.labels[indices]}
    return {name: torch.from_numpy(array) for name, array in ({"input_ids" if tokens else "input_features": values} | arrays).items()}
