"""Windows over series: a past to read and a future to foretell, one for every origin inside a part of the time."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.arrays import Arrays

QUANTILE_LEVELS = (0.1, 0.5, 0.9)
LEAST_PAST = 2
"""Values before the first origin of a series."""
MANY_BLOCKS = 10
CONSTANT = 1e-12
"""Spread over size below which values are taken as one."""
CENTER, SPREAD, STEP = 0, 1, 2
"""Columns of ``scales``."""


@dataclasses.dataclass(frozen=True)
class WindowSet(Arrays):
    """Standardised series and the windows of one part of them: those whose future lies in the part as a whole.

    Args:
        flat: float32 (S,), of all series, each by its own mean and standard deviation in the training part.
        offsets: int64 (n + 1,), where each series begins.
        first: int64 (n,), the earliest origin of each series, counted from its beginning: the step that is foretold first.
        scales: float64 (n, 3): mean, standard deviation, and the mean size of a seasonal step, in its unit of measurement.
        starts: int64 (n,), the step of the panel at which each series begins here.
        shape: int64 (5,): values read, values foretold, steps between two origins, steps of a unit, and whether a unit holds all series
            at these times, or one of them.
    """

    what: ClassVar[str] = "windows of series"

    flat: np.ndarray
    offsets: np.ndarray
    first: np.ndarray
    scales: np.ndarray
    starts: np.ndarray
    shape: np.ndarray

    @property
    def context(self) -> int:
        return int(self.shape[0])

    @property
    def horizon(self) -> int:
        return int(self.shape[1])

    @property
    def block(self) -> int:
        return int(self.shape[3])

    @property
    def by_time(self) -> bool:
        return bool(self.shape[4])

    def __len__(self) -> int:
        return len(self.windows)

    @functools.cached_property
    def windows(self) -> np.ndarray:
        """(N, 2): the series and the origin of every window, series by series."""
        stride = int(self.shape[2])
        lengths = np.diff(self.offsets)
        found = [np.arange(first, length - self.horizon + 1, stride) for first, length in zip(self.first, lengths, strict=True)]
        owners = np.repeat(np.arange(len(found)), [len(origins) for origins in found])
        return np.column_stack([owners, np.concatenate(found) if found else []]).astype(np.int64)

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Values of every window, those that are foretold included."""
        return np.full(len(self), self.context + self.horizon)

    @functools.cached_property
    def unit_of(self) -> np.ndarray:
        """The unit (N,) of every window: neighbouring origins, of all series at once or of one."""
        owners, origins = self.windows.T
        if self.by_time:
            return np.unique(_blocks(self.starts[owners] + origins, self.block), return_inverse=True)[1]
        place = np.concatenate([_blocks(origins[owners == owner], self.block) for owner in np.unique(owners)])
        return np.unique(np.column_stack([owners, place]), axis=0, return_inverse=True)[1].reshape(-1)

    @property
    def units(self) -> int:
        return int(self.unit_of.max(initial=-1)) + 1

    @functools.cached_property
    def truth(self) -> np.ndarray:
        """(U, 2): values that are foretold in each unit, and the horizon."""
        counts = np.bincount(self.unit_of) * float(self.horizon)
        return np.column_stack([counts, np.full(len(counts), float(self.horizon))])

    def pasts(self, rows: Sequence[int]) -> np.ndarray:
        """(B, T) standardised values before the origins of some windows; the first value repeated where a series begins later."""
        owners, origins = self.windows[rows].T
        steps = origins[:, None] + np.arange(-self.context, 0)
        return self.flat[self.offsets[owners][:, None] + np.maximum(steps, 0)]

    def futures(self, rows: Sequence[int]) -> np.ndarray:
        """(B, H) standardised values from the origins on."""
        owners, origins = self.windows[rows].T
        return self.flat[(self.offsets[owners] + origins)[:, None] + np.arange(self.horizon)]

    def part(self, share: float, seed: int) -> Self:
        """The latest share of the windows of every series.

        Raises :class:`UserError` where none is left.
        """
        lengths = np.diff(self.offsets)
        rooms = np.maximum(lengths - self.horizon + 1 - self.first, 0)
        first = self.first + (rooms - np.ceil(share * rooms)).astype(np.int64)
        found = dataclasses.replace(self, first=first)
        if not len(found):
            raise UserError(f"{share:g} of the training data leaves no window", fix="a larger share")
        return found


def windows_of(
    series: Sequence[np.ndarray],
    scales: np.ndarray,
    first: Sequence[int],
    starts: Sequence[int],
    *,
    context: int,
    horizon: int,
    together: bool,
    most: int,
) -> WindowSet:
    """The windows of series that end with a part of the time.

    Args:
        series: (T,) as measured, from what may be read to the end of the part.
        scales: (n, 3), see :class:`WindowSet`.
        first: of each, the earliest step that may be foretold.
        starts: steps of the panel at which they begin.
        together: the series are variables of one table.
        most: windows; beyond it, origins are spread evenly.
    """
    flat = [((values - scale[CENTER]) / scale[SPREAD]).astype(np.float32) for values, scale in zip(series, scales, strict=True)]
    first = np.maximum(np.asarray(first, np.int64), LEAST_PAST)
    origins = np.maximum([len(values) - horizon + 1 - start for values, start in zip(series, first, strict=True)], 0)
    stride = max(1, -(-int(origins.sum()) // most))
    block, by_time = division([len(values) for values in series], first, starts, horizon=horizon, together=together)
    offsets = np.concatenate([[0], np.cumsum([len(values) for values in series])]).astype(np.int64)
    shape = np.array([context, horizon, stride, block, by_time], np.int64)
    return WindowSet(np.concatenate(flat), offsets, first, np.asarray(scales, np.float64), np.asarray(starts, np.int64), shape)


def division(lengths: Sequence[int], first: Sequence[int], starts: Sequence[int], *, horizon: int, together: bool) -> tuple[int, bool]:
    """Steps of a unit, and whether it holds all series at these times or one of them; arguments as of :func:`windows_of`.

    Units are blocks of two horizons, ten of them or more, else of one; a block holds all series, which share what happens at a time.
    Only where a panel has fewer than ten such blocks are its series taken for independent.
    """
    first = np.maximum(np.asarray(first, np.int64), LEAST_PAST)
    origins = np.asarray(lengths) - horizon + 1 - first
    begins, some = np.asarray(starts) + first, origins > 0
    span = int((begins + origins)[some].max() - begins[some].min()) if some.any() else 0
    by_time = together or len(first) == 1 or span >= MANY_BLOCKS * horizon
    if not by_time:
        return horizon, False
    block = 2 * horizon if span >= 2 * MANY_BLOCKS * horizon else horizon
    return max(1, min(block, span // 2)), True


def _blocks(steps: np.ndarray, block: int) -> np.ndarray:
    """The block of each step, from the first step on; what is left at the end belongs to the last whole one."""
    place = (steps - steps.min()) // block if len(steps) else steps
    whole = (steps.max() - steps.min() + 1) // block if len(steps) else 1
    return np.minimum(place, max(whole, 1) - 1)


def scales_of(series: Sequence[np.ndarray], season: int) -> np.ndarray:
    """Mean, standard deviation and mean size of a seasonal step (Hyndman & Koehler 2006) of each series (T,); 1 where it never changes."""
    found = np.ones((len(series), 3))
    for row, values in zip(found, series, strict=True):
        lag = season if len(values) > season else 1
        row[CENTER], row[SPREAD] = values.mean(), spread_of(values[None])[0, 0] or 1.0
        row[STEP] = np.abs(values[lag:] - values[:-lag]).mean() if len(values) > lag else 0.0
        row[STEP] = row[STEP] or 1.0
    return found


def spread_of(past: np.ndarray) -> np.ndarray:
    """Standard deviation (B, 1) of each row of (B, T), float64; 0 where it is but rounding."""
    past = past.astype(np.float64)
    found, size = past.std(axis=1, keepdims=True), np.abs(past.mean(axis=1, keepdims=True))
    return np.where(found > CONSTANT * size, found, 0.0)
