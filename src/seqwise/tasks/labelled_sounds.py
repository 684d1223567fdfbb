"""Recordings with a label each: what classification of sound reads, splits and encodes."""

import math
from pathlib import Path
from typing import Any

from seqwise.data.batching import CutShare, SequenceSet
from seqwise.data.card import data_card
from seqwise.data.readers import label_ids
from seqwise.data.sounds import SoundCorpus
from seqwise.data.splits import Split, SplitPlan, Splits
from seqwise.tasks.sound_data import SoundData
from seqwise.tasks.task_data import EncodedFacts, Encoding, check_whole


class LabelledSounds(SoundData):
    examples = SequenceSet
    kind = "labels"
    answer = "target"

    def labels(self, corpus: SoundCorpus) -> tuple[str, ...]:
        return corpus.classes

    def encode(self, corpus: SoundCorpus, splits: Splits, encoding: Encoding, folder: Path) -> EncodedFacts:
        return self._write(self.encoded_extractor(corpus, encoding), corpus, splits, folder)

    def encode_as(self, model: Path, corpus: SoundCorpus, splits: Splits, encoding: Encoding, longest: float, folder: Path) -> EncodedFacts:
        return self._write(self.own_extractor(model), corpus, splits, folder, longest)

    def _write(self, extractor: Any, corpus: SoundCorpus, splits: Splits, folder: Path, longest: float = math.inf) -> EncodedFacts:
        labels, found = label_ids(corpus), {}
        extractor.save_pretrained(folder / "preprocessor")
        for split in Split:
            indices = splits.indices(split)
            found[split] = SequenceSet.from_arrays(self.features(extractor, corpus, indices), labels[indices])
            check_whole(found[split].lengths, longest, folder.name)
            found[split].save(folder / f"{split}.safetensors")
        return EncodedFacts(found[Split.TRAIN].lengths, CutShare(0.0, 0.0), len(splits.test) / len(splits.validation))

    def card(self, corpus: SoundCorpus, plan: SplitPlan) -> dict[str, Any]:
        return data_card(corpus, plan) | {"length_in": "steps", "counted": "recordings"}
