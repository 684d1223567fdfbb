"""Encoded pairs, and batches of them."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.arrays import Arrays
from seqwise.data.batching import CutShare
from seqwise.data.tokenizers import TokenizerPlan, choose_exact_tokenizer, train_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

SHORT, FEW_WORDS, FEW_CHARACTERS = 40, 5, 256
"""Where the median text has no more characters and words, and characters are of no more kinds, tokens are characters: dates, names."""
SIZES = ((300_000, 500), (3_000_000, 1_000), (30_000_000, 2_000), (100_000_000, 4_000), (float("inf"), 8_000))
"""Characters of both sides, and the entries of byte-level BPE up to there."""
SPECIAL = {"bos_token": "[BOS]", "eos_token": "[EOS]"}
IGNORED = -100


@dataclasses.dataclass(frozen=True)
class PairSet(Arrays):
    """Encoded pairs: source i is ``source[source_offsets[i]:source_offsets[i + 1]]``, and so on.

    Args:
        source, target: int32 token ids of all pairs; each ends with [EOS], but for a target that was cut.
        reference: uint8, the targets as they were written, in UTF-8.
        source_offsets, target_offsets, reference_offsets: int64 [n + 1].
        special: int64 [3], the tokens of padding, of the beginning and of the end.
        tokenizer: uint8, the tokenizer that made them, as the JSON of the tokenizers library.
    """

    what: ClassVar[str] = "encoded pairs"

    source: np.ndarray
    source_offsets: np.ndarray
    target: np.ndarray
    target_offsets: np.ndarray
    reference: np.ndarray
    reference_offsets: np.ndarray
    special: np.ndarray
    tokenizer: np.ndarray

    def __len__(self) -> int:
        return len(self.source_offsets) - 1

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of every source."""
        return np.diff(self.source_offsets)

    @functools.cached_property
    def target_lengths(self) -> np.ndarray:
        return np.diff(self.target_offsets)

    @property
    def units(self) -> int:
        """What statistics take as independent: the pairs."""
        return len(self)

    @property
    def truth(self) -> np.ndarray:
        """(n, 2): tokens of source and target. What answers are held against, the references, is told in the answers' own rows."""
        return np.stack([self.lengths, self.target_lengths], axis=1)

    @functools.cached_property
    def references(self) -> list[str]:
        raw, edges = self.reference.tobytes(), self.reference_offsets
        return [raw[edges[i] : edges[i + 1]].decode() for i in range(len(self))]

    def part(self, share: float, seed: int) -> Self:
        """A share of the pairs, at least two; a smaller share is part of a larger one."""
        count = min(len(self), max(2, round(share * len(self))))
        kept = np.sort(np.random.default_rng([seed, 7]).permutation(len(self))[:count])
        names = ("source", "target", "reference")
        flat = {name: (getattr(self, name), getattr(self, f"{name}_offsets")) for name in names}
        rows = {name: [values[edges[i] : edges[i + 1]] for i in kept] for name, (values, edges) in flat.items()}
        return type(self).from_rows(*(rows[name] for name in names), special=self.special, tokenizer=self.tokenizer)

    def decoded(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The texts of target tokens, special ones left out."""
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self.tokenizer.tobytes().decode()).decode_batch([list(row) for row in ids], skip_special_tokens=True)

    @classmethod
    def from_rows(
        cls,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        references: Sequence[np.ndarray],
        *,
        special: np.ndarray,
        tokenizer: np.ndarray,
    ) -> Self:
        found: list[np.ndarray] = []
        for rows, kind in ((sources, np.int32), (targets, np.int32), (references, np.uint8)):
            found.append(np.concatenate(rows).astype(kind) if len(rows) else np.zeros(0, kind))
            found.append(np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64))
        return cls(*found, special=np.asarray(special, np.int64), tokenizer=tokenizer)


def choose_pair_tokenizer(sources: Sequence[str], targets: Sequence[str], requested: str = "auto") -> TokenizerPlan:
    """One tokenizer for both sides that keeps every character: "characters", "bytes", "bpe" or "bpe:SIZE"; "auto" decides.

    Raises :class:`UserError` for any other request.
    """
    texts = [*sources, *targets]
    size = sum(map(len, texts))
    if requested.partition(":")[0] == "words":
        raise UserError("words cannot be put together to the text again", expected="--tokenizer auto, bytes, characters, bpe or bpe:SIZE")
    if requested == "auto":
        kinds, median = len(set().union(*map(set, texts))), float(np.median([len(text) for text in texts]))
        words = float(np.median([len(text.split()) for text in texts]))
        if median <= SHORT and words <= FEW_WORDS and kinds <= FEW_CHARACTERS:
            found = choose_exact_tokenizer("".join(texts), "characters")
            return dataclasses.replace(found, reason=f"characters: {kinds} different ones, {median:.0f} in the median text")
    if requested in ("auto", "bpe"):
        entries = next(entries for most, entries in SIZES if size < most)
        why = f"byte-level BPE of {entries:,} entries for {size:,} characters of both sides"
        return TokenizerPlan("bpe", entries, False, why, exact=True)
    return choose_exact_tokenizer("".join(texts), requested)


def pair_tokenizer(plan: TokenizerPlan, sources: Sequence[str], targets: Sequence[str], context: int) -> "PreTrainedTokenizerBase":
    """Trained on both sides, with [BOS] and [EOS] as two further entries; every text ends with [EOS]."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = train_tokenizer(plan, [*sources, *targets], context)
    tokenizer.add_special_tokens(SPECIAL)
    ending = [(tokenizer.eos_token, tokenizer.eos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="$A [EOS]", pair="$A [EOS] $B [EOS]", special_tokens=ending)
    return tokenizer


def encode_pairs(
    tokenizer: "PreTrainedTokenizerBase", sources: Sequence[str], targets: Sequence[str], context: int
) -> tuple[PairSet, CutShare]:
    """Encode both sides, keep ``context`` tokens of each, and say how many pairs and how much of both sides that cuts.

    A source that is cut ends with [EOS] all the same; a target does not, for that would teach to end too early.
    """
    read, written = (_encoded(tokenizer, texts) for texts in (sources, targets))
    lengths = np.array([[len(row) for row in side] for side in (read, written)], np.int64)
    over = np.maximum(lengths - context, 0)
    cut = CutShare(float((over > 0).any(0).mean()), float(over.sum() / lengths.sum())) if len(read) else CutShare(0.0, 0.0)
    pairs = PairSet.from_rows(
        [np.asarray([*row[: min(len(row), context) - 1], tokenizer.eos_token_id]) for row in read],
        [np.asarray(row[:context]) for row in written],
        [np.frombuffer(text.encode(), np.uint8) for text in targets],
        special=np.array([tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id]),
        tokenizer=np.frombuffer(tokenizer.backend_tokenizer.to_str().encode(), np.uint8),
    )
    return pairs, cut


def _encoded(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[list[int]]:
    if not len(texts):
        return []
    return tokenizer(list(texts), return_attention_mask=False, verbose=False)["input_ids"]


def collate_pairs(pairs: PairSet, indices: np.ndarray) -> dict[str, "torch.Tensor"]:
    """What a model takes: ``input_ids`` [B, S], ``attention_mask`` [B, S] and ``labels`` [B, T], int64, padded on the right."""
    import torch

    sources, mask = _padded(pairs.source, pairs.source_offsets, indices, int(pairs.special[0]))
    labels, _ = _padded(pairs.target, pairs.target_offsets, indices, IGNORED)
    arrays = {"input_ids": sources, "attention_mask": mask.astype(np.int64), "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _padded(flat: np.ndarray, offsets: np.ndarray, indices: np.ndarray, fill: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = offsets[indices + 1] - offsets[indices]
    positions = np.arange(lengths.max())
    mask = positions < lengths[:, None]
    values = np.full(mask.shape, fill, np.int64)
    values[mask] = flat[(offsets[indices][:, None] + positions)[mask]]
    return values, mask
