"""Forecasts that take no network: the last value, the last season, and ridge regression on the past."""

import abc
import shutil
from pathlib import Path
from typing import Self

import numpy as np

from seqwise.data.windows import QUANTILE_LEVELS, WindowSet, spread_of
from seqwise.tasks.series_baselines import load_tensors, save_tensors
from seqwise.tasks.series_panels import ABOUT, repeated, series_facts

MOST_ROWS = 100_000
"""Windows that are fitted on; beyond it they are taken evenly."""
ALPHAS = np.logspace(-2, 4, 7)
ROWS_AT_ONCE = 4096


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
        center, spread, past = scaled(validation.pasts(rows))
        missed = np.abs((validation.futures(rows) - center) / np.where(spread > 0, spread, 1) - model.points(past))[spread[:, 0] > 0]
        missed = missed if len(missed) else np.zeros((1, train.horizon))
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
        center, spread, past = scaled(past)
        points = self.points(past)
        quantiles = points[..., None] + self.tensors["errors"]
        return points * spread + center, quantiles * spread[..., None] + center[..., None]

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
        covariance, products = np.zeros((train.context, train.context)), np.zeros((train.context, train.horizon))
        rows = spread_rows(len(train))
        for part in np.array_split(rows, -(-len(rows) // ROWS_AT_ONCE)):
            last = train.pasts(part)[:, -1:].astype(np.float64)
            inputs = train.pasts(part) - last
            covariance += inputs.T @ inputs
            products += inputs.T @ (train.futures(part) - last)
        penalty = (np.trace(covariance) / len(covariance) or 1.0) / len(rows) * np.eye(len(covariance))
        tried = [np.linalg.solve(covariance + alpha * penalty, products) for alpha in ALPHAS]
        held = spread_rows(len(validation))
        last = validation.pasts(held)[:, -1:].astype(np.float64)
        known, truth = validation.pasts(held) - last, validation.futures(held) - last
        losses = [float(np.mean((known @ weights - truth) ** 2)) for weights in tried]
        return {"weights": tried[int(np.argmin(losses))]}

    def points(self, past: np.ndarray) -> np.ndarray:
        return (past - past[:, -1:]) @ self.tensors["weights"] + past[:, -1:]

    def parameters(self) -> int:
        return int(self.tensors["errors"].size + self.tensors["weights"].size)


def spread_rows(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_ROWS)).astype(int))


def scaled(past: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and spread (B, 1) of each past (B, T), and the past centred and scaled by them, float64; a spread of 0 scales nothing."""
    past = past.astype(np.float64)
    center, spread = past.mean(axis=1, keepdims=True), spread_of(past)
    return center, spread, (past - center) / np.where(spread > 0, spread, 1.0)
