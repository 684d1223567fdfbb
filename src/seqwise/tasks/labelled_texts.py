"""Texts with a label each: what text classification reads, splits and encodes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import atomic_path, read_json, write_json
from seqwise.data.batching import CutShare, SequenceSet, encode, encode_special
from seqwise.data.card import data_card
from seqwise.data.readers import Corpus, label_ids, load_corpus
from seqwise.data.splits import Split, SplitPlan, Splits, make_splits
from seqwise.data.tokenizers import MAX_CONTEXT, choose_context, choose_tokenizer, train_tokenizer
from seqwise.models.external import load_tokenizer, pad_token
from seqwise.models.origin import OURS, saved_settings
from seqwise.tasks.task_data import EncodedFacts, Encoding, Request, TaskData

LONGEST = 1_000_000
"""A maximum length that cuts nothing, for counting."""


class LabelledTexts(TaskData):
    examples = SequenceSet

    def read(self, request: Request) -> Corpus:
        for name in ("id", "time"):
            if getattr(request, name) is not None:
                raise UserError(f"--{name} has no meaning for texts", fix="leave it out, or add --task time-series-classification")
        return load_corpus(
            request.source,
            validation=request.validation,
            test=request.test,
            text=request.text,
            target=request.target,
            group=request.group,
            header=request.header,
        )

    def labels(self, corpus: Corpus) -> tuple[str, ...]:
        return corpus.classes

    def split(self, corpus: Corpus, *, replicates: int, seed: int) -> SplitPlan:
        return make_splits(corpus, replicates=replicates, seed=seed)

    def choose_encoding(self, corpus: Corpus, splits: Splits, *, tokenizer: str, context: int | None) -> Encoding:
        """Tokenizer and context from the training texts of the first replicate."""
        texts = [corpus.texts[i] for i in splits.train]
        plan = choose_tokenizer(texts, tokenizer)
        if context:
            return Encoding(plan, context)
        lengths = encode(train_tokenizer(plan, texts, LONGEST), texts, np.zeros(len(texts), dtype=np.int64), LONGEST)[0].lengths
        return Encoding(plan, int(choose_context(lengths)))

    def encode(self, corpus: Corpus, splits: Splits, encoding: Encoding, folder: Path) -> EncodedFacts:
        tokenizer = train_tokenizer(encoding.tokenizer, [corpus.texts[i] for i in splits.train], encoding.context)
        found = self._write(OURS[0], tokenizer, corpus, splits, encoding.context, folder)
        write_json(folder / "splits.json", {split: splits.indices(split).tolist() for split in Split})
        return found

    def longest_as(self, context: int, given: int | None, longest: float) -> float:
        """As much as one of ours could read: by its own tokenizer a text has another length."""
        return min(given or MAX_CONTEXT, longest)

    def encode_as(self, model: Path, corpus: Corpus, splits: Splits, encoding: Encoding, longest: float, folder: Path) -> EncodedFacts:
        """With the tokenizer's own special tokens, as its model knows them."""
        return self._write(saved_settings(model)["model_type"], load_tokenizer(model), corpus, splits, int(longest), folder)

    def _write(self, kind: str, tokenizer: Any, corpus: Corpus, splits: Splits, longest: int, folder: Path) -> EncodedFacts:
        labels, tokenizer.model_max_length = label_ids(corpus), longest
        tokenizer.save_pretrained(folder / "preprocessor")
        found, test_share = {}, len(splits.test) / len(splits.validation)
        for split in Split:
            indices = splits.indices(split)
            tokens, cut = encoded_as(kind, tokenizer, [corpus.texts[i] for i in indices], labels[indices], longest)
            with atomic_path(folder / f"{split}.safetensors") as temporary:
                tokens.save(temporary)
            found[split] = EncodedFacts(tokens.lengths, cut, test_share)
        return found[Split.TRAIN]

    def share(self, corpus: Corpus, cache: Path) -> None:
        write_json(cache / "corpus.json", {"texts": list(corpus.texts), "labels": label_ids(corpus).tolist()})

    def default_batch_size(self, lengths: np.ndarray) -> int:
        """64 short texts, or 32 where the median is above 64 tokens."""
        return 64 if np.median(lengths) <= 64 else 32

    def card(self, corpus: Corpus, plan: SplitPlan) -> dict[str, Any]:
        empty = sum(not key for key in corpus.keys)
        return data_card(corpus, plan) | {"text_column": corpus.text_column, "empty_texts": empty}

    def columns(self, corpus: Corpus) -> dict[str, str | None]:
        return {"text": corpus.text_column, "target": corpus.target_column}

    def counts(self, splits: Splits) -> dict[str, int]:
        return {str(split): len(splits.indices(split)) for split in Split}

    def test_examples(self, corpus: Corpus, splits: Splits) -> Sequence[str]:
        return [corpus.texts[i] for i in splits.test]

    def typical_examples(self, corpus: Corpus, splits: Splits, lengths: np.ndarray, count: int) -> list[str]:
        near = np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:count]
        return [corpus.texts[splits.train[i]] for i in near]


def encoded_as(
    kind: str, tokenizer: Any, texts: Sequence[str], labels: Sequence[int] | np.ndarray, longest: int
) -> tuple[SequenceSet, CutShare]:
    """Texts as a model reads them, cut at its longest input: with special tokens for one from elsewhere.

    Args:
        kind: its ``model_type``.
    """
    if kind in OURS:
        return encode(tokenizer, texts, labels, longest)
    return encode_special(tokenizer, texts, labels, longest, pad_token(tokenizer))


def read_back(cache: Path, folder: Path) -> dict[Split, tuple[list[str], np.ndarray]]:
    """Texts and label ids of every split of a replicate, as :meth:`LabelledTexts.share` and :meth:`LabelledTexts.encode` wrote them."""
    corpus, splits = read_json(cache / "corpus.json"), read_json(folder / "splits.json")
    labels = np.asarray(corpus["labels"])
    return {split: ([corpus["texts"][i] for i in splits[split]], labels[splits[split]]) for split in Split}
