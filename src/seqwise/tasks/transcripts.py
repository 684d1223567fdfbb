"""How far transcripts are from what was said: word and character errors, by jiwer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqwise.data.speech_set import padded, text_of

WORD_ERRORS, CHARACTER_ERRORS, LOSS, HEARD = 0, 1, 2, 3
"""Columns of outputs: errors, nats, and from the fourth on the code points of what was heard."""
WORDS, CHARACTERS, SAID = 0, 1, 2
"""Columns of the truth, as :class:`~seqwise.data.speech_set.SpeechSet` has it."""


def errors(said: Sequence[str], heard: Sequence[str]) -> np.ndarray:
    """(U, 2): words, and characters with the spaces between words, that are put in, left out or replaced."""
    import jiwer

    if not len(said):
        return np.zeros((0, 2))
    found = [measure(list(said), list(heard)).alignments for measure in (jiwer.process_words, jiwer.process_characters)]
    return np.array([[sum(map(_changed, row)) for row in rows] for rows in found], np.float64).T


def _changed(chunk: Any) -> int:
    """Errors of a piece of an alignment, which is all of one kind."""
    if chunk.type == "equal":
        return 0
    return max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)


def outputs_of(said: Sequence[str], heard: Sequence[str], losses: np.ndarray | None = None) -> np.ndarray:
    """(U, 3 + L) float32: word errors, character errors, nats (NaN where there are none), code points of what was heard."""
    nats = np.full(len(said), np.nan) if losses is None else losses
    return np.column_stack([errors(said, heard), nats, padded(heard)]).astype(np.float32)


def heard_of(outputs: np.ndarray) -> list[str]:
    return [text_of(row) for row in outputs[:, HEARD:]]


def said_of(truth: np.ndarray) -> list[str]:
    return [text_of(row) for row in truth[:, SAID:]]


def ratio_scores(errors: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(U,) whose mean is sum(errors) / sum(sizes), and whose spread is that of the ratio, linearised (Cochran 1977, chapter 6)."""
    rate = errors.sum() / sizes.sum()
    return rate + (errors - rate * sizes) / sizes.mean()


def pieces(said: str, heard: str) -> list[tuple[str, str]]:
    """The words of both side by side; an empty one where there is nothing to hold it against."""
    import jiwer

    found: list[tuple[str, str]] = []
    before, after = said.split(), heard.split()
    for chunk in jiwer.process_words(said, heard).alignments[0]:
        first, second = before[chunk.ref_start_idx : chunk.ref_end_idx], after[chunk.hyp_start_idx : chunk.hyp_end_idx]
        count = max(len(first), len(second))
        found += zip(first + [""] * (count - len(first)), second + [""] * (count - len(second)), strict=True)
    return found
