"""The recommended model trained longer with its best configuration, for the user to ship; its score stands apart from the comparison's."""

import math
import zlib
from collections.abc import Mapping
from typing import Any

from seqwise.comparison.budget import EVALUATIONS, RESERVE, TRIAL_OVERHEAD, Speed
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.options import Options
from seqwise.comparison.search import select
from seqwise.core.config import fingerprint
from seqwise.core.environment import source_hash
from seqwise.data.splits import Split
from seqwise.tasks.task import Task

SHARE = 0.2
"""Share of the budget that is kept for it."""
FROM_SECONDS = 900.0
"""The smallest budget that has it unless it is asked for: ``standard``."""


def wanted(options: Options) -> bool:
    """Whether to train longer: as asked; else for budgets in time from ``standard`` on."""
    if options.refit is not None:
        return options.refit
    return options.steps is None and (options.budget_seconds or 0.0) >= FROM_SECONDS


def steps_by_body(
    speeds: Mapping[str, Mapping[str, Speed]], final_steps: Mapping[str, int], seconds: float, most_steps: float
) -> dict[str, dict[str, int]]:
    """How many steps each model, in each body, can take in so many seconds; at least those of a final run, at most ``most_steps``."""
    found: dict[str, dict[str, int]] = {}
    for name, bodies in speeds.items():
        found[name] = {}
        for body, speed in bodies.items():
            left = seconds * RESERVE - TRIAL_OVERHEAD - EVALUATIONS * speed.validation - speed.test
            steps = min(left / speed.step, most_steps)
            found[name][body] = max(final_steps[name], math.floor(steps / EVALUATIONS) * EVALUATIONS)
    return found


def refit_jobs(plan: Mapping[str, Any], best: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One training for each core, of the best replicate's configuration on its own split, that differ in their seeds.

    Args:
        best: the record of the recommended model's best replicate.
    """
    job = {name: value for name, value in best["job"].items() if name != "fingerprint"}
    steps = plan["refit"]["steps"][job["model"]][job["config"]["body"]]
    found = []
    for copy in range(plan["refit"]["copies"]):
        seed = zlib.crc32(f"{job['data_seed']} {job['model']} refit {copy}".encode())
        own = job | {"kind": "refit", "after": [], "until": steps, "training": job["training"] | {"steps": steps, "seed": seed}}
        data = {"data": plan["data"]["sha256"], "source": source_hash()}
        found.append(own | {"fingerprint": fingerprint(own | data)})
    return found


def refit_result(folder: RunFolder, task: Task, jobs: list[dict[str, Any]], best: Mapping[str, Any]) -> dict[str, Any] | None:
    """What came of it, or None where no training ended well. ``kept``: it is better on validation than the best replicate."""
    records = [record for job in jobs if (record := folder.record(job["fingerprint"]))]
    record = select(records, task, Split.VALIDATION)
    if record is None:
        return None
    job = record["job"]
    return {
        "model": job["model"],
        "replicate": job["replicate"],
        "steps": record["steps"],
        "times_as_long": record["steps"] / best["steps"],
        "seconds": record["seconds"],
        "trainings": len(jobs),
        "scores": record["test"],
        "path": f"trials/{job['fingerprint']}/model",
        "kept": task.selection_key(record["best"]) > task.selection_key(best["best"]),
    }
