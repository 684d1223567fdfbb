"""From records on disk to scores: what every finished trial answered on the test split, and what that amounts to."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import stdtrit

from seqwise.comparison.folder import RunFolder
from seqwise.comparison.search import SEARCHES
from seqwise.comparison.statistics import FEWEST_REPLICATES, Estimate, crossed_bootstrap, mean_score
from seqwise.tasks.task import Task, load_outputs

BOOTSTRAP_DRAWS = 200
LENGTH_BUCKETS = 4


@dataclasses.dataclass(frozen=True)
class Finals:
    """The finished trials of one model, by replicate.

    Args:
        records: the records; a diverged replicate keeps its record.
        outputs: answers on the test split; a diverged replicate has those of the trivial baseline.
    """

    records: list[dict[str, Any]]
    outputs: list[np.ndarray]

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
    """Replicates in which every final run and baseline has a record."""
    waiting = {job["replicate"] for job in jobs if job["kind"] not in SEARCHES and folder.record(job["fingerprint"]) is None}
    return sorted({job["replicate"] for job in jobs} - waiting)


def read_finals(folder: RunFolder, jobs: list[dict[str, Any]], replicates: list[int], trivial: str) -> dict[str, Finals]:
    """Records and answers of every model and baseline over the complete replicates."""
    found: dict[str, Finals] = {}
    fallback = {job["replicate"]: job["fingerprint"] for job in jobs if job["kind"] == "baseline" and job["model"] == trivial}
    for job in jobs:
        if job["kind"] in SEARCHES or job["replicate"] not in replicates:
            continue
        own = folder.trial(job["fingerprint"]) / "test.safetensors"
        path = own if own.exists() else folder.trial(fallback[job["replicate"]]) / "test.safetensors"
        finals = found.setdefault(job["model"], Finals([], []))
        finals.records.append(folder.record(job["fingerprint"]))
        finals.outputs.append(load_outputs(path))
    return found


@dataclasses.dataclass(frozen=True)
class TestData:
    """The truth of every replicate's test split.

    Args:
        labels: per replicate, label ids (U,).
        lengths: per replicate, tokens of each example (U,); of the first replicate's tokenizer where units are crossed.
        crossed: every replicate is tested on the same units.
        test_share: share of test examples among all, where replicates are folds.
    """

    __test__ = False

    labels: list[np.ndarray]
    lengths: list[np.ndarray]
    crossed: bool
    test_share: float | None


def clipped(estimate: Estimate, low: float, high: float) -> dict[str, Any]:
    """Mean and interval as JSON, the interval inside the metric's range."""
    interval = estimate.ci95 and [float(np.clip(bound, low, high)) for bound in estimate.ci95]
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


def weighted_metric(task: Task, outputs: list[np.ndarray], labels: list[np.ndarray], name: str) -> Callable[[int, np.ndarray], float]:
    """A metric as a function of replicate and unit counts, for the bootstrap."""

    def value(replicate: int, weights: np.ndarray) -> float:
        repeated = np.repeat(np.arange(len(weights)), weights)
        return task.metrics(outputs[replicate][repeated], labels[replicate][repeated])[name]

    return value


def _describing(task: Task, name: str, outputs: list[np.ndarray], data: TestData, rng: np.random.Generator) -> dict[str, Any]:
    """A metric that does not decide: by units where it is a mean over units, else by the bootstrap or over folds."""
    pairs = list(zip(outputs, data.labels, strict=True))
    additive = [task.describing_scores(values, labels).get(name) for values, labels in pairs]
    if additive[0] is not None:
        return clipped(mean_estimate(additive, data), 0.0, np.inf)
    values = [task.metrics(answers, labels)[name] for answers, labels in pairs]
    if len(outputs) < FEWEST_REPLICATES:
        return {"mean": float(np.mean(values)), "ci95": None}
    if not data.crossed:
        return clipped(mean_score([np.array([value]) for value in values], folds=True, test_share=data.test_share), 0.0, 1.0)
    metric = weighted_metric(task, outputs, data.labels, name)
    return clipped(crossed_bootstrap(metric, len(outputs), len(data.labels[0]), rng=rng, draws=BOOTSTRAP_DRAWS), 0.0, 1.0)


def model_scores(task: Task, outputs: list[np.ndarray], data: TestData, rng: np.random.Generator) -> dict[str, Any]:
    """Every metric of one model: mean, 95 % interval, and the value of each replicate."""
    rows = [task.metrics(values, labels) for values, labels in zip(outputs, data.labels, strict=True)]
    unit = [task.unit_scores(values, labels) for values, labels in zip(outputs, data.labels, strict=True)]
    scores = {task.metric: clipped(mean_estimate(unit, data), 0.0, 1.0)}
    scores |= {name: _describing(task, name, outputs, data, rng) for name in rows[0] if name != task.metric}
    return {name: value | {"per_replicate": [row[name] for row in rows]} for name, value in scores.items()}


def by_length(task: Task, outputs: list[np.ndarray], data: TestData) -> list[dict[str, Any]]:
    """The primary metric in buckets of test examples of similar length."""
    edges = np.unique(np.quantile(np.concatenate(data.lengths), np.linspace(0, 1, LENGTH_BUCKETS + 1)).astype(int))
    found = []
    for low, high in itertools.pairwise(edges):
        top = high if high == edges[-1] else high - 1
        inside = [(lengths >= low) & (lengths <= top) for lengths in data.lengths]
        if min(mask.sum() for mask in inside) < 2:
            continue
        unit = [task.unit_scores(v[m], y[m]) for v, y, m in zip(outputs, data.labels, inside, strict=True)]
        count = int(inside[0].sum() if data.crossed else sum(mask.sum() for mask in inside))
        found.append({"from": int(low), "to": int(top), "examples": count} | clipped(mean_estimate(unit, data), 0.0, 1.0))
    return found
