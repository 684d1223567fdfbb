"""Which of C labels a recording carries."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.registry import Registry
from seqwise.data.sound import Clip
from seqwise.tasks.audio_baselines import MeanFeatures
from seqwise.tasks.classification import class_results
from seqwise.tasks.labelled_sounds import LabelledSounds
from seqwise.tasks.series_classification import TimeSeriesClassification
from seqwise.tasks.spectrograms import spectrogram
from seqwise.tasks.task import FittedBaseline, Told

LEAST_STEPS = 1000
SHOWN_PER_CLASS, SHOWN_MISTAKES, SHOWN_CLASSES = 3, 6, 12


class AudioClassification(TimeSeriesClassification):
    """Hugging Face's ``audio-classification``: a series of log-mel filter banks, standardised by the training part."""

    tag = "audio-classification"
    unit = "recording"
    baselines = Registry(
        "baseline",
        {"majority": "seqwise.tasks.class_baselines:Majority", "mean-features": "seqwise.tasks.audio_baselines:MeanFeatures"},
    )
    data = LabelledSounds()
    auto_class = "AutoModelForAudioClassification"
    dropout = (0.0, 0.4)
    token_dropout = 0.5
    most_epochs = 150.0
    rules = ("same log-mel features, standardisation and pooling",)

    @property
    def model_class(self) -> Any:
        from seqwise.models.heads import SeqwiseForAudioClassification

        return SeqwiseForAudioClassification

    def wanted_epochs(self, parameters: int, tokens: int, per_epoch: int) -> float:
        return max(5.0, LEAST_STEPS / per_epoch)

    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        found = super().fit_baseline(name, cache, folder, classes)
        if isinstance(found.model, MeanFeatures):
            found.model.preprocessor = folder / "preprocessor"
        return found

    def results(self, told: Told) -> dict[str, Any]:
        """Confusion matrix and figures per class of the best model, recordings of every class, and real mistakes."""
        outputs = told.outputs[told.best]
        found = class_results(outputs, told.truth, told.labels)
        if told.examples is None:
            return found | {"examples": None, "mistakes": None}
        return found | {
            "examples": _examples(told.examples, told.truth, told.labels),
            "mistakes": _mistakes(outputs, told.examples, told.truth, told.labels),
        }


def _examples(clips: Sequence[Clip], truth: np.ndarray, names: tuple[str, ...]) -> list[dict[str, Any]]:
    found = []
    for label, name in list(enumerate(names))[:SHOWN_CLASSES]:
        chosen = np.flatnonzero(truth == label)[:SHOWN_PER_CLASS]
        found.append({"label": name, "recordings": [spectrogram(clips[i]) for i in chosen]})
    return found


def _mistakes(outputs: np.ndarray, clips: Sequence[Clip], truth: np.ndarray, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Those that the model was most sure of."""
    answers, confidence = outputs.argmax(1), outputs.max(1)
    wrong = np.flatnonzero(answers != truth)
    return [
        {"truth": names[truth[i]], "predicted": names[answers[i]], "confidence": float(confidence[i])} | spectrogram(clips[i])
        for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN_MISTAKES]
    ]
