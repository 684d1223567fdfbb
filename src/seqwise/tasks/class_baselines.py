"""What baselines of every classification share: the most frequent class, and margins that become probabilities."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Majority:
    """Always answers with the class frequencies of training."""

    def __init__(self, frequencies: np.ndarray):
        self.frequencies = frequencies

    @classmethod
    def fit(cls, examples: Sequence[Any], labels: np.ndarray, validation: tuple[Sequence[Any], np.ndarray], classes: int) -> "Majority":
        counts = np.bincount(labels, minlength=classes) + 1e-9
        return cls(counts / counts.sum())

    def predict(self, examples: Sequence[Any]) -> np.ndarray:
        return np.tile(self.frequencies.astype(np.float32), (len(examples), 1))

    def parameters(self) -> int:
        return len(self.frequencies)

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({"frequencies": self.frequencies}, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> "Majority":
        from safetensors.numpy import load_file

        return cls(load_file(folder / "model.safetensors")["frequencies"])


def temperature(margins: np.ndarray, labels: np.ndarray) -> float:
    """By which margins (N, C) are divided before the softmax: the one with the smallest log loss on labels (N,)."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(labels))
    found = minimize_scalar(lambda t: -log_softmax(margins * np.exp(-t), axis=1)[rows, labels].mean(), bounds=(-4, 4), method="bounded")
    return float(np.exp(found.x))
