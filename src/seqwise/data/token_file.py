"""Tokens of a corpus in a file that is read where it is needed: training takes windows of it, memory holds none."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import atomic_path, read_json, write_json
from seqwise.data.text_stream import Piece

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PIECES = 16
"""That are encoded at a time."""
HELD_OUT = 50
"""One character in so many is for validation."""


@dataclasses.dataclass(frozen=True)
class TokenFile:
    """Encoded documents, one after the other, each followed by the token that ends a text.

    Args:
        path: of the tokens, little-endian unsigned integers of 2 or 4 bytes; ``.json`` beside it holds the rest.
        count: tokens.
        bytes: of the text, the ends of documents not counted.
        documents: how many, or pieces of longer ones.
        sha256: of the text and its divisions.
        width: bytes of a token.
    """

    path: Path
    count: int
    bytes: int
    documents: int
    sha256: str
    width: int

    def __len__(self) -> int:
        return self.count

    @functools.cached_property
    def tokens(self) -> np.ndarray:
        """(count,), mapped, not read."""
        return np.memmap(self.path, np.dtype(f"<u{self.width}"), "r", shape=(self.count,))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises :class:`UserError` where the file and what is told of it disagree."""
        about = read_json(path.with_suffix(".json"))
        found = cls(path, **about)
        if not path.exists() or path.stat().st_size != found.count * found.width:
            raise UserError(f"{path} is damaged", fix="remove the folder it is in and run the same command again")
        return found


def write_tokens(pieces: Iterable[Piece], tokenizer: "PreTrainedTokenizerBase", path: Path) -> TokenFile:
    """Encode a stream into a file; it is there whole or not at all."""
    width = 2 if len(tokenizer) <= 2**16 else 4
    end = np.array([tokenizer.eos_token_id], f"<u{width}").tobytes()
    digest, count, size, documents = hashlib.sha256(), 0, 0, 0
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for batch in _batches(pieces):
            texts = [piece.text for piece in batch]
            encoded = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, return_attention_mask=False, verbose=False)
            for piece, ids in zip(batch, encoded["input_ids"], strict=True):
                data = piece.text.encode()
                digest.update(f"{len(data)} {piece.last}\n".encode() + data)
                file.write(np.array(ids, f"<u{width}").tobytes() + (end if piece.last else b""))
                count, size, documents = count + len(ids) + piece.last, size + len(data), documents + piece.last
    found = TokenFile(path, count, size, documents, digest.hexdigest(), width)
    about = dataclasses.asdict(found)
    del about["path"]
    write_json(path.with_suffix(".json"), about)
    return found


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    for piece in pieces:
        batch.append(piece)
        if len(batch) == PIECES:
            yield batch
            batch = []
    if batch:
        yield batch


def divided(pieces: Iterable[Piece], part: str) -> Iterator[Piece]:
    """Pieces for "validation", evenly spaced, as many as make up a fiftieth of the text so far, and the others for "train".

    What is taken out ends like a document on both sides.
    """
    before: Piece | None = None
    size = taken = 0
    for piece in pieces:
        size += len(piece.text)
        held = HELD_OUT * (taken + len(piece.text)) <= size
        taken += len(piece.text) * held
        if part == "validation":
            if held:
                yield Piece(piece.text, last=True)
            continue
        if before is not None:
            yield Piece(before.text, before.last or held)
        before = None if held else piece
    if before is not None:
        yield before


class TokenWindows:
    """Training windows of a token file; each batch is a pure function of (seed, step), so nothing of the order needs to be kept.

    Every epoch shifts the windows by a random number of tokens below their width and shuffles them; those that fill no batch are left
    out. ``stateful`` reads the file in as many parallel streams as a batch has rows instead, window after window, so that a model may
    carry its state (truncated backpropagation through time, Mikolov et al. 2010).

    Args:
        file: of at least one window and a token.
        context: tokens of a window.
        batch_size: windows of a batch; all that there are, where there are fewer.
    """

    def __init__(self, file: TokenFile, context: int, batch_size: int, seed: int, *, stateful: bool = False):
        count = (len(file) - 1) // (context * batch_size if stateful else context)
        if count < 1:
            rows = f", {batch_size} of them side by side" if stateful else ""
            raise UserError(
                f"the training text has {len(file):,} tokens",
                expected=f"more than one window of {context}{rows}",
                fix="more text, or less context",
            )
        self.file, self.context, self.seed, self.stateful = file, context, seed, stateful
        self.batch_size = batch_size if stateful else min(batch_size, count)
        self.per_epoch = count if stateful else count // self.batch_size
        self._count, self._drawn = count, (-1, np.empty(0, np.int64))

    def windows(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets (B, C) of one step, int64."""
        starts = self._stream_starts(step) if self.stateful else self._shuffled_starts(step)
        rows = np.stack([self.file.tokens[start : start + self.context + 1] for start in starts]).astype(np.int64)
        return rows[:, :-1], rows[:, 1:]

    def begins_anew(self, step: int) -> bool:
        """Whether a carried state has to be dropped before this step."""
        return not self.stateful or step % self.per_epoch == 0

    def _stream_starts(self, step: int) -> np.ndarray:
        length = (len(self.file) - 1) // self.batch_size
        return np.arange(self.batch_size) * length + step % self.per_epoch * self.context

    def _shuffled_starts(self, step: int) -> np.ndarray:
        epoch, place = divmod(step, self.per_epoch)
        if self._drawn[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            shift, order = rng.integers(0, self.context), rng.permutation(self._count)
            self._drawn = (epoch, np.minimum(shift + self.context * order, len(self.file) - self.context - 1))
        return self._drawn[1][place * self.batch_size : (place + 1) * self.batch_size]
