"""From values of several seeds to numbers with intervals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from seqwise.comparison.data_curve import interval
from seqwise.textbook.clause import Estimate

RESAMPLES = 2_000
UNKNOWN = Estimate(None, samples=0)
"""What was not measured."""


def exactly(value: float) -> Estimate:
    """What does not vary."""
    return Estimate(float(value))


def mean_of(values: Sequence[float] | Mapping[int, float]) -> Estimate:
    """Mean and 95 % t interval over seeds; no interval for fewer than three, no value for none."""
    array = np.array(list(values.values() if isinstance(values, Mapping) else values), float)
    if not len(array):
        return UNKNOWN
    if len(array) < 3:
        return Estimate(float(array.mean()), samples=len(array))
    return Estimate(*interval(array), len(array))


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> Estimate:
    """Mean of first - second over the seeds that both have; no value where there is none."""
    return mean_of([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())])


def ratio_of_medians(first: Sequence[float], second: Sequence[float], *, rng: np.random.Generator) -> Estimate:
    """median(first) / median(second) of interleaved times, with a percentile bootstrap over rounds; no interval for fewer than five."""
    count = min(len(first), len(second))
    return _bootstrapped(lambda a, b, axis=-1: np.median(a, axis) / np.median(b, axis), (first[:count], second[:count]), rng)


def median_of(values: Sequence[float], *, rng: np.random.Generator) -> Estimate:
    """The median with a percentile bootstrap; no interval for fewer than five."""
    return _bootstrapped(np.median, (values,), rng)


def _bootstrapped(statistic: Callable[..., Any], samples: tuple[Sequence[float], ...], rng: np.random.Generator) -> Estimate:
    arrays = tuple(np.asarray(values, float) for values in samples)
    count = len(arrays[0])
    if not count:
        return UNKNOWN
    value = float(statistic(*arrays, axis=-1))
    if count < 5:
        return Estimate(value, samples=count)
    found = stats.bootstrap(arrays, statistic, paired=True, n_resamples=RESAMPLES, method="percentile", rng=rng).confidence_interval
    return Estimate(value, float(found.low), float(found.high), count)


def share_of(successes: int, trials: int) -> Estimate:
    """A share with Wilson's interval (Wilson 1927)."""
    if not trials:
        return UNKNOWN
    found = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return Estimate(successes / trials, float(found.low), float(found.high), trials)
