"""Running text: what a language model reads, splits and encodes. The same splits for every replicate."""

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json, write_text
from seqwise.data.batching import CutShare
from seqwise.data.corpora import TextCorpus, load_text_corpus, split_corpus
from seqwise.data.splits import Split, SplitPlan
from seqwise.data.streams import TokenStream, check_exact, chunks, encode_text, spread_pieces
from seqwise.data.tokenizers import choose_exact_tokenizer, train_tokenizer
from seqwise.models.external import load_tokenizer
from seqwise.tasks.task_data import EncodedFacts, Encoding, Request, TaskData

CONTEXT = 256
TOKENS_PER_STEP = 2048
VALIDATION_CHARACTERS = 100_000
"""Validation chooses among trials many times over: pieces of it, evenly spaced, are enough for that."""
BETWEEN_DOCUMENTS = "\n\n"
LONG_LINE = 40
"""Characters from which on a line that stands in two splits is no chance."""


@dataclasses.dataclass(frozen=True)
class TextSplits:
    """The text of each split; the splits are the same for every replicate."""

    texts: Mapping[Split, str]


class RunningText(TaskData):
    examples = TokenStream

    def read(self, request: Request) -> TextCorpus:
        for name in ("target", "group", "header", "id", "time"):
            if getattr(request, name) is not None:
                raise UserError(f"--{name} has no meaning for a language model", fix="leave it out; --text names the column of a table")
        return load_text_corpus(request.source, validation=request.validation, test=request.test, text=request.text)

    def split(self, corpus: TextCorpus, *, replicates: int, seed: int) -> SplitPlan:
        parts = split_corpus(corpus)
        splits = TextSplits({split: BETWEEN_DOCUMENTS.join(documents) for split, documents in parts.items()})
        scheme = "given test" if "test" in corpus.given else "holdout"
        return SplitPlan([splits] * replicates, scheme, None)

    def choose_encoding(self, corpus: TextCorpus, splits: TextSplits, *, tokenizer: str, context: int | None) -> Encoding:
        return Encoding(choose_exact_tokenizer(splits.texts[Split.TRAIN], tokenizer), context or CONTEXT)

    def encode(self, corpus: TextCorpus, splits: TextSplits, encoding: Encoding, folder: Path) -> EncodedFacts:
        first = folder.with_name("replicate-0")
        if not (first / "encoded.json").exists():
            self._encode(splits, encoding, first)
        if not folder.exists():
            shutil.copytree(first, folder, copy_function=_link)
        facts = read_json(first / "encoded.json")
        return EncodedFacts(np.full(facts["windows"], encoding.context), CutShare(0.0, 0.0), facts["test_share"])

    def _encode(self, splits: TextSplits, encoding: Encoding, folder: Path) -> None:
        tokenizer = train_tokenizer(encoding.tokenizer, list(chunks(splits.texts[Split.TRAIN])), encoding.context)
        found = self._write(tokenizer, splits, encoding.context, folder)
        write_json(folder / "encoded.json", {"windows": len(found.lengths), "test_share": found.test_share})

    def encode_as(
        self, model: Path, corpus: TextCorpus, splits: TextSplits, encoding: Encoding, longest: float, folder: Path
    ) -> EncodedFacts:
        """Raises :class:`UserError` where a tokenizer from outside does not keep the text, whose bits would then be too few."""
        tokenizer = load_tokenizer(model)
        check_exact(tokenizer, splits.texts[Split.TEST], f"the tokenizer of '{folder.name}'")
        return self._write(tokenizer, splits, int(longest), folder)

    def _write(self, tokenizer: Any, splits: TextSplits, context: int, folder: Path) -> EncodedFacts:
        texts, streams = dict(splits.texts), {}
        texts[Split.VALIDATION] = spread_pieces(texts[Split.VALIDATION], VALIDATION_CHARACTERS)
        tokenizer.model_max_length = context
        tokenizer.save_pretrained(folder / "preprocessor")
        for split, text in texts.items():
            stream = encode_text(tokenizer, text, context)
            check_long_enough(stream, f"the {split} text")
            stream.save(folder / f"{split}.safetensors")
            write_text(folder / f"{split}.txt", text)
            streams[split] = stream
        return EncodedFacts(streams[Split.TRAIN].lengths, CutShare(0.0, 0.0), len(streams[Split.TEST]) / len(streams[Split.VALIDATION]))

    def share(self, corpus: TextCorpus, cache: Path) -> None:
        """Nothing: every replicate's folder holds its texts."""

    def default_batch_size(self, lengths: np.ndarray) -> int:
        """As many windows as make about 2,048 tokens, at least 4."""
        return max(4, TOKENS_PER_STEP // int(lengths[0]))

    def same_batch(self, batch_size: int, context: int, own: float) -> int:
        """As many tokens, in windows of another length."""
        return max(1, round(batch_size * context / own))

    def card(self, corpus: TextCorpus, plan: SplitPlan) -> dict[str, Any]:
        texts = plan.replicates[0].texts
        return {
            "source": corpus.source,
            "sha256": corpus.sha256,
            "counted": "bytes",
            "documents": len(corpus),
            "examples": self.counts(plan.replicates[0]),
            "overlap": repeated_lines(texts),
            "scheme": plan.scheme,
            "notes": list(corpus.notes),
        }

    def counts(self, splits: TextSplits) -> dict[str, int]:
        """Bytes of each split."""
        return {str(split): len(text.encode()) for split, text in splits.texts.items()}

    def test_examples(self, corpus: TextCorpus, splits: TextSplits) -> Sequence[str]:
        return [splits.texts[Split.TEST]]

    def typical_examples(self, corpus: TextCorpus, splits: TextSplits, lengths: np.ndarray, count: int) -> list[str]:
        return []


def _link(source: str, target: str) -> None:
    """The same file under another name; a copy on file systems that cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def check_long_enough(stream: TokenStream, what: str, fix: str = "more text, or a smaller --context") -> None:
    """Raises :class:`UserError` for a text that does not fill one window."""
    if len(stream) <= stream.context + 1:
        raise UserError(
            f"{what} has {len(stream):,} tokens",
            expected=f"more than one window of {stream.context} tokens",
            fix=fix,
        )


def repeated_lines(texts: Mapping[Split, str]) -> dict[str, float]:
    """Lines of the test, of 40 characters or more, that also stand in training or validation, and their share of its characters."""
    lines = [line for line in texts[Split.TEST].splitlines() if len(line) >= LONG_LINE]
    seen = {split: set(texts[split].splitlines()) for split in (Split.TRAIN, Split.VALIDATION)}
    counts = {split: sum(line in found for line in lines) for split, found in seen.items()}
    either = sum(len(line) for line in lines if any(line in found for found in seen.values()))
    return {
        "test_in_train": counts[Split.TRAIN],
        "test_in_validation": counts[Split.VALIDATION],
        "share_of_test": either / max(1, len(texts[Split.TEST])),
    }
