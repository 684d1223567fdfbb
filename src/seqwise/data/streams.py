"""Running text as one stream of tokens: training windows without padding, and scoring windows that overlap by half."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.arrays import Arrays

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNIT_BYTES = 2048
FEWEST_UNITS, MOST_UNITS = 8, 500
CHUNK = 65_536
"""Characters that are encoded at a time."""
BITS_OF_A_BYTE = 8.0
STRETCHES = 16
"""Of which a share of a text is made up."""


@dataclasses.dataclass(frozen=True)
class TokenStream(Arrays):
    """Encoded running text.

    Args:
        ids: int32 (T,) tokens.
        starts: int64 (T,), the byte of the text at which each token starts.
        extra: float32 (T,), bits to add to a token's own: an unknown character is spelled out in bytes of 8 bits each.
        size: int64 (2,), bytes of the text and tokens of a training window.
    """

    what: ClassVar[str] = "encoded text"

    ids: np.ndarray
    starts: np.ndarray
    extra: np.ndarray
    size: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def bytes(self) -> int:
        return int(self.size[0])

    @property
    def context(self) -> int:
        return int(self.size[1])

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of every training window."""
        return np.full(max(1, (len(self.ids) - 1) // self.context), self.context)

    @property
    def units(self) -> int:
        """Blocks of equal size in bytes that the text is divided into: what statistics take as independent."""
        return int(np.clip(self.bytes // UNIT_BYTES, FEWEST_UNITS, MOST_UNITS))

    @functools.cached_property
    def unit_of(self) -> np.ndarray:
        """The block (T,) that each token starts in."""
        return np.minimum(self.starts * self.units // max(1, self.bytes), self.units - 1)

    @functools.cached_property
    def truth(self) -> np.ndarray:
        """(U, 2 + P): bytes and tokens of each block, and the predictions made in it at each range of positions."""
        columns = [np.full(self.units, self.bytes / self.units), np.bincount(self.unit_of, minlength=self.units)]
        counts = np.zeros((self.units, len(position_edges(self.context)) - 1))
        ranges = position_ranges(self.context)
        for window in scoring_windows(len(self.ids), self.context):
            np.add.at(counts, (self.unit_of[window.targets], ranges[: window.stop - window.start]), 1)
        return np.column_stack([*columns, counts])

    def part(self, share: float, seed: int) -> Self:
        """A share of the text, in up to 16 evenly spaced stretches of more than a window each; the seed moves them all.

        Raises :class:`UserError` where the share does not fill a window.
        """
        count = round(share * len(self))
        if count >= len(self):
            return self
        if count <= self.context + 1:
            raise UserError(f"{share:g} of the training text has {count} tokens", expected=f"more than one window of {self.context} tokens")
        pieces = min(STRETCHES, count // (self.context + 1))
        width, room = count // pieces, len(self) // pieces
        shift = np.random.default_rng([seed, 7]).integers(0, room - width + 1)
        stops = np.append(self.starts, self.bytes)
        ranges = [(first, first + width) for first in shift + room * np.arange(pieces)]
        sizes = [int(stops[high] - stops[low]) for low, high in ranges]
        moved = np.cumsum([0, *sizes[:-1]])
        starts = [self.starts[low:high] - self.starts[low] + before for (low, high), before in zip(ranges, moved, strict=True)]
        ids, extra = (np.concatenate([values[low:high] for low, high in ranges]) for values in (self.ids, self.extra))
        return type(self)(ids, np.concatenate(starts), extra, np.array([sum(sizes), self.context]))


def position_edges(context: int) -> np.ndarray:
    """0, 1, 2, 4, ... context: the ranges of positions in a window for which the loss is told apart."""
    powers = 2 ** np.arange(max(1, (context - 1).bit_length()))
    return np.unique([0, *powers, context])


def position_ranges(context: int) -> np.ndarray:
    """The range (context,) that each prediction of a window belongs to."""
    return np.searchsorted(position_edges(context), np.arange(context), side="right") - 1


@dataclasses.dataclass(frozen=True)
class Window:
    """Tokens ``start`` to ``stop`` (exclusive) predict those one later; only the last ``scored`` predictions count."""

    start: int
    stop: int
    scored: int

    @property
    def targets(self) -> np.ndarray:
        return np.arange(self.start + 1, self.stop + 1)


def scoring_windows(count: int, context: int, *, overlap: bool = True) -> Iterator[Window]:
    """Windows of ``context`` tokens whose scored parts make up predictions 1 to count - 1, each once.

    The state starts anew in each. With ``overlap`` they are half a window apart: the first is scored as a whole, of the others the
    second half. Without it they stand side by side and all are scored as a whole.
    """
    stride, done = max(1, context // 2) if overlap else context, 0
    for start in range(0, count - 1, stride):
        stop = min(start + context, count - 1)
        if stop > done:
            yield Window(start, stop, stop - done)
            done = stop
        if stop == count - 1:
            return


def encode_text(tokenizer: "PreTrainedTokenizerBase", text: str, context: int) -> TokenStream:
    """Encode a text as a whole; byte positions come from the tokenizer's offsets, so any fast tokenizer will do."""
    ids, starts, extra, done = [], [], [], 0
    for chunk in chunks(text):
        found = tokenizer(chunk, add_special_tokens=False, return_attention_mask=False, return_offsets_mapping=True, verbose=False)
        bytes_before = np.concatenate([[0], np.cumsum([len(character.encode()) for character in chunk])])
        offsets = np.array(found["offset_mapping"], dtype=np.int64).reshape(-1, 2)
        new = np.array(found["input_ids"], dtype=np.int32)
        width = bytes_before[offsets[:, 1]] - bytes_before[offsets[:, 0]]
        ids.append(new)
        starts.append(done + bytes_before[offsets[:, 0]])
        extra.append(np.where(new == tokenizer.unk_token_id, BITS_OF_A_BYTE * width, 0.0).astype(np.float32))
        done += int(bytes_before[-1])
    return TokenStream(np.concatenate(ids), np.concatenate(starts), np.concatenate(extra), np.array([done, context]))


def check_exact(tokenizer: "PreTrainedTokenizerBase", text: str, what: str) -> None:
    """Raises :class:`UserError` for a tokenizer from which a text does not come back to the letter, but for a space before it."""
    for chunk in chunks(text):
        ids = tokenizer(chunk, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
        back = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        if back.removeprefix(" ") != chunk.removeprefix(" "):
            raise UserError(
                f"{what} does not keep the text: bits per byte of what it drops would be for nothing",
                expected="a tokenizer that gives every character back, as byte-level ones do",
            )


def chunks(text: str) -> Iterator[str]:
    """The text in pieces that end with a line where lines are of usual length, for tokenizers and for progress."""
    start = 0
    while start < len(text):
        stop = min(start + CHUNK, len(text))
        line = text.rfind("\n", start + CHUNK // 2, stop) if stop < len(text) else -1
        stop = line + 1 if line >= 0 else stop
        yield text[start:stop]
        start = stop


def spread_pieces(text: str, characters: int, pieces: int = 16) -> str:
    """At most so many characters, in pieces that are evenly spaced over the text."""
    if len(text) <= characters:
        return text
    each = characters // pieces
    return "".join(text[start : start + each] for start in np.linspace(0, len(text) - each, pieces).astype(int))


class PackedFeed:
    """Training windows of one stream, without padding; each batch is a pure function of (seed, step).

    Every epoch shifts the windows by a random number of tokens below their width and shuffles them; the last one then ends with the
    text, and overlaps the one before.

    Args:
        stream: the training text.
        batch_size: windows per batch; the last one of an epoch may be smaller.
    """

    def __init__(self, stream: TokenStream, *, batch_size: int, seed: int):
        if len(stream.ids) <= stream.context:
            raise UserError(
                f"the training text has {len(stream.ids)} tokens, a training window {stream.context + 1}",
                fix="more text, or a smaller --context",
            )
        self.stream, self.batch_size, self.seed = stream, batch_size, seed
        self.per_epoch = -(-len(stream.lengths) // batch_size)
        self._drawn: tuple[int, np.ndarray] = (-1, np.empty(0))

    def starts(self, step: int) -> np.ndarray:
        """Where the windows of one step begin."""
        epoch, place = divmod(step, self.per_epoch)
        if self._drawn[0] != epoch:
            self._drawn = (epoch, self._draw(epoch))
        return self._drawn[1][place * self.batch_size : (place + 1) * self.batch_size]

    def windows(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets (B, C) of one step, int64."""
        index = self.starts(step)[:, None] + np.arange(self.stream.context)
        return self.stream.ids[index].astype(np.int64), self.stream.ids[index + 1].astype(np.int64)

    def _draw(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, epoch])
        count, context = len(self.stream.lengths), self.stream.context
        last = len(self.stream.ids) - context - 1
        shift = rng.integers(0, context)
        return np.minimum(shift + context * rng.permutation(count), last)


def bits_to_units(stream: TokenStream, bits: np.ndarray) -> np.ndarray:
    """Bits of each token (T,), summed over each block (U,), with those of unknown characters."""
    return np.bincount(stream.unit_of, weights=bits + stream.extra, minlength=stream.units)
