"""What a file of labelled series holds, whatever its format, and numbers as they are written in files."""

import dataclasses
import math
from typing import Any

import numpy as np

from seqwise.core.errors import UserError

MISSING = {"?", "nan", ""}
CONSTANT = 1e-6
"""Spread over mean below which a channel is taken as constant."""


@dataclasses.dataclass(frozen=True)
class SeriesFile:
    """The labelled series of one file.

    Args:
        series: each (T, C), float32.
        labels: one each.
        names: one each, as the file calls them; numbers where it does not.
        channels: names.
        given, groups: per series; None where the file says nothing of them.
        target: what the labels are called.
        notes: what was guessed.
    """

    source: str
    sha256: str
    series: list[np.ndarray]
    labels: list[str]
    names: list[str]
    channels: tuple[str, ...]
    given: list[str] | None = None
    groups: list[str] | None = None
    target: str = "label"
    named: bool = False
    """Whether the names of target and channels come from the file."""
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeriesColumns:
    """Which columns of a long table are what; None where it is to be guessed."""

    id: str | None = None
    time: str | None = None
    target: str | None = None
    group: str | None = None


def numbered(series: list[np.ndarray]) -> list[str]:
    """Names of series that have none."""
    return [str(number) for number in range(1, len(series) + 1)]


def as_float32(values: Any) -> np.ndarray:
    """What is too large for it is infinite, which is found later."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float32)


def as_number(value: Any, where: str) -> float:
    text = str(value).strip()
    if value is None or text.casefold() in MISSING:
        return math.nan
    try:
        return float(text.replace("_", "x"))  # Python would take 1_0 for 10
    except ValueError:
        fix = "name the label's column with --target, and others that are no values with --id, --time or --group"
        raise UserError(f"{where}: '{text[:40]}' is no number", expected="numbers", fix=fix) from None


def in_order(file: SeriesFile, channels: tuple[str, ...], whose: str) -> SeriesFile:
    """The file with its channels in this order, found by name. Raises :class:`UserError` where they are others."""
    if len(file.channels) != len(channels):
        raise UserError(
            f"{file.source} has {len(file.channels)} channels", expected=f"{len(channels)}, {', '.join(channels)}, as in {whose}"
        )
    if file.channels == channels or not file.named:
        return file
    strange = next((name for name in file.channels if name not in channels), None)
    if strange is not None:
        raise UserError(f"{file.source} has a channel '{strange}'", expected=f"{', '.join(channels)}, as in {whose}")
    order = [file.channels.index(name) for name in channels]
    return dataclasses.replace(file, channels=channels, series=[values[:, order] for values in file.series])


def mean_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (C,) of values (N, C), float64; 1 for a channel whose spread is but rounding."""
    mean, std = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    return mean, np.where(std > CONSTANT * np.abs(mean), std, 1.0)
