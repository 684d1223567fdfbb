"""Baselines that embarrass a classifier of series: the nearest neighbour, and a linear model of random convolutions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from seqwise.data.series_format import CONSTANT, mean_and_spread
from seqwise.tasks.class_baselines import temperature

LEAST_SURE = 1e-3


def of_length(series: Sequence[np.ndarray], length: int) -> np.ndarray:
    """(N, C, length), float32; a series of another length is stretched or shortened linearly."""
    grid = np.linspace(0, 1, length)
    rows = []
    for values in series:
        if len(values) == length:
            rows.append(values.T)
        else:
            own = np.linspace(0, 1, len(values))
            rows.append(np.stack([np.interp(grid, own, channel) for channel in values.T]))
    return np.stack(rows).astype(np.float32)


def usual_length(series: Sequence[np.ndarray]) -> int:
    return int(np.median([len(values) for values in series]))


def spread_of_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (C,) of the channels of (N, C, T)."""
    return mean_and_spread(rows.transpose(0, 2, 1).reshape(-1, rows.shape[1]))


def standardised(rows: np.ndarray, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """(N, C, T) by the ``mean`` and ``std`` (C,) of a fitted baseline."""
    return (rows - tensors["mean"][:, None]) / tensors["std"][:, None]


class NearestNeighbour:
    """The label of the training series with the smallest Euclidean distance.

    Values are taken as they are, with each channel standardised by the training part, or by its own series: what does best on
    validation, the first among equals. How sure it is follows from how often it was right there.
    """

    SCALINGS = ("none", "training part", "own series")

    def __init__(self, tensors: dict[str, np.ndarray]):
        self.tensors = tensors

    @classmethod
    def fit(
        cls, examples: Sequence[np.ndarray], labels: np.ndarray, validation: tuple[Sequence[np.ndarray], np.ndarray], classes: int
    ) -> Self:
        series = of_length(examples, usual_length(examples))
        mean, std = spread_of_rows(series)
        known = {"series": series, "labels": labels, "mean": mean, "std": std}
        tried = [cls(known | {"numbers": np.array([1.0, classes, scaling])}) for scaling in range(len(cls.SCALINGS))]
        right = [int((model._nearest(validation[0]) == validation[1]).sum()) for model in tried]
        best = tried[int(np.argmax(right))]
        best.tensors["numbers"][0] = (max(right) + 1) / (len(validation[1]) + 2)
        return best

    def _nearest(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        from sklearn.neighbors import KNeighborsClassifier

        known = self.tensors["series"]
        if not len(examples):
            return np.zeros(0, np.int64)
        own, other = (self._scaled(rows).reshape(len(rows), -1) for rows in (known, of_length(examples, known.shape[2])))
        return KNeighborsClassifier(1).fit(own, self.tensors["labels"]).predict(other)

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        """(N, C, T) to the same."""
        scaling = self.SCALINGS[int(self.tensors["numbers"][2])]
        if scaling == "none":
            return rows
        if scaling == "training part":
            return standardised(rows, self.tensors)
        mean, std = rows.mean(axis=2, keepdims=True, dtype=np.float64), rows.std(axis=2, keepdims=True, dtype=np.float64)
        return (rows - mean) / np.where(std > CONSTANT * np.abs(mean), std, 1.0)

    def predict(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        sure, classes = float(self.tensors["numbers"][0]), int(self.tensors["numbers"][1])
        sure = max(sure, 1 / classes + LEAST_SURE)  # the answer stays the neighbour's, however unsure
        rows = np.full((len(examples), classes), (1 - sure) / max(1, classes - 1), dtype=np.float32)
        rows[np.arange(len(examples)), self._nearest(examples)] = sure
        return rows

    def parameters(self) -> int:
        return int(self.tensors["series"].size)

    def save(self, folder: Path) -> None:
        save_tensors(self.tensors, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_tensors(folder))


class RandomConvolutions:
    """Ridge regression on the maxima and the shares of positive values of random convolutions (ROCKET, Dempster, Petitjean & Webb
    2020, arXiv:1910.13051)."""

    KERNELS = 2_000
    LENGTHS = (7, 9, 11)
    ALPHAS = np.logspace(-3, 3, 10)

    def __init__(self, tensors: dict[str, np.ndarray]):
        self.tensors = tensors

    @classmethod
    def fit(
        cls, examples: Sequence[np.ndarray], labels: np.ndarray, validation: tuple[Sequence[np.ndarray], np.ndarray], classes: int
    ) -> Self:
        from sklearn.linear_model import RidgeClassifierCV
        from sklearn.preprocessing import StandardScaler

        length = usual_length(examples)
        rows = of_length(examples, length)
        mean, std = spread_of_rows(rows)
        sizes = np.array([length, rows.shape[1], classes])
        model = cls({"length": sizes, "mean": mean.astype(np.float32), "std": std.astype(np.float32)})
        features = model._features(examples)
        scaler = StandardScaler().fit(features)
        ridge = RidgeClassifierCV(alphas=cls.ALPHAS).fit(scaler.transform(features), labels)
        weights, bias = np.zeros((features.shape[1], classes)), np.full(classes, -1e3)
        known, rows, offsets = ridge.classes_, np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_)
        if len(known) == 2:
            rows, offsets = np.concatenate([-rows, rows]), np.concatenate([-offsets, offsets])
        weights[:, known], bias[known] = rows.T, offsets
        model.tensors |= {"weights": weights / scaler.scale_[:, None], "bias": bias - (scaler.mean_ / scaler.scale_) @ weights}
        model.tensors["temperature"] = np.array([temperature(model._margins(validation[0]), validation[1])])
        return model

    def _features(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        """(N, 2 K): of each kernel the maximum and the share of positive values."""
        import torch

        length, channels, _ = map(int, self.tensors["length"])
        rows = standardised(of_length(examples, length), self.tensors)
        values, found = torch.from_numpy(rows.astype(np.float32)), []
        with torch.inference_mode():
            for weight, bias, dilation, padding in kernels(self.KERNELS, self.LENGTHS, length, channels):
                for part in values.split(256):
                    out = torch.nn.functional.conv1d(part, weight, bias, dilation=dilation, padding=padding)
                    found.append((out.amax(2), (out > 0).float().mean(2)))
        parts = -(-len(values) // 256)
        columns = [torch.cat([torch.cat(pair, 1) for pair in found[first : first + parts]]) for first in range(0, len(found), parts)]
        return torch.cat(columns, 1).numpy()

    def _margins(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        return self._features(examples) @ self.tensors["weights"] + self.tensors["bias"]

    def predict(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        from scipy.special import softmax

        if not len(examples):
            return np.zeros((0, len(self.tensors["bias"])), np.float32)
        return softmax(self._margins(examples) / self.tensors["temperature"], axis=1).astype(np.float32)

    def parameters(self) -> int:
        return int(self.tensors["weights"].size + self.tensors["bias"].size)

    def save(self, folder: Path) -> None:
        save_tensors(self.tensors, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_tensors(folder))


def save_tensors(tensors: dict[str, np.ndarray], folder: Path) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "model.safetensors")


def load_tensors(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def kernels(count: int, lengths: Sequence[int], steps: int, channels: int) -> list[tuple[Any, Any, int, int]]:
    """Random kernels for series of so many steps, the same in every process, in groups of equal length, dilation and padding.

    Weights are normal with mean zero, over a random choice of the channels; biases uniform in -1 to 1; dilations spread evenly in
    their logarithm up to what the series holds; every other group is padded to keep the length.
    """
    import torch

    lengths = sorted({min(length, steps) for length in lengths})
    shapes = []
    for length in lengths:
        most = np.log2(max(1.0, (steps - 1) / max(1, length - 1)))
        for dilation in sorted({int(2**power) for power in np.linspace(0, most, 8)}):
            shapes += [(length, dilation, 0), (length, dilation, (length - 1) * dilation // 2)]
    rng, groups = np.random.default_rng(0), []
    for place, (length, dilation, padding) in enumerate(shapes[:count]):
        many = count // len(shapes) + (place < count % len(shapes))
        weight = rng.standard_normal((many, channels, length))
        weight *= rng.random((many, channels, 1)) < rng.uniform(1 / channels, 1, (many, 1, 1))
        weight -= weight.mean(axis=2, keepdims=True)
        bias = rng.uniform(-1, 1, many)
        groups.append((torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), dilation, padding))
    return groups
