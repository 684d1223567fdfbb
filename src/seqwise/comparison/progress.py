"""What a person sees while a comparison runs, and the clock that decides whether it is late."""

import json
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from seqwise.comparison.budget import LATE
from seqwise.comparison.engine import State
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.search import SEARCHES
from seqwise.core.files import read_json, write_json

TRUSTED = 0.2
"""Share of the work after which the rate so far is believed."""
FEWEST_KEPT = 3


class Clock:
    """Wall seconds of a run, summed over resumes; kept on disk every few seconds."""

    def __init__(self, folder: RunFolder, started: float, now: Callable[[], float] = time.monotonic):
        self.path, self.started, self.now, self.saved = folder.path / "clock.json", started, now, 0.0
        self.before = read_json(self.path)["seconds"] if self.path.exists() else 0.0

    @property
    def seconds(self) -> float:
        return self.before + self.now() - self.started

    def save(self, force: bool = False) -> None:
        if force or self.now() - self.saved > 5.0:
            self.saved = self.now()
            write_json(self.path, {"seconds": self.seconds})


class Work:
    """How much of the planned work is done, in units of training cost."""

    def __init__(self, folder: RunFolder, jobs: list[dict[str, Any]], step_cost: dict[str, float]):
        self.folder = folder
        quarter = {job["fingerprint"]: job["until"] for job in jobs if job["kind"] in SEARCHES}
        self.start = {job["fingerprint"]: quarter[job["after"][0]] for job in jobs if job["kind"] == "final"}
        self.weight = {job["fingerprint"]: self._weight(job, step_cost) for job in jobs if job["kind"] != "baseline"}

    def _weight(self, job: dict[str, Any], step_cost: dict[str, float]) -> float:
        return (job["until"] - self.start.get(job["fingerprint"], 0)) * step_cost[job["model"]]

    def share_of(self, job: dict[str, Any]) -> float:
        """How far a running job is, from 0 to 1."""
        path = self.folder.trial(job["fingerprint"]) / "progress.json"
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            return 0.0
        start = self.start.get(job["fingerprint"], 0)
        return max(0.0, min(1.0, (found["step"] - start) / max(1, found["until"] - start)))

    def done(self, state: State) -> float:
        """The share of all work, from 0 to 1."""
        names = [job["fingerprint"] for job in state.jobs if job["kind"] != "baseline"]
        whole = sum(self.weight[name] for name in names)
        part = sum(self.weight[name] for name in names if name in state.done)
        part += sum(self.weight[name] * self.share_of(job) for name, job in state.running.items() if name in self.weight)
        return part / whole if whole else 1.0


class Watch:
    """Called often by the engine: draws progress, keeps the clock, drops replicates of a run that is late."""

    def __init__(self, clock: Clock, work: Work, budget: float | None, console: Console):
        self.clock, self.work, self.budget, self.console = clock, work, budget, console
        self.begun, self.at_start, self.drawn, self.dropped = clock.seconds, None, 0.0, 0
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.bar.add_task("training", total=1.0, left="")

    def __enter__(self) -> "Watch":
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()
        self.clock.save(force=True)

    def remaining(self, done: float) -> float | None:
        """Seconds left at the rate so far; None while it is too early to tell."""
        assert self.at_start is not None
        progress = done - self.at_start
        if progress < TRUSTED * (1 - self.at_start) or progress <= 0:
            return None
        return (self.clock.seconds - self.begun) / progress * (1 - done)

    def __call__(self, state: State) -> bool:
        self.clock.save()
        if self.clock.now() - self.drawn < 0.5 and not state.finished:
            return True
        self.drawn = self.clock.now()
        done = self.work.done(state)
        self.at_start = done if self.at_start is None else self.at_start
        left = self.remaining(done)
        self.bar.update(
            self.task, completed=done, description=_described(state), left="" if left is None else f"about {_minutes(left)} left"
        )
        if left is not None and self.budget and self.clock.seconds + left > LATE * self.budget:
            self._drop(state)
        return True

    def _drop(self, state: State) -> None:
        """Take the last replicate away, for all models, if nothing of it has begun and enough are left."""
        last = max(job["replicate"] for job in state.jobs)
        begun = {job["replicate"] for job in state.jobs if job["fingerprint"] in state.done or job["fingerprint"] in state.running}
        if last not in begun and last >= FEWEST_KEPT:
            state.jobs = [job for job in state.jobs if job["replicate"] != last]
            self.dropped += 1
            self.console.print(f"slower than calibrated: replicate {last + 1} is dropped for all models")


def _described(state: State) -> str:
    running = sorted({f"{job['model']} {job['replicate'] + 1}" for job in state.running.values()})
    replicates = {job["replicate"] for job in state.jobs}
    open_ones = {job["replicate"] for job in state.jobs if job["fingerprint"] not in state.done}
    return f"{len(replicates - open_ones)} of {len(replicates)} replicates done; running {', '.join(running) or 'nothing'}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
