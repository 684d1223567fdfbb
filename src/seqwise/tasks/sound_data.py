"""What the tasks of sound have in common on their data side: which features a model reads, and how many recordings a step."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from seqwise.core.errors import UserError, first_line
from seqwise.data.sound import Clip, resampled
from seqwise.data.sound_files import SoundColumns
from seqwise.data.sounds import SoundCorpus, load_sounds
from seqwise.data.splits import Split, SplitPlan, Splits, make_splits
from seqwise.tasks.labelled_series import BATCHES_PER_EPOCH
from seqwise.tasks.task_data import Encoding, Request, TaskData

MEL_BINS, FRAMES_PER_STEP = 40, 3
SMALLEST_BATCH, LARGEST_BATCH = 8, 32
PREPROCESSOR = "preprocessor_config.json, as a model of sound that seqwise made has it"


class SoundData(TaskData):
    """Recordings of any length, as log-mel filter banks."""

    kind: ClassVar[str]
    """What answers are: "labels" or "texts", as :func:`~seqwise.data.sound_files.read_sounds` calls them."""
    answer: ClassVar[str]
    """The option that names their column."""

    def read(self, request: Request) -> SoundCorpus:
        for name in ("text", "target", "header", "id", "time"):
            if name != self.answer and getattr(request, name) is not None:
                raise UserError(
                    f"--{name} has no meaning for sound with {self.kind}", fix=f"leave it out; --{self.answer} names their column"
                )
        columns = SoundColumns(answer=getattr(request, self.answer), group=request.group)
        return load_sounds(request.source, self.kind, validation=request.validation, test=request.test, columns=columns)

    def split(self, corpus: SoundCorpus, *, replicates: int, seed: int) -> SplitPlan:
        return make_splits(corpus, replicates=replicates, seed=seed)

    def choose_encoding(self, corpus: SoundCorpus, splits: Splits, *, tokenizer: str, context: int | None) -> Encoding:
        """Whole recordings. Raises :class:`UserError` where a tokenizer or another length is asked for."""
        if tokenizer != "auto":
            raise UserError(f"--tokenizer {tokenizer} has no meaning for sound", fix="leave it out")
        if context is not None:
            raise UserError(f"--context {context}: recordings are read whole", fix="leave it out, or cut the recordings")
        extractor = self.extractor(corpus, self.frames_per_step(corpus, splits))
        longest = max(extractor.steps(max(len(wave), extractor.least)) for wave in corpus.waves)
        return Encoding(None, longest, {"num_input_channels": extractor.feature_size})

    def frames_per_step(self, corpus: SoundCorpus, splits: Splits) -> int:
        return FRAMES_PER_STEP

    def extractor(self, corpus: SoundCorpus, frames: int) -> Any:
        from seqwise.models.feature_extraction import SeqwiseFeatureExtractor

        return SeqwiseFeatureExtractor(sampling_rate=corpus.rate, num_mel_bins=MEL_BINS, frames_per_step=frames)

    def encoded_extractor(self, corpus: SoundCorpus, encoding: Encoding) -> Any:
        """The extractor that an encoding was chosen with."""
        return self.extractor(corpus, encoding.settings["num_input_channels"] // MEL_BINS)

    def adapted(self, model: Path, saved: Mapping[str, Any], corpus: SoundCorpus, encoding: Encoding) -> dict[str, Any]:
        """Raises :class:`UserError` for a model whose features are not those that it reads."""
        made, read = self.own_extractor(model).feature_size, saved.get("num_input_channels")
        if made != read:
            raise UserError(
                f"{model} makes features of {made} numbers, its model reads {read}",
                expected="preprocessor_config.json of the features that the model was trained with",
            )
        return {}

    def longest_as(self, context: int, given: int | None, longest: float) -> float:
        return longest

    def own_extractor(self, model: Path) -> Any:
        """That of a model from outside. Raises :class:`UserError` where it has none, or one of another kind."""
        from transformers import AutoFeatureExtractor

        from seqwise.models.feature_extraction import SeqwiseFeatureExtractor

        try:
            found = AutoFeatureExtractor.from_pretrained(model, local_files_only=True)
        except Exception as error:  # whatever a damaged or missing file makes the library raise
            raise UserError(f"the feature extractor of {model} cannot be loaded: {first_line(error)}", expected=PREPROCESSOR) from error
        if not isinstance(found, SeqwiseFeatureExtractor):
            raise UserError(f"{model} has a {type(found).__name__}", expected="a SeqwiseFeatureExtractor")
        return found

    def features(self, extractor: Any, corpus: SoundCorpus, indices: Sequence[int]) -> list[np.ndarray]:
        """(T, C) of each, at the rate of the extractor."""
        return [extractor.features(resampled(corpus.waves[i], corpus.rate, extractor.sampling_rate)) for i in indices]

    def share(self, corpus: SoundCorpus, cache: Path) -> None:
        """Nothing: baselines read what models read."""

    def default_batch_size(self, lengths: np.ndarray) -> int:
        """A power of two from 8 to 32 that makes about 16 batches of an epoch, or more."""
        wanted = len(lengths) / BATCHES_PER_EPOCH
        return int(np.clip(2 ** np.floor(np.log2(max(wanted, 1))), SMALLEST_BATCH, LARGEST_BATCH))

    def columns(self, corpus: SoundCorpus) -> dict[str, str | None]:
        return {self.answer: corpus.target_column}

    def counts(self, splits: Splits) -> dict[str, int]:
        return {str(split): len(splits.indices(split)) for split in Split}

    def test_examples(self, corpus: SoundCorpus, splits: Splits) -> Sequence[Clip]:
        return [Clip(corpus.names[i], corpus.waves[i], corpus.rate) for i in splits.test]

    def typical_examples(self, corpus: SoundCorpus, splits: Splits, lengths: np.ndarray, count: int) -> list[np.ndarray]:
        """Features, which baselines read."""
        extractor = self.extractor(corpus, FRAMES_PER_STEP)
        near = np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:count]
        return [extractor.features(corpus.waves[splits.train[i]]) for i in near]
