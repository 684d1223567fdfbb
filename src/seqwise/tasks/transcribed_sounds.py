"""Recordings with transcripts: what recognition of speech reads, splits and encodes."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.batching import CutShare
from seqwise.data.card import duplicates, overlap
from seqwise.data.sounds import SoundCorpus
from seqwise.data.speech_set import FIRST_CHARACTER, SpeechSet
from seqwise.data.splits import Split, SplitPlan, Splits
from seqwise.models.external import load_tokenizer
from seqwise.tasks.sound_data import FRAMES_PER_STEP, SoundData
from seqwise.tasks.task_data import EncodedFacts, Encoding, Request, check_whole

FITTING, LEAST_FITTING = 0.99, 0.5
"""Share of the recordings whose transcripts must fit into their steps: for our models, and for one with steps of its own."""
FASTEST = 100.0
"""Characters per second that no step is short enough for."""


class TranscribedSounds(SoundData):
    examples = SpeechSet
    kind = "texts"
    answer = "text"

    def read(self, request: Request) -> SoundCorpus:
        """Raises :class:`UserError` also for a transcript that cannot be that of its recording, which is too short."""
        corpus = super().read(request)
        check_rates(corpus)
        return corpus

    def choose_encoding(self, corpus: SoundCorpus, splits: Splits, *, tokenizer: str, context: int | None) -> Encoding:
        found = super().choose_encoding(corpus, splits, tokenizer=tokenizer, context=context)
        return Encoding(None, found.context, found.settings, answer_tokens=len(corpus.characters) + FIRST_CHARACTER)

    def frames_per_step(self, corpus: SoundCorpus, splits: Splits) -> int:
        """The most, up to three, with which nearly every training transcript fits: CTC writes at most one character a step."""
        wanted = np.array([steps_needed(corpus.answers[i]) for i in splits.train])
        for frames in range(FRAMES_PER_STEP, 1, -1):
            extractor = self.extractor(corpus, frames)
            if np.mean([extractor.steps(len(corpus.waves[i])) for i in splits.train] >= wanted) >= FITTING:
                return frames
        return 1

    def encode(self, corpus: SoundCorpus, splits: Splits, encoding: Encoding, folder: Path) -> EncodedFacts:
        return self._write(self.encoded_extractor(corpus, encoding), corpus.characters, corpus, splits, folder)

    def adapted(self, model: Path, saved: Mapping[str, Any], corpus: SoundCorpus, encoding: Encoding) -> dict[str, Any]:
        """The size of another vocabulary, where the model does not know all of the characters.

        Raises :class:`UserError` also for a model whose steps are too long for most of the transcripts.
        """
        found, extractor = super().adapted(model, saved, corpus, encoding), self.own_extractor(model)
        lengths = [len(wave) * extractor.sampling_rate // corpus.rate for wave in corpus.waves]
        fits = [extractor.steps(length) >= steps_needed(text) for length, text in zip(lengths, corpus.answers, strict=True)]
        if np.mean(fits) < LEAST_FITTING:
            raise UserError(
                f"a step of {model} is {extractor.frames_per_step * extractor.frame_shift:.0f} milliseconds, which is too long for"
                f" {len(fits) - sum(fits)} of {len(fits)} transcripts",
                expected="a character a step at most",
                fix="a model with shorter steps",
            )
        known = set(corpus.characters) <= set(own_characters(model))
        return found | ({} if known else {"vocab_size": len(corpus.characters) + FIRST_CHARACTER})

    def encode_as(self, model: Path, corpus: SoundCorpus, splits: Splits, encoding: Encoding, longest: float, folder: Path) -> EncodedFacts:
        """With the model's own characters where it knows all that are needed, and so keeps its head."""
        own = own_characters(model)
        characters = own if set(corpus.characters) <= set(own) else corpus.characters
        return self._write(self.own_extractor(model), characters, corpus, splits, folder, longest)

    def _write(
        self, extractor: Any, characters: Sequence[str], corpus: SoundCorpus, splits: Splits, folder: Path, longest: float = math.inf
    ) -> EncodedFacts:
        from seqwise.models.speech_processor import SeqwiseProcessor, character_tokenizer

        found, place = {}, folder / "preprocessor"
        SeqwiseProcessor(extractor, character_tokenizer(characters, place)).save_pretrained(place)
        extractor.save_pretrained(place)
        for split in Split:
            indices = splits.indices(split)
            features = self.features(extractor, corpus, indices)
            found[split] = SpeechSet.of(features, [corpus.answers[i] for i in indices], characters)
            check_whole(found[split].lengths, longest, folder.name)
            found[split].save(folder / f"{split}.safetensors")
        return EncodedFacts(found[Split.TRAIN].lengths, CutShare(0.0, 0.0), len(splits.test) / len(splits.validation))

    def card(self, corpus: SoundCorpus, plan: SplitPlan) -> dict[str, Any]:
        splits = plan.replicates[0]
        frames = self.frames_per_step(corpus, splits)
        extractor = self.extractor(corpus, frames)
        late = sum(extractor.steps(len(corpus.waves[i])) < steps_needed(corpus.answers[i]) for i in splits.train)
        notes = [f"a step is {frames * 10} milliseconds; the transcripts have {len(corpus.characters)} kinds of characters"]
        notes += [f"{late} training recordings have too few steps for their transcript and teach nothing"] if late else []
        return {
            "source": corpus.source,
            "sha256": corpus.sha256,
            "target_column": corpus.target_column,
            "examples": {"total": len(corpus)} | self.counts(splits),
            "duplicates": duplicates(corpus.keys, corpus.answers),
            "overlap": overlap(np.array(corpus.keys, object), plan),
            "scheme": plan.scheme,
            "length_in": "steps",
            "counted": "recordings",
            "characters": "".join(corpus.characters),
            "notes": [*corpus.notes, *notes],
        }


def own_characters(model: Path) -> tuple[str, ...]:
    """Of a model from outside. Raises :class:`UserError` where its tokenizer cannot be loaded."""
    from seqwise.models.speech_processor import characters_of

    return characters_of(load_tokenizer(model, fast=False))


def steps_needed(text: str) -> int:
    """Steps that CTC needs for a text: one a character, and a blank between equal neighbours."""
    return len(text) + sum(a == b for a, b in itertools.pairwise(text))


def check_rates(corpus: SoundCorpus) -> None:
    for name, wave, text in zip(corpus.names, corpus.waves, corpus.answers, strict=True):
        seconds = len(wave) / corpus.rate
        if steps_needed(text) > max(1.0, FASTEST * seconds):
            raise UserError(
                f"{corpus.source}: {name} lasts {seconds:.2f} s, and its transcript has {len(text)} characters",
                expected=f"at most {FASTEST:.0f} characters per second",
                fix="check the transcript, or take the row out",
            )
