"""From records on disk to scores: what every finished trial answered on the test split, and what that amounts to."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import stdtrit

from seqwise.comparison.folder import RunFolder
from seqwise.comparison.search import COMPARED, SEARCHES
from seqwise.comparison.statistics import FEWEST_REPLICATES, Estimate, crossed_bootstrap, mean_score
from seqwise.tasks.task import Task, load_outputs

BOOTSTRAP_DRAWS = 200
RULE_OF_THREE = 3.0


@dataclasses.dataclass(frozen=True)
class Finals:
    """The finished trials of one model, by replicate.

    Args:
        records: the records; a diverged replicate keeps its record.
        outputs: answers on the test split; a diverged replicate has those of the trivial baseline.
        truths: what they are held against.
    """

    records: list[dict[str, Any]]
    outputs: list[np.ndarray]
    truths: list[np.ndarray]

    @property
    def diverged(self) -> int:
        return sum(record["status"] == "diverged" for record in self.records)

    @property
    def errors(self) -> list[str]:
        return [record["error"] for record in self.records if record["status"] == "failed"]

    @property
    def status(self) -> str:
        if self.errors:
            return "failed"
        return "diverged" if self.diverged == len(self.records) else "ok"


def complete_replicates(folder: RunFolder, jobs: list[dict[str, Any]]) -> list[int]:
    """Replicates in which every final run, baseline and training on a share of the data has a record."""
    waiting = {job["replicate"] for job in jobs if job["kind"] not in SEARCHES and folder.record(job["fingerprint"]) is None}
    return sorted({job["replicate"] for job in jobs} - waiting)


def read_finals(folder: RunFolder, jobs: list[dict[str, Any]], replicates: list[int], trivial: str) -> dict[str, Finals]:
    """Records and answers of every model and baseline over the complete replicates."""
    found: dict[str, Finals] = {}
    fallback = {job["replicate"]: job["fingerprint"] for job in jobs if job["kind"] == "baseline" and job["model"] == trivial}
    for job in jobs:
        if job["kind"] not in COMPARED or job["replicate"] not in replicates:
            continue
        own = folder.trial(job["fingerprint"]) / "test.safetensors"
        path = own if own.exists() else folder.trial(fallback[job["replicate"]]) / "test.safetensors"
        finals = found.setdefault(job["model"], Finals([], [], []))
        finals.records.append(folder.record(job["fingerprint"]))
        outputs, truth = load_outputs(path)
        finals.outputs.append(outputs)
        finals.truths.append(truth)
    return found


@dataclasses.dataclass(frozen=True)
class TestData:
    """How the replicates' test splits stand to each other.

    Args:
        lengths: per replicate, tokens of each example (U,); of the first replicate's tokenizer where units are crossed.
        crossed: every replicate is tested on the same units.
        test_share: share of test examples among all, where replicates are folds.
    """

    __test__ = False

    lengths: list[np.ndarray]
    crossed: bool
    test_share: float | None


def clipped(estimate: Estimate, low: float, high: float, *, units: int | None = None) -> dict[str, Any]:
    """Mean and interval as JSON, the interval inside the metric's range.

    Args:
        units: tested. Of a share of right answers, where all or none of so many are right, or of errors, where there was none, the
            interval is that of the rule of three (Hanley & Lippman-Hand 1983), not a point.
    """
    interval = estimate.ci95 and [float(np.clip(bound, low, high)) for bound in estimate.ci95]
    if interval and units and interval[0] == interval[1] in (low, high):
        reach = min(1.0, RULE_OF_THREE / units) * (high - low if np.isfinite(high) else 1.0)
        interval = [max(low, interval[0] - reach), min(high, interval[1] + reach)]
    return {"mean": estimate.value, "ci95": interval}


def units_only(scores: list[np.ndarray]) -> Estimate:
    """Below three replicates: the interval over test units alone, which says nothing of other trainings."""
    same = len({len(row) for row in scores}) == 1
    units = np.mean(scores, axis=0) if same else np.concatenate(scores)
    error = float(units.std(ddof=1) / np.sqrt(len(units))) if len(units) > 1 else 0.0
    value, df = float(np.mean([row.mean() for row in scores])), float(max(len(units) - 1, 1))
    half95, half90 = (float(stdtrit(df, quantile)) * error for quantile in (0.975, 0.95))
    return Estimate(value, error, df, (value - half95, value + half95), (value - half90, value + half90), None)


def mean_estimate(scores: list[np.ndarray], data: TestData) -> Estimate:
    if len(scores) < FEWEST_REPLICATES:
        return units_only(scores)
    return mean_score(scores, folds=not data.crossed, test_share=data.test_share)


def _units(rows: list[np.ndarray], data: TestData) -> int:
    """Test units of all replicates together, or of one where they share them."""
    return len(rows[0]) if data.crossed else sum(map(len, rows))


def weighted_metric(task: Task, finals: Finals, name: str) -> Callable[[int, np.ndarray], float]:
    """A metric as a function of replicate and unit counts, for the bootstrap."""

    def value(replicate: int, weights: np.ndarray) -> float:
        repeated = np.repeat(np.arange(len(weights)), weights)
        return task.metrics(finals.outputs[replicate][repeated], finals.truths[replicate][repeated])[name]

    return value


def _describing(task: Task, name: str, finals: Finals, data: TestData, rng: np.random.Generator) -> dict[str, Any]:
    """A metric that does not decide: by units where it is a mean over units, else by the bootstrap or over folds."""
    pairs = list(zip(finals.outputs, finals.truths, strict=True))
    additive = [task.describing_scores(values, truth).get(name) for values, truth in pairs]
    if additive[0] is not None:
        return clipped(mean_estimate(additive, data), *task.range_of(name))
    values = [task.metrics(answers, truth)[name] for answers, truth in pairs]
    if len(values) < FEWEST_REPLICATES:
        return {"mean": float(np.mean(values)), "ci95": None}
    if not data.crossed:
        return clipped(mean_score([np.array([value]) for value in values], folds=True, test_share=data.test_share), *task.range_of(name))
    metric = weighted_metric(task, finals, name)
    drawn = crossed_bootstrap(metric, len(values), len(finals.truths[0]), rng=rng, draws=BOOTSTRAP_DRAWS)
    return clipped(drawn, *task.range_of(name))


def model_scores(task: Task, finals: Finals, data: TestData, rng: np.random.Generator) -> dict[str, Any]:
    """Every metric that all replicates have: mean, 95 % interval, and the value of each; what a diverged one lacks is left out."""
    pairs = list(zip(finals.outputs, finals.truths, strict=True))
    rows = [task.metrics(values, truth) for values, truth in pairs]
    low, high = task.range_of(task.metric)
    units = _units(finals.truths, data)
    scores = {task.metric: clipped(mean_estimate([task.unit_scores(*pair) for pair in pairs], data), low, high, units=units)}
    names = [name for name in rows[0] if name != task.metric and all(name in row for row in rows)]
    scores |= {name: _describing(task, name, finals, data, rng) for name in names}
    return {name: value | {"per_replicate": [row[name] for row in rows]} for name, value in scores.items()}


def breakdowns(task: Task, finals: Finals, data: TestData) -> dict[str, Any]:
    """The task's describing curves of one model, each point with its interval."""
    low, high = task.range_of(task.metric)

    def estimate(scores: list[np.ndarray]) -> dict[str, Any]:
        return clipped(mean_estimate(scores, data), low, high, units=_units(scores, data))

    found = task.breakdowns(finals.outputs, finals.truths, data.lengths, estimate)
    for row in found["by_length"]:
        row["examples"] = row["examples"][0] if data.crossed else sum(row["examples"])
    return found
