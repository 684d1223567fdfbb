"""The baseline that embarrasses a classifier of sound: a linear model of means and standard deviations over time."""

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from seqwise.data.series_format import mean_and_spread
from seqwise.tasks.class_baselines import temperature
from seqwise.tasks.series_baselines import load_tensors, save_tensors

PREPROCESSOR = "preprocessor_config.json"


class MeanFeatures:
    """Logistic regression on the mean and the standard deviation over time of every feature; C is chosen on validation."""

    COSTS = (0.01, 0.1, 1.0, 10.0)

    def __init__(self, tensors: dict[str, np.ndarray], preprocessor: Path | None = None):
        self.tensors, self.preprocessor = tensors, preprocessor

    @classmethod
    def fit(
        cls, examples: Sequence[np.ndarray], labels: np.ndarray, validation: tuple[Sequence[np.ndarray], np.ndarray], classes: int
    ) -> Self:
        rows, held = summaries(examples), summaries(validation[0])
        mean, std = mean_and_spread(rows)
        tried = [cls(_fitted((rows - mean) / std, labels, cost, classes) | {"mean": mean, "std": std}) for cost in cls.COSTS]
        right = [(model._margins(held).argmax(1) == validation[1]).mean() for model in tried]
        best = tried[int(np.argmax(right))]
        best.tensors["temperature"] = np.array([temperature(best._margins(held), validation[1])])
        return best

    def _margins(self, rows: np.ndarray) -> np.ndarray:
        return (rows - self.tensors["mean"]) / self.tensors["std"] @ self.tensors["weights"] + self.tensors["bias"]

    def predict(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        from scipy.special import softmax

        if not len(examples):
            return np.zeros((0, len(self.tensors["bias"])), np.float32)
        return softmax(self._margins(summaries(examples)) / self.tensors["temperature"], axis=1).astype(np.float32)

    def parameters(self) -> int:
        return int(self.tensors["weights"].size + self.tensors["bias"].size)

    def save(self, folder: Path) -> None:
        """With the settings of the features that it reads."""
        save_tensors(self.tensors, folder)
        if self.preprocessor is not None:
            shutil.copyfile(self.preprocessor / PREPROCESSOR, folder / PREPROCESSOR)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_tensors(folder), folder)


def summaries(examples: Sequence[np.ndarray]) -> np.ndarray:
    """(N, 2 C) of features (T, C): means, then standard deviations."""
    return np.stack([np.concatenate([values.mean(axis=0), values.std(axis=0)]) for values in examples]).astype(np.float64)


def _fitted(rows: np.ndarray, labels: np.ndarray, cost: float, classes: int) -> dict[str, np.ndarray]:
    """Weights (2 C, classes) and bias; a class absent from training scores lowest."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=cost, max_iter=300).fit(rows, labels)
    weights, bias = np.zeros((rows.shape[1], classes)), np.full(classes, -1e3)
    own, offset = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        own, offset = np.concatenate([-own, own]) / 2, np.concatenate([-offset, offset]) / 2
    weights[:, model.classes_], bias[model.classes_] = own.T, offset
    return {"weights": weights, "bias": bias}
