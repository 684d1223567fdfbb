"""Sources with a target each: what translation reads, splits and encodes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json
from seqwise.data.card import data_card
from seqwise.data.pair_set import PairSet, choose_pair_tokenizer, encode_pairs, pair_tokenizer
from seqwise.data.pairs import PairColumns, PairCorpus, load_pairs
from seqwise.data.splits import Split, SplitPlan, Splits, make_splits
from seqwise.data.tokenizers import MAX_CONTEXT, choose_context
from seqwise.models.external import load_tokenizer
from seqwise.tasks.task_data import EncodedFacts, Encoding, Request, TaskData

LONGEST = 1_000_000
"""A maximum length that cuts nothing, for counting."""
ADDED = 2
"""Entries besides those of the tokenizer's plan: [BOS] and [EOS]."""


class ParallelTexts(TaskData):
    examples = PairSet
    models = ("lstm", "lstm+attention", "gru+attention", "transformer")

    def read(self, request: Request) -> PairCorpus:
        for name in ("id", "time"):
            if getattr(request, name) is not None:
                raise UserError(f"--{name} has no meaning for texts", fix="leave it out")
        columns = PairColumns(request.text, request.target, request.group)
        return load_pairs(request.source, validation=request.validation, test=request.test, columns=columns, header=request.header)

    def split(self, corpus: PairCorpus, *, replicates: int, seed: int) -> SplitPlan:
        """The same source never stands on both sides."""
        return make_splits(corpus, replicates=replicates, seed=seed)

    def choose_encoding(self, corpus: PairCorpus, splits: Splits, *, tokenizer: str, context: int | None) -> Encoding:
        """Tokenizer and context, of sources and targets alike, from the training pairs of the first replicate."""
        sources, targets = _texts(corpus, splits.train)
        plan = choose_pair_tokenizer(sources, targets, tokenizer)
        if not context:
            pairs, _ = encode_pairs(pair_tokenizer(plan, sources, targets, LONGEST), sources, targets, LONGEST)
            context = int(choose_context([pairs.lengths.max(), pairs.target_lengths.max()]))
        return Encoding(dataclasses.replace(plan, vocab_size=plan.vocab_size + ADDED), context)

    def encode(self, corpus: PairCorpus, splits: Splits, encoding: Encoding, folder: Path) -> EncodedFacts:
        assert encoding.tokenizer is not None
        plan = dataclasses.replace(encoding.tokenizer, vocab_size=encoding.tokenizer.vocab_size - ADDED)
        found = self._write(pair_tokenizer(plan, *_texts(corpus, splits.train), encoding.context), corpus, splits, encoding.context, folder)
        write_json(folder / "splits.json", {split: splits.indices(split).tolist() for split in Split})
        return found

    def longest_as(self, context: int, given: int | None, longest: float) -> float:
        """As much as one of ours could read: by its own tokenizer a text has another length."""
        return min(given or MAX_CONTEXT, longest)

    def encode_as(self, model: Path, corpus: PairCorpus, splits: Splits, encoding: Encoding, longest: float, folder: Path) -> EncodedFacts:
        return self._write(load_tokenizer(model), corpus, splits, int(longest), folder)

    def _write(self, tokenizer: Any, corpus: PairCorpus, splits: Splits, context: int, folder: Path) -> EncodedFacts:
        tokenizer.model_max_length = context
        tokenizer.save_pretrained(folder / "preprocessor")
        found, test_share = {}, len(splits.test) / len(splits.validation)
        for split in Split:
            pairs, cut = encode_pairs(tokenizer, *_texts(corpus, splits.indices(split)), context)
            pairs.save(folder / f"{split}.safetensors")
            sides = np.stack([pairs.lengths, pairs.target_lengths])
            found[split] = EncodedFacts(pairs.lengths, cut, test_share, sides=sides)
        return found[Split.TRAIN]

    def share(self, corpus: PairCorpus, cache: Path) -> None:
        write_json(cache / "corpus.json", {"sources": list(corpus.sources), "targets": list(corpus.targets)})

    def default_batch_size(self, lengths: np.ndarray) -> int:
        """64 short sources, or 32 where the median is above 64 tokens."""
        return 64 if np.median(lengths) <= 64 else 32

    def card(self, corpus: PairCorpus, plan: SplitPlan) -> dict[str, Any]:
        found = data_card(corpus, plan) | {"length_in": "source tokens", "counted": "pairs"}
        return {name: value for name, value in found.items() if name not in ("classes", "imbalance")}

    def columns(self, corpus: PairCorpus) -> dict[str, str | None]:
        return {"source": corpus.source_column, "target": corpus.target_column}

    def counts(self, splits: Splits) -> dict[str, int]:
        return {str(split): len(splits.indices(split)) for split in Split}

    def test_examples(self, corpus: PairCorpus, splits: Splits) -> Sequence[tuple[str, str]]:
        return list(zip(*_texts(corpus, splits.test), strict=True))

    def typical_examples(self, corpus: PairCorpus, splits: Splits, lengths: np.ndarray, count: int) -> list[str]:
        near = np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:count]
        return [corpus.sources[splits.train[i]] for i in near]


def _texts(corpus: PairCorpus, indices: Sequence[int] | np.ndarray) -> tuple[list[str], list[str]]:
    return [corpus.sources[i] for i in indices], [corpus.targets[i] for i in indices]


def read_pairs_back(cache: Path, folder: Path) -> dict[Split, tuple[list[str], list[str]]]:
    """Sources and targets of every split of a replicate, as :meth:`ParallelTexts.share` and :meth:`ParallelTexts.encode` wrote them."""
    corpus, splits = read_json(cache / "corpus.json"), read_json(folder / "splits.json")
    return {split: ([corpus["sources"][i] for i in splits[split]], [corpus["targets"][i] for i in splits[split]]) for split in Split}
