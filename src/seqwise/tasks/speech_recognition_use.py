"""Recordings in, transcripts out."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.data.sound_files import SoundColumns, read_sounds
from seqwise.data.speech_set import SpeechSet
from seqwise.tasks.audio_classification_use import Sound, asked_sounds, check_lengths, features
from seqwise.tasks.task_data import Request
from seqwise.tasks.use import Asked, Evaluated, Use


@dataclasses.dataclass(frozen=True)
class SpeechRecogniser(Use):
    """Transcripts of sounds.

    Args:
        outputs: from sounds and what was said in them to what the task's metrics take.
    """

    task: ClassVar[str] = "automatic-speech-recognition"
    options: ClassVar[frozenset[str]] = frozenset({"text"})
    name: str
    outputs: Callable[[Sequence[Sound], Sequence[str]], np.ndarray]

    @classmethod
    def of_model(cls, model: Any, preprocessor: Any, name: str) -> Self:
        return cls(name, lambda sounds, said: answered(model, preprocessor, sounds, said))

    @classmethod
    def of_baseline(cls, model: Any, about: dict[str, Any], name: str) -> Self:
        from seqwise.tasks.transcripts import outputs_of

        return cls(name, lambda sounds, said: outputs_of(said, model.predict(sounds)))

    def read(self, request: Request) -> Asked:
        return asked_sounds(request, "texts")

    def answers(self, examples: Sequence[Sound]) -> list[dict[str, Any]]:
        """``{"text"}`` for each example."""
        from seqwise.tasks.transcripts import heard_of

        return [{"text": text} for text in heard_of(self.outputs(examples, ["?"] * len(examples)))] if len(examples) else []

    def evaluate(self, request: Request) -> Evaluated:
        file = read_sounds(request.source, "texts", SoundColumns(answer=request.text))
        truth = SpeechSet.of([np.zeros((1, 1), np.float32)] * len(file.clips), file.answers, "").truth
        return Evaluated(self.outputs(file.clips, file.answers), truth, len(file.clips), "recordings")


def answered(model: Any, processor: Any, sounds: Sequence[Sound], said: Sequence[str]) -> np.ndarray:
    """See :func:`~seqwise.tasks.transcripts.outputs_of`."""
    from seqwise.models.speech_processor import characters_of
    from seqwise.tasks.speech_recognition import SpeechRecognition

    rows = features(processor.feature_extractor, sounds)
    check_lengths(rows, model)
    return SpeechRecognition().outputs(model, SpeechSet.of(rows, said, characters_of(processor.tokenizer)))
