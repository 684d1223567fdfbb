"""What a file of labelled series holds, whatever its format, and numbers as they are written in files."""

import dataclasses
import math
from typing import Any

import numpy as np

from seqwise.core.errors import UserError

MISSING = {"?", "nan", ""}


@dataclasses.dataclass(frozen=True)
class SeriesFile:
    """The labelled series of one file.

    Args:
        series: each (T, C), float32.
        labels: one each.
        channels: names.
        given, groups: per series; None where the file says nothing of them.
        target: what the labels are called.
        notes: what was guessed.
    """

    source: str
    sha256: str
    series: list[np.ndarray]
    labels: list[str]
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
        raise UserError(f"{where}: '{text[:40]}' is no number", expected="numbers") from None
