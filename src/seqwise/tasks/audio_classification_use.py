"""Recordings in, labels out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.sound import Clip, read_sound
from seqwise.data.sound_files import SoundColumns, read_sounds
from seqwise.tasks.task_data import Request
from seqwise.tasks.use import Asked, ClassifierUse, Evaluated, labels_of

Sound = Clip | str | Path | np.ndarray
"""A clip, the path of a sound file, or samples (n,) at the model's own rate."""


class AudioClassifier(ClassifierUse):
    task: ClassVar[str] = "audio-classification"
    options: ClassVar[frozenset[str]] = frozenset({"target"})

    @classmethod
    def of_model(cls, model: Any, preprocessor: Any, name: str) -> Self:
        return cls(name, labels_of(model), lambda sounds: probabilities(model, preprocessor, sounds))

    @classmethod
    def of_baseline(cls, model: Any, about: dict[str, Any], name: str) -> Self:
        place = getattr(model, "preprocessor", None)
        if place is None:
            return cls(name, tuple(about["labels"]), lambda sounds: model.predict(list(sounds)))
        from transformers import AutoFeatureExtractor

        extractor = AutoFeatureExtractor.from_pretrained(place, local_files_only=True)
        return cls(name, tuple(about["labels"]), lambda sounds: model.predict(features(extractor, sounds)))

    def read(self, request: Request) -> Asked:
        return asked_sounds(request, "labels")

    def evaluate(self, request: Request) -> Evaluated:
        file = read_sounds(request.source, "labels", SoundColumns(answer=request.target))
        return self.scored(file.clips, file.answers, request.source)


def asked_sounds(request: Request, kind: str) -> Asked:
    """A sound file, those of a folder or those of a manifest, with or without answers. Raises :class:`UserError`."""
    if not Path(request.source).exists() and not request.source.startswith("demo:"):
        raise UserError(f"there is no file {request.source}", expected="a sound file, a folder of them, or a manifest that names them")
    file = read_sounds(request.source, kind, SoundColumns(), answered=False)
    return Asked(file.clips, [{"file": clip.name} for clip in file.clips])


def features(extractor: Any, sounds: Sequence[Sound]) -> list[np.ndarray]:
    """(T, C) of each. Raises :class:`UserError` for samples with more than one dimension."""
    found = []
    for number, sound in enumerate(sounds, 1):
        if isinstance(sound, str | Path):
            sound = read_sound(Path(sound))
        wave = sound.at(extractor.sampling_rate) if isinstance(sound, Clip) else np.asarray(sound)
        if wave.ndim != 1:
            raise UserError(f"recording {number} has the shape {wave.shape}", expected=f"(samples,) at {extractor.sampling_rate} Hz")
        found.append(extractor.features(wave))
    return found


def check_lengths(rows: Sequence[np.ndarray], model: Any) -> None:
    """Raises :class:`UserError` for a recording longer than a table of learned positions."""
    from seqwise.models.external import longest_input

    longest = longest_input(model.config)
    for number, row in enumerate(rows, 1):
        if len(row) > longest:
            raise UserError(f"recording {number} has {len(row)} steps", expected=f"at most {longest:.0f}, with this model", fix="cut it")


def probabilities(model: Any, extractor: Any, sounds: Sequence[Sound]) -> np.ndarray:
    """(U, C)."""
    from seqwise.data.batching import SequenceSet
    from seqwise.tasks.audio_classification import AudioClassification

    rows = features(extractor, sounds)
    check_lengths(rows, model)
    return AudioClassification().outputs(model, SequenceSet.from_arrays(rows, [0] * len(rows)))
