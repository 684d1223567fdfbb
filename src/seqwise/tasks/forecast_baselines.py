"""Forecasts that take no network: the last value, the last season, and ridge regression on the past."""

import abc
import shutil
from pathlib import Path
from typing import Self

import numpy as np

from seqwise.data.windows import QUANTILE_LEVELS, WindowSet
from seqwise.tasks.series_baselines import load_tensors, save_tensors
from seqwise.tasks.series_panels import ABOUT, repeated, series_facts

MOST_ROWS = 100_000
"""Windows that are fitted on; beyond it they are taken evenly."""
ALPHAS = np.logspace(-2, 4, 7)
LEAST_SPREAD = 1e-6


class Naive(abc.ABC):
    """A point forecast, its own median, with quantiles as far from it as errors on validation were, in units of the past's own spread.

    Args:
        tensors: ``errors`` (H, Q), ``lengths`` (2,): values read and foretold, and what the forecast itself takes.
        about: the file that says of which series the training data were.
    """

    def __init__(self, tensors: dict[str, np.ndarray], about: Path):
        self.tensors, self.about = tensors, about

    @property
    def context(self) -> int:
        return int(self.tensors["lengths"][0])

    @classmethod
    def fit(cls, train: WindowSet, validation: WindowSet, preprocessor: Path) -> Self:
        about = preprocessor / ABOUT
        lengths = np.array([train.context, train.horizon])
        model = cls({"lengths": lengths, **cls.learned(train, validation, series_facts(about)["season"])}, about)
        rows = spread_rows(len(validation))
        past = validation.pasts(rows).astype(np.float64)
        missed = np.abs(validation.futures(rows) - model.points(past)) / spreads(past)
        reach = [np.sign(level - 0.5) * np.quantile(missed, abs(2 * level - 1), axis=0) for level in QUANTILE_LEVELS]
        model.tensors["errors"] = np.stack(reach, axis=1)
        return model

    @classmethod
    def learned(cls, train: WindowSet, validation: WindowSet, season: int) -> dict[str, np.ndarray]:
        return {"season": np.array([season])}

    @abc.abstractmethod
    def points(self, past: np.ndarray) -> np.ndarray:
        """(B, T) to (B, H)."""

    def predict(self, past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, T) values in any unit to their mean (B, H) and quantiles (B, H, Q)."""
        past = past.astype(np.float64)
        points = self.points(past)
        return points, points[..., None] + spreads(past)[..., None] * self.tensors["errors"]

    def parameters(self) -> int:
        return int(self.tensors["errors"].size)

    def save(self, folder: Path) -> None:
        save_tensors(self.tensors, folder)
        shutil.copyfile(self.about, folder / ABOUT)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_tensors(folder), folder / ABOUT)


class RepeatLast(Naive):
    """The last value, for ever."""

    def points(self, past: np.ndarray) -> np.ndarray:
        return np.repeat(past[:, -1:], int(self.tensors["lengths"][1]), axis=1)


class SeasonalNaive(Naive):
    """The value of the same place in the last season; the last value where there is no season, or the past is shorter."""

    def points(self, past: np.ndarray) -> np.ndarray:
        _, horizon = map(int, self.tensors["lengths"])
        return past[:, repeated(past.shape[1], horizon, int(self.tensors["season"][0]))]


class Ridge(Naive):
    """Every step ahead by ridge regression on all values of the past, relative to the last one, with one set of weights for all series.

    The linear models that Zeng et al. (2022, arXiv:2205.13504) held against Transformers, in closed form. The penalty is the one of
    seven that does best on validation.
    """

    @classmethod
    def learned(cls, train: WindowSet, validation: WindowSet, season: int) -> dict[str, np.ndarray]:
        rows, held = spread_rows(len(train)), spread_rows(len(validation))
        past, future = train.pasts(rows).astype(np.float64), train.futures(rows)
        inputs, targets = past - past[:, -1:], future - past[:, -1:]
        covariance, products = inputs.T @ inputs, inputs.T @ targets
        size = np.trace(covariance) / len(covariance) or 1.0
        tried = [np.linalg.solve(covariance + alpha / len(rows) * size * np.eye(len(covariance)), products) for alpha in ALPHAS]
        known = validation.pasts(held).astype(np.float64)
        truth = validation.futures(held) - known[:, -1:]
        losses = [float(np.mean(((known - known[:, -1:]) @ weights - truth) ** 2)) for weights in tried]
        return {"weights": tried[int(np.argmin(losses))]}

    def points(self, past: np.ndarray) -> np.ndarray:
        return (past - past[:, -1:]) @ self.tensors["weights"] + past[:, -1:]

    def parameters(self) -> int:
        return int(self.tensors["errors"].size + self.tensors["weights"].size)


def spread_rows(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_ROWS)).astype(int))


def spreads(past: np.ndarray) -> np.ndarray:
    """Standard deviation (B, 1) of each past (B, T); 1 where it never changes."""
    found = past.std(axis=1, keepdims=True)
    return np.where(found > LEAST_SPREAD * np.abs(past.mean(axis=1, keepdims=True)), found, 1.0)
