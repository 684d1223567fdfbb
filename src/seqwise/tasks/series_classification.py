"""Which of C labels a series carries."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqwise.core.registry import Registry
from seqwise.data.batching import SequenceSet
from seqwise.data.series_format import mean_and_spread
from seqwise.data.splits import Split
from seqwise.models.external import longest_input
from seqwise.tasks.classification import Classification, class_results
from seqwise.tasks.labelled_series import LabelledSeries
from seqwise.tasks.task import FittedBaseline, Told

LEAST_STEPS = 600
"""Of training: what a handful of series needs, whose epochs are a few steps each."""
SHOWN_PER_CLASS, SHOWN_MISTAKES, SHOWN_CLASSES, SHOWN_CHANNELS, SHOWN_STEPS = 3, 6, 12, 3, 200


class TimeSeriesClassification(Classification):
    """Series of any length with one or several channels, standardised per channel by the training part."""

    tag = "time-series-classification"
    unit = "series"
    baselines = Registry(
        "baseline",
        {
            "majority": "seqwise.tasks.class_baselines:Majority",
            "nearest-neighbour": "seqwise.tasks.series_baselines:NearestNeighbour",
            "random-convolutions": "seqwise.tasks.series_baselines:RandomConvolutions",
        },
    )
    data = LabelledSeries()
    dropout = (0.0, 0.4)
    token_dropout = 0.0
    most_epochs = 1500.0
    rules = ("same standardisation of the channels and pooling",)

    def input_settings(self, train: SequenceSet) -> dict[str, Any]:
        """Mean and standard deviation of every channel; 1 for a channel that never changes."""
        mean, std = mean_and_spread(train.flat)
        return {"input_mean": mean.tolist(), "input_std": std.tolist()}

    def wanted_epochs(self, parameters: int, tokens: int, per_epoch: int) -> float:
        return max(5.0, LEAST_STEPS / per_epoch)

    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        parts = {split: SequenceSet.load(folder / f"{split}.safetensors") for split in Split}
        series = {split: [part.example(i) for i in range(len(part))] for split, part in parts.items()}
        train, held, test = (parts[split].labels for split in Split)
        model = self.baselines[name].fit(series[Split.TRAIN], train, (series[Split.VALIDATION], held), classes)
        validation = self.metrics(model.predict(series[Split.VALIDATION]), held)
        return FittedBaseline(model, validation, model.predict(series[Split.TEST]), test)

    def answer(self, model: nn.Module, length: int) -> Callable[[], Any] | None:
        if length > longest_input(model.config):
            return None
        values = torch.zeros(1, length, model.config.num_input_channels)
        mask = torch.ones(1, length, dtype=torch.long)
        return lambda: model(input_features=values, attention_mask=mask)

    def baseline_answer(self, model: Any, example: np.ndarray) -> Callable[[], Any]:
        return lambda: model.predict([example])

    def results(self, told: Told) -> dict[str, Any]:
        """Confusion matrix and figures per class of the best model, series of every class, and real mistakes."""
        outputs = told.outputs[told.best]
        found = class_results(outputs, told.truth, told.labels)
        if told.examples is None:
            return found | {"channels": [], "examples": None, "mistakes": None}
        shown = most_varied(told.examples)
        return found | {
            "channels": shown.tolist(),
            "examples": _examples(told.examples, told.truth, told.labels, shown),
            "mistakes": _mistakes(outputs, told.examples, told.truth, told.labels, shown),
        }


def most_varied(series: Sequence[np.ndarray]) -> np.ndarray:
    """Which channels are drawn: at most 3, those with the largest spread, in their order."""
    spread = np.concatenate(list(series)).std(axis=0, dtype=np.float64)
    return np.sort(np.argsort(-spread, kind="stable")[:SHOWN_CHANNELS])


def drawn(values: np.ndarray, channels: np.ndarray) -> dict[str, Any]:
    """A series as a drawing needs it: some channels, at most 200 steps, and how many steps it has."""
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), SHOWN_STEPS)).astype(int))
    return {
        "steps": places.tolist(),
        "values": np.round(values[places][:, channels].astype(float).T, 5).tolist(),
        "length": len(values),
    }


def _examples(series: Sequence[np.ndarray], truth: np.ndarray, names: tuple[str, ...], channels: np.ndarray) -> list[dict[str, Any]]:
    found = []
    for label, name in list(enumerate(names))[:SHOWN_CLASSES]:
        chosen = np.flatnonzero(truth == label)[:SHOWN_PER_CLASS]
        found.append({"label": name, "series": [drawn(series[i], channels) for i in chosen]})
    return found


def _mistakes(
    outputs: np.ndarray, series: Sequence[np.ndarray], truth: np.ndarray, names: tuple[str, ...], channels: np.ndarray
) -> list[Mapping[str, Any]]:
    """Those that the model was most sure of."""
    answers, confidence = outputs.argmax(1), outputs.max(1)
    wrong = np.flatnonzero(answers != truth)
    return [
        {"truth": names[truth[i]], "predicted": names[answers[i]], "confidence": float(confidence[i])} | drawn(series[i], channels)
        for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN_MISTAKES]
    ]
