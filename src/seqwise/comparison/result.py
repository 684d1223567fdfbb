"""``comparison.json`` from records: models, pairs, verdict and recommendation."""

from typing import Any

import numpy as np

from seqwise.comparison.contenders import Contender
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.finals import Finals, TestData, by_length, model_scores
from seqwise.comparison.search import select
from seqwise.comparison.scores import Decision, ScoreTable
from seqwise.comparison.verdict import decide, recommend
from seqwise.data.splits import Split
from seqwise.tasks.task import Task

NO_COST = {
    "train_seconds": None,
    "train_tokens_per_second": None,
    "flops_per_token": None,
    "flop_utilisation": None,
    "peak_memory_bytes": None,
    "latency_ms": None,
    "state_bytes": None,
}


def best_replicate(task: Task, finals: Finals) -> dict[str, Any] | None:
    """The record of the replicate that did best on validation."""
    return select(finals.records, task, Split.VALIDATION)


def _trials(folder: RunFolder, jobs: list[dict[str, Any]], name: str, replicates: list[int], finals: Finals) -> list[dict[str, Any]]:
    kept = {(r["job"]["replicate"], r["job"].get("configuration")) for r in finals.records}
    found = []
    for job in jobs:
        if job["kind"] != "search" or job["model"] != name or job["replicate"] not in replicates:
            continue
        record = folder.record(job["fingerprint"])
        assert record is not None
        best = record["best"]
        found.append(
            {
                "replicate": job["replicate"],
                "configuration": job["configuration"],
                "hyperparameters": job["hyperparameters"],
                "edge": job["edge"],
                "status": record["status"],
                "error": record.get("error"),
                "validation": best and {key: best[key] for key in ("accuracy", "macro_f1", "log_loss")},
                "chosen": (job["replicate"], job["configuration"]) in kept,
                "seconds": record.get("seconds"),
                "steps": record.get("steps"),
            }
        )
    return found


def _curve(finals: Finals) -> list[dict[str, Any]]:
    return [{"replicate": record["job"]["replicate"], **point} for record in finals.records for point in record["curve"]]


def _train_seconds(records: list[dict[str, Any]]) -> float | None:
    seconds = [record["seconds"] for record in records if record.get("seconds")]
    return float(np.median(seconds)) if seconds else None


def trained_model(
    task: Task, folder: RunFolder, plan: dict[str, Any], contender: Contender, replicates: list[int], finals: Finals, costs: dict[str, Any]
) -> dict[str, Any]:
    """One contender's entry, scores aside."""
    best = best_replicate(task, finals)
    chosen = [record for record in finals.records if record["best"]]
    peaks = [record["peak_memory_bytes"] for record in chosen]
    entry: dict[str, Any] = {
        "name": contender.name,
        "family": contender.family,
        "kind": "trained",
        "status": finals.status,
        "parameters": best["parameters"] if best else plan["parameters"][contender.name],
        "hyperparameters": best["job"]["hyperparameters"] if best else {},
        "architecture": best["job"]["config"] if best else None,
        "trials": _trials(folder, plan["trials"], contender.name, replicates, finals),
        "learning_curve": _curve(finals),
        "cost": NO_COST
        | costs.get(contender.name, {})
        | {"train_seconds": _train_seconds(chosen), "peak_memory_bytes": max(peaks, default=None)},
        "diverged": finals.diverged,
        "still_improving": sum(record["still_improving"] for record in chosen) * 2 > len(chosen) if chosen else False,
        "edge": any(record["job"].get("edge") for record in chosen),
        "path": f"trials/{best['job']['fingerprint']}/model" if best else None,
        "best_replicate": best["job"]["replicate"] if best else None,
    }
    return entry | ({"error": finals.errors[0]} if finals.errors else {})


def baseline_model(name: str, finals: Finals, costs: dict[str, Any]) -> dict[str, Any]:
    first = finals.records[0]
    return {
        "name": name,
        "family": "baseline",
        "kind": "baseline",
        "status": finals.status,
        "parameters": first.get("parameters", {"total": 0, "non_embedding": 0, "embedding": 0}),
        "hyperparameters": {},
        "trials": [],
        "learning_curve": [],
        "cost": NO_COST | costs.get(name, {}) | {"train_seconds": _train_seconds(finals.records)},
        "diverged": 0,
        "path": f"trials/{first['job']['fingerprint']}/model" if first["status"] == "ok" else None,
    } | ({"error": finals.errors[0]} if finals.errors else {})


def add_scores(task: Task, models: list[dict[str, Any]], finals: dict[str, Finals], data: TestData, seed: int) -> None:
    """Scores and quality by length of every model that did not fail."""
    for model in models:
        model["scores"], model["by_length"] = {}, []
        if model["status"] != "failed":
            rng = np.random.default_rng([seed, 1])
            model["scores"] = model_scores(task, finals[model["name"]].outputs, data, rng)
            model["by_length"] = by_length(task, finals[model["name"]].outputs, data)


def score_table(task: Task, models: list[dict[str, Any]], finals: dict[str, Finals], data: TestData) -> ScoreTable:
    rows = {
        model["name"]: [task.unit_scores(o, y) for o, y in zip(finals[model["name"]].outputs, data.labels, strict=True)]
        for model in models
        if model["status"] != "failed"
    }
    kinds = {model["name"]: model["kind"] for model in models}
    return ScoreTable(
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        margin=task.margin,
        scores={name: values for name, values in rows.items() if kinds[name] != "baseline"},
        crossed=data.crossed,
        test_share=data.test_share,
        diverged={model["name"]: model["diverged"] for model in models if model["kind"] != "baseline"},
        baselines={name: values for name, values in rows.items() if kinds[name] == "baseline"},
        trivial=task.trivial,
    )


def judge(table: ScoreTable, models: list[dict[str, Any]], alpha: float, limits: dict[str, Any]) -> tuple[Decision, dict[str, Any]]:
    """The decision and the recommendation under the user's limits."""
    decision = decide(table, alpha=alpha)
    costs = {
        model["name"]: {
            "latency_ms_p50": (model["cost"]["latency_ms"] or {}).get("p50"),
            "bytes": model.get("bytes_on_disk"),
            "train_seconds": model["cost"]["train_seconds"],
        }
        for model in models
    }
    return decision, recommend(table, decision, limits=limits, costs=costs)
