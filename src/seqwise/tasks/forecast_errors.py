"""How far forecasts were off: sums over units, from which every metric follows."""

from collections.abc import Iterable

import numpy as np

from seqwise.data.windows import CENTER, QUANTILE_LEVELS, SPREAD, STEP, WindowSet

METRICS = ("mse", "mae", "mase", "smape", "coverage", "quantile_loss")
COLUMNS = {name: column for column, name in enumerate(METRICS)}
STEPS = len(METRICS)
"""The first column of the squared errors by steps ahead."""
TINY = 1e-12


def step_edges(horizon: int) -> np.ndarray:
    """0, 1, 2, 4, 8 ... horizon: the ranges of steps ahead for which the error is told apart."""
    powers = 2 ** np.arange(max(1, (horizon - 1).bit_length()))
    return np.unique([0, *powers, horizon])


def error_sums(windows: WindowSet, forecasts: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """(U, 6 + P) sums over the values of each unit.

    Squared and absolute errors and quantile losses are those of standardised values. Absolute errors are of the median forecast, as
    are those over the size of a seasonal step in training (MASE, Hyndman & Koehler 2006) and over the mean of forecast and truth in
    size (sMAPE, 0 to 2, Makridakis 1993). Coverage counts values from the lowest to the highest quantile. The last columns are the
    squared errors by steps ahead.

    Args:
        forecasts: window numbers (B,), means (B, H) and quantiles (B, H, Q), standardised.
    """
    edges = step_edges(windows.horizon)
    sums = np.zeros((windows.units, STEPS + len(edges) - 1))
    levels = np.array(QUANTILE_LEVELS)
    middle = len(levels) // 2
    for rows, mean, quantiles in forecasts:
        future = windows.futures(rows).astype(np.float64)
        scales = windows.scales[windows.windows[rows, 0]]
        median = quantiles[..., middle].astype(np.float64)
        squared, missed = (mean - future) ** 2, np.abs(median - future)
        raw = [values * scales[:, [SPREAD]] + scales[:, [CENTER]] for values in (median, future)]
        below = future[..., None] - quantiles
        found = {
            "mse": squared,
            "mae": missed,
            "mase": missed * scales[:, [SPREAD]] / scales[:, [STEP]],
            "smape": 2 * np.abs(raw[0] - raw[1]) / np.maximum(np.abs(raw[0]) + np.abs(raw[1]), TINY),
            "coverage": (below[..., 0] >= 0) & (below[..., -1] <= 0),
            "quantile_loss": np.maximum(levels * below, (levels - 1) * below).mean(-1),
        }
        columns = [found[name].sum(1) for name in METRICS] + list(np.add.reduceat(squared, edges[:-1], axis=1).T)
        np.add.at(sums, windows.unit_of[rows], np.column_stack(columns))
    return sums
