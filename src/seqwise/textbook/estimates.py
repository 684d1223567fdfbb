"""From values of several seeds to numbers with intervals."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from seqwise.textbook.clause import Estimate

RESAMPLES = 2_000


def exactly(value: float) -> Estimate:
    """What does not vary."""
    return Estimate(float(value))


def mean_of(values: Sequence[float]) -> Estimate:
    """Mean and 95 % t interval over seeds; no interval for fewer than three."""
    values = np.asarray(values, float)
    if not len(values):
        return Estimate(None, samples=0)
    mean = float(values.mean())
    if len(values) < 3:
        return Estimate(mean, samples=len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Estimate(mean, mean - half, mean + half, len(values))


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Mean of first - second over the seeds that both have, in order."""
    count = min(len(first), len(second))
    return mean_of(np.asarray(first[:count], float) - np.asarray(second[:count], float))


def ratio_of_medians(first: Sequence[float], second: Sequence[float], *, rng: np.random.Generator) -> Estimate:
    """median(first) / median(second) of interleaved times, with a percentile bootstrap over rounds; no interval for fewer than five."""
    a, b = np.asarray(first, float), np.asarray(second, float)
    count = min(len(a), len(b))
    if not count:
        return Estimate(None, samples=0)
    a, b = a[:count], b[:count]
    return _bootstrapped(lambda rows: np.median(a[rows], -1) / np.median(b[rows], -1), count, rng)


def median_of(values: Sequence[float], *, rng: np.random.Generator) -> Estimate:
    """The median with a percentile bootstrap; no interval for fewer than five."""
    array = np.asarray(values, float)
    if not len(array):
        return Estimate(None, samples=0)
    return _bootstrapped(lambda rows: np.median(array[rows], -1), len(array), rng)


def _bootstrapped(statistic: Callable[[np.ndarray], np.ndarray], count: int, rng: np.random.Generator) -> Estimate:
    value = float(statistic(np.arange(count)))
    if count < 5:
        return Estimate(value, samples=count)
    low, high = np.quantile(statistic(rng.integers(0, count, (RESAMPLES, count))), (0.025, 0.975))
    return Estimate(value, float(low), float(high), count)


def share_of(successes: int, trials: int) -> Estimate:
    """A share with Wilson's interval (Wilson 1927)."""
    if not trials:
        return Estimate(None, samples=0)
    found = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return Estimate(successes / trials, float(found.low), float(found.high), trials)


def slope_of(x: Sequence[float], rows: Sequence[Sequence[float]]) -> Estimate:
    """Least-squares slope of each row over ``x``, then its mean over the rows (seeds)."""
    return mean_of([float(np.polyfit(np.asarray(x, float), np.asarray(row, float), 1)[0]) for row in rows])
