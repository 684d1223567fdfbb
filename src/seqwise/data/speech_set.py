"""Recordings with transcripts, encoded: features in, tokens out."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from seqwise.data.arrays import Arrays
from seqwise.data.batching import SequenceSet, collate

if TYPE_CHECKING:
    import torch

FIRST_CHARACTER = 2
"""The token of the first character, after the blank and what is unknown."""
UNKNOWN = 1
IGNORED = -100


@dataclasses.dataclass(frozen=True)
class SpeechSet(Arrays):
    """Recording i is ``flat[offsets[i]:offsets[i + 1]]``, its transcript ``letters[ends[i]:ends[i + 1]]``.

    Args:
        flat: float32 features (S, C) of all recordings.
        offsets: int64 [n + 1].
        letters: int32 code points of all transcripts.
        ends: int64 [n + 1].
        characters: int32 code points (V - 2,): token 2 is the first one.
    """

    what: ClassVar[str] = "encoded recordings"

    flat: np.ndarray
    offsets: np.ndarray
    letters: np.ndarray
    ends: np.ndarray
    characters: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def of(cls, features: Sequence[np.ndarray], texts: Sequence[str], characters: Sequence[str]) -> Self:
        """Of features (T, C) and a transcript each."""
        sounds = SequenceSet.from_arrays(features, [0] * len(features))
        ends = np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=np.int64)]).astype(np.int64)
        return cls(sounds.flat, sounds.offsets, code_points("".join(texts)), ends, code_points("".join(characters)))

    @functools.cached_property
    def sounds(self) -> SequenceSet:
        return SequenceSet(self.flat, self.offsets, np.zeros(len(self), np.int64))

    @property
    def lengths(self) -> np.ndarray:
        """Steps of every recording."""
        return self.sounds.lengths

    @property
    def units(self) -> int:
        """What statistics take as independent: the recordings."""
        return len(self)

    @functools.cached_property
    def texts(self) -> list[str]:
        return [text_of(self.letters[start:end]) for start, end in zip(self.ends[:-1], self.ends[1:], strict=True)]

    @property
    def truth(self) -> np.ndarray:
        """(U, 2 + L) int32: words, characters, and the code points of each transcript, 0 behind its end."""
        return np.column_stack([[len(text.split()) for text in self.texts], [len(text) for text in self.texts], padded(self.texts)]).astype(
            np.int32
        )

    def part(self, share: float, seed: int) -> Self:
        """A share of the recordings, at least two; a smaller share is part of a larger one."""
        count = min(len(self), max(2, round(share * len(self))))
        kept = np.sort(np.random.default_rng([seed, 7]).permutation(len(self))[:count])
        characters = [chr(point) for point in self.characters]
        return type(self).of([self.sounds.example(i) for i in kept], [self.texts[i] for i in kept], characters)

    def tokens(self, number: int) -> np.ndarray:
        """int64 (L,): the tokens of a transcript; a character that training did not have is unknown."""
        return self._table[np.minimum(self.letters[self.ends[number] : self.ends[number + 1]], len(self._table) - 1)]

    @functools.cached_property
    def _table(self) -> np.ndarray:
        """From code points to tokens."""
        table = np.full(int(max(self.characters, default=0)) + 2, UNKNOWN, np.int64)
        table[self.characters] = np.arange(len(self.characters)) + FIRST_CHARACTER
        return table

    def written(self, tokens: Sequence[int]) -> str:
        """Tokens as text with single spaces; blanks and what is unknown are nothing."""
        found = [chr(self.characters[token - FIRST_CHARACTER]) for token in tokens if token >= FIRST_CHARACTER]
        return " ".join("".join(found).split())


def collate_speech(examples: SpeechSet, indices: np.ndarray) -> dict[str, "torch.Tensor"]:
    """``input_features`` [B, T, C], ``attention_mask`` [B, T], and ``labels`` [B, L], -100 behind the end of a transcript."""
    import torch

    batch = collate(examples.sounds, indices)
    rows = [examples.tokens(int(i)) for i in indices]
    labels = np.full((len(rows), max(map(len, rows))), IGNORED, np.int64)
    for row, tokens in zip(labels, rows, strict=True):
        row[: len(tokens)] = tokens
    return batch | {"labels": torch.from_numpy(labels)}


def code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), np.int32)


def text_of(points: np.ndarray) -> str:
    """The text of code points, read to the first 0."""
    found = np.asarray(points, np.int32)
    ends = np.flatnonzero(found == 0)
    return (found[: ends[0]] if len(ends) else found).astype("<i4").tobytes().decode("utf-32-le")


def padded(texts: Sequence[str]) -> np.ndarray:
    """(U, L) int32 code points, 0 behind the end."""
    rows = np.zeros((len(texts), max(map(len, texts), default=0)), np.int32)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = code_points(text)
    return rows
