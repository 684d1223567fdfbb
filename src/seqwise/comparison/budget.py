"""How long things take on this machine: measured once, before the plan is written. Decides steps and size, nothing else."""

import dataclasses
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from seqwise.comparison.folder import RunFolder
from seqwise.tasks import TASKS

RESERVE = 0.94
"""Share of the budget that is planned; the rest is for what a stopwatch did not see."""
TRIAL_OVERHEAD = 0.6
"""Seconds to start a trial's process, read its data and write its record."""
MEASURE_SECONDS = 0.6
LADDER = ((6, 4), (5, 3), (4, 2), (3, 2), (3, 1), (1, 1))
"""Replicates and configurations, from the rule to what a very small budget still allows."""
LATE = 1.15
"""Share of the budget beyond which a run is late."""
LEAST_SHARE = 0.4
"""Share of the wanted epochs below which a comparison says little."""
SEARCH_SHARE = 0.25
EVALUATIONS = 12


@dataclasses.dataclass(frozen=True)
class Speed:
    """Seconds of one training step, of one pass over validation, and of one over test."""

    step: float
    validation: float
    test: float


def measure_speed(run: str, job: dict[str, Any], threads: int, test_share: float) -> Speed:
    """Time a few steps of a job's model on the real batches. Runs in a process of its own.

    Args:
        test_share: how much longer the test takes than validation.
    """
    from seqwise.comparison.trial import build_trainer

    torch.set_num_threads(threads)
    trainer = build_trainer(job, RunFolder(Path(run)), None)
    trainer.model.train()
    for _ in range(2):
        trainer.step()
    times: list[float] = []
    while len(times) < 5 or sum(times) < MEASURE_SECONDS:
        start = time.perf_counter()
        trainer.step()
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    trainer.evaluate()
    validation = time.perf_counter() - start
    return Speed(statistics.fmean(times), validation, validation * test_share * TASKS[job["task"]].final_cost)


@dataclasses.dataclass(frozen=True)
class Workload:
    """What is known before the steps are: speeds per model and body, and what else has to be done.

    Args:
        speeds: per contender, per body.
        bodies: per contender, the body of each configuration.
        per_epoch: steps of one epoch.
        fixed: seconds outside training: encoding, baselines, measuring cost, the report.
        most_epochs: beyond which no model is trained.
        again: further full trainings of each model in each replicate, on parts of the data.
    """

    speeds: Mapping[str, Mapping[str, Speed]]
    bodies: Mapping[str, Sequence[str]]
    per_epoch: int
    workers: int
    fixed: float
    most_epochs: float
    again: int = 0

    def mean(self, name: str, configurations: int) -> Speed:
        """The mean speed over the configurations of a contender."""
        found = [self.speeds[name][body] for body in self.bodies[name][:configurations]]
        return Speed(*(statistics.fmean(getattr(speed, field) for speed in found) for field in ("step", "validation", "test")))

    def seconds(self, steps: Mapping[str, float], replicates: int, configurations: int) -> float:
        """Wall seconds of a comparison with so many steps per contender."""
        total = 0.0
        for name, count in steps.items():
            speed = self.mean(name, configurations)
            trainings = configurations * SEARCH_SHARE + 1 - SEARCH_SHARE + self.again
            scoring = trainings * EVALUATIONS * speed.validation + (1 + self.again) * speed.test
            overhead = (configurations + 1 + self.again) * TRIAL_OVERHEAD
            total += replicates * (trainings * count * speed.step + scoring + overhead)
        longest = max(steps[name] * self.mean(name, configurations).step for name in steps)
        idle = 0.5 * (1 - SEARCH_SHARE) * longest if self.workers > 1 else 0.0
        return self.fixed + total / self.workers + idle * (self.workers - 1) / self.workers

    def weights(self, match: str, configurations: int, flops: Mapping[str, float]) -> dict[str, float]:
        """Steps of each contender relative to the first when training is matched by steps, seconds or FLOPs."""
        if match == "steps":
            return dict.fromkeys(self.speeds, 1.0)
        cost = flops if match == "flops" else {name: self.mean(name, configurations).step for name in self.speeds}
        cheapest = min(cost.values())
        return {name: cheapest / cost[name] for name in self.speeds}

    def steps(self, budget: float, replicates: int, configurations: int, weights: Mapping[str, float]) -> dict[str, int]:
        """The most steps that fit into ``budget`` seconds, at most ``most_epochs``, in multiples of the evaluations."""
        unit = self.seconds(dict.fromkeys(weights, 0.0), replicates, configurations)
        slope = self.seconds({name: weight * 1000.0 for name, weight in weights.items()}, replicates, configurations) - unit
        scale = max(0.0, (budget * RESERVE - unit) / slope * 1000.0)
        scale = min(scale, self.most_epochs * self.per_epoch / max(weights.values()))
        return {name: max(EVALUATIONS, int(scale * weight) // EVALUATIONS * EVALUATIONS) for name, weight in weights.items()}
