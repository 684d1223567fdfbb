"""One model's entry in ``comparison.json``, scores aside: what was tried, what was kept, what it cost."""

from typing import Any

import numpy as np

from seqwise.comparison.contenders import Contender
from seqwise.comparison.finals import Finals
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.search import select
from seqwise.data.splits import Split
from seqwise.tasks.task import Task

NOT_SCORES = ("step", "epoch", "train_loss", "seconds")
"""What an evaluation holds besides the task's metrics."""
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


def _trials(
    folder: RunFolder, jobs: list[dict[str, Any]], kind: str, name: str, replicates: list[int], finals: Finals
) -> list[dict[str, Any]]:
    """What each trial of a kind of one model came to, those that were not needed left out."""
    kept = {(r["job"]["replicate"], r["job"].get("configuration")) for r in finals.records}
    found = []
    for job in jobs:
        if job["kind"] != kind or job["model"] != name or job["replicate"] not in replicates:
            continue
        record = folder.record(job["fingerprint"])
        assert record is not None
        if record["status"] == "skipped":
            continue
        best = record["best"]
        found.append(
            {
                "replicate": job["replicate"],
                "configuration": job["configuration"],
                "hyperparameters": record["job"].get("hyperparameters", {}),
                "edge": record["job"].get("edge", []),
                "status": record["status"],
                "error": record.get("error"),
                "validation": best and {key: value for key, value in best.items() if key not in NOT_SCORES},
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


def _ideal_seconds(records: list[dict[str, Any]], cost: dict[str, Any]) -> float | None:
    """How long training would take at the machine's matrix-product peak: what the arithmetic needs, however well it is written."""
    if not records or not cost.get("train_tokens_per_second"):
        return None
    tokens = float(np.median([record["tokens"] for record in records]))
    return tokens * cost["flop_utilisation"] / cost["train_tokens_per_second"]


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
        "kind": "fine-tuned" if contender.source and not contender.fresh else "trained",
        "status": finals.status,
        "parameters": best["parameters"] if best else plan["parameters"][contender.name],
        "hyperparameters": best["job"]["hyperparameters"] if best else {},
        "architecture": best["job"]["config"] if best else None,
        "trials": _trials(folder, plan["trials"], "search", contender.name, replicates, finals),
        "extension_trials": _trials(folder, plan["trials"], "extension", contender.name, replicates, finals),
        "learning_curve": _curve(finals),
        "cost": NO_COST
        | costs.get(contender.name, {})
        | {"train_seconds": _train_seconds(chosen), "peak_memory_bytes": max(peaks, default=None)}
        | {"ideal_train_seconds": _ideal_seconds(chosen, costs.get(contender.name, {}))},
        "diverged": finals.diverged,
        "still_improving": sum(record["still_improving"] for record in chosen) * 2 > len(chosen) if chosen else False,
        "edge": plan["protocol"]["configurations_per_replicate"] > 1 and any(record["job"].get("edge") for record in chosen),
        "path": f"trials/{best['job']['fingerprint']}/model" if best else None,
        "best_replicate": best["job"]["replicate"] if best else None,
        "origin": plan.get("origins", {}).get(contender.name),
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
