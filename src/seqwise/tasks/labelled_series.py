"""Series with a label each: what classification of time series reads, splits and encodes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.batching import CutShare, SequenceSet
from seqwise.data.card import data_card
from seqwise.data.readers import label_ids
from seqwise.data.series import SeriesCorpus, load_series_corpus
from seqwise.data.series_format import SeriesColumns
from seqwise.data.splits import Split, SplitPlan, Splits, make_splits
from seqwise.report import numbers
from seqwise.tasks.task_data import EncodedFacts, Encoding, Request, TaskData, check_whole

SMALLEST_BATCH, LARGEST_BATCH = 8, 64
BATCHES_PER_EPOCH = 16


class LabelledSeries(TaskData):
    examples = SequenceSet

    def read(self, request: Request) -> SeriesCorpus:
        for name in ("text", "header"):
            if getattr(request, name) is not None:
                raise UserError(f"--{name} has no meaning for series", fix="leave it out; --target names the column of the label")
        columns = SeriesColumns(id=request.id, time=request.time, target=request.target, group=request.group)
        return load_series_corpus(request.source, validation=request.validation, test=request.test, columns=columns)

    def labels(self, corpus: SeriesCorpus) -> tuple[str, ...]:
        return corpus.classes

    def split(self, corpus: SeriesCorpus, *, replicates: int, seed: int) -> SplitPlan:
        return make_splits(corpus, replicates=replicates, seed=seed)

    def choose_encoding(self, corpus: SeriesCorpus, splits: Splits, *, tokenizer: str, context: int | None) -> Encoding:
        """Whole series, the longest of any split. Raises :class:`UserError` where a tokenizer or another length is asked for."""
        if tokenizer != "auto":
            raise UserError(f"--tokenizer {tokenizer} has no meaning for series", fix="leave it out")
        if context is not None:
            raise UserError(f"--context {context}: series are read whole", fix="leave it out, or shorten the series in the file")
        settings = {"num_input_channels": len(corpus.channels), "channel_names": list(corpus.channels)}
        return Encoding(None, max(map(len, corpus.series)), settings)

    def encode(self, corpus: SeriesCorpus, splits: Splits, encoding: Encoding, folder: Path) -> EncodedFacts:
        labels, found = label_ids(corpus), {}
        for split in Split:
            indices = splits.indices(split)
            found[split] = SequenceSet.from_arrays([corpus.series[i] for i in indices], labels[indices])
            found[split].save(folder / f"{split}.safetensors")
        return EncodedFacts(found[Split.TRAIN].lengths, CutShare(0.0, 0.0), len(splits.test) / len(splits.validation))

    def adapted(self, model: Path, saved: Mapping[str, Any], corpus: SeriesCorpus, encoding: Encoding) -> dict[str, Any]:
        """Names of the channels. Raises :class:`UserError` for another number of them."""
        known = saved.get("num_input_channels")
        if known != len(corpus.channels):
            raise UserError(
                f"{corpus.source} has {numbers.plural(len(corpus.channels), 'channel')}, {model} reads {known}",
                expected="as many channels as the model was trained with",
            )
        return dict(encoding.settings)

    def longest_as(self, context: int, given: int | None, longest: float) -> float:
        return longest

    def encode_as(
        self, model: Path, corpus: SeriesCorpus, splits: Splits, encoding: Encoding, longest: float, folder: Path
    ) -> EncodedFacts:
        """As for the others: the model itself standardises its input."""
        check_whole([len(values) for values in corpus.series], longest, folder.name)
        return self.encode(corpus, splits, encoding, folder)

    def share(self, corpus: SeriesCorpus, cache: Path) -> None:
        """Nothing: baselines read what models read."""

    def default_batch_size(self, lengths: np.ndarray) -> int:
        """A power of two from 8 to 64 that makes about 16 batches of an epoch."""
        wanted = len(lengths) / BATCHES_PER_EPOCH
        return int(np.clip(2 ** np.floor(np.log2(max(wanted, 1))), SMALLEST_BATCH, LARGEST_BATCH))

    def card(self, corpus: SeriesCorpus, plan: SplitPlan) -> dict[str, Any]:
        return data_card(corpus, plan) | {"length_in": "steps", "channels": list(corpus.channels), "counted": "series"}

    def columns(self, corpus: SeriesCorpus) -> dict[str, str | None]:
        return {"target": corpus.target_column}

    def counts(self, splits: Splits) -> dict[str, int]:
        return {str(split): len(splits.indices(split)) for split in Split}

    def test_examples(self, corpus: SeriesCorpus, splits: Splits) -> Sequence[np.ndarray]:
        return [corpus.series[i] for i in splits.test]

    def typical_examples(self, corpus: SeriesCorpus, splits: Splits, lengths: np.ndarray, count: int) -> list[np.ndarray]:
        near = np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:count]
        return [corpus.series[splits.train[i]] for i in near]
