"""Runs claims: every experiment in a process of its own, within the seconds of its tier; killed anywhere, the same command goes on."""

import dataclasses
import functools
import hashlib
import multiprocessing
import os
import platform
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from seqwise.comparison.engine import LocalEngine, State
from seqwise.comparison.folder import RunFolder
from seqwise.core.config import fingerprint
from seqwise.core.environment import core_count, cpu_name, package_versions, source_hash
from seqwise.core.errors import UserError, did_you_mean
from seqwise.core.files import read_json, write_json, write_text
from seqwise.report import numbers
from seqwise.textbook import CLAIMS
from seqwise.textbook.agreement import agreement
from seqwise.textbook.claim import TIERS, Claim, Experiment, Result
from seqwise.textbook.comparing import FOLDER
from seqwise.textbook.table import measured_table

MEASURING = ("comparing", "gradients", "inference_speed", "language", "position", "probed", "timing")
"""Modules that several claims measure with."""


def run_experiment(run: str, job: dict[str, Any], threads: int) -> None:
    """Entry of an experiment's process. Leaves ``record.json``; an error becomes a record with status ``failed``."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    place = RunFolder(Path(run)).trial(job["fingerprint"])
    place.mkdir(parents=True, exist_ok=True)
    with (place / "log.txt").open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    torch.set_num_threads(threads)
    begun = time.perf_counter()
    FOLDER.set(place / "run")
    try:
        found = {"status": "ok", "result": CLAIMS[job["claim"]]().run(Experiment.from_dict(job["experiment"]))}
    except Exception as error:  # an experiment that breaks is told of, and breaks no other
        traceback.print_exc()
        found = {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    write_json(place / "record.json", {"schema_version": 1, "job": job, "seconds": time.perf_counter() - begun, **found})
    shutil.rmtree(place / "run", ignore_errors=True)


def _end_with_parent() -> None:
    """So that nothing runs on beside a measurement of the command that continues a killed one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@dataclasses.dataclass(frozen=True)
class ClaimsRun:
    """A run of some claims in one tier.

    Args:
        names: which ones; all others are told as not run.
        clock: seconds, monotonic.
    """

    folder: RunFolder
    tier: str
    names: Sequence[str]
    workers: int
    console: Console
    command: str
    clock: Callable[[], float] = time.monotonic

    def execute(self) -> dict[str, Any]:
        """Run what has no record yet; ``claims.json`` and ``claims.html`` are written anew after each claim."""
        write_json(self.folder.plan, {"request": request_of(self.tier)})
        asked = [name for name in self.names if self.tier in CLAIMS[name].seconds]
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task("", total=sum(CLAIMS[name].seconds[self.tier] for name in asked), left="")
            for number, name in enumerate(asked, 1):
                show = lambda spent, name=name, number=number: bar.update(  # noqa: E731
                    task, completed=spent, description=f"{name} ({number} of {len(asked)})", left=self._left(asked, number, spent)
                )
                self._run(CLAIMS[name](), sum(CLAIMS[done].seconds[self.tier] for done in asked[: number - 1]), show)
                result = self.told()
                claim = next(claim for claim in result["claims"] if claim["id"] == name)
                planned, made = claim["experiments"]["planned"], claim["experiments"]["done"]
                self.console.print(f"{name}: {claim['verdict']}" + (f" ({made} of {planned} experiments)" if made < planned else ""))
        return result if asked else self.told()

    def _left(self, asked: Sequence[str], number: int, spent: float) -> str:
        planned = sum(CLAIMS[name].seconds[self.tier] for name in asked)
        return f"at most {numbers.duration(max(0.0, planned - spent))} left"

    def _run(self, claim: Claim, before: float, show: Callable[[float], None]) -> None:
        """The experiments of one claim until they are done or its seconds are over, those of finished ones counted."""
        spent, begun, limit = self.spent(claim.id), self.clock(), claim.seconds[self.tier]

        def on_tick(state: State) -> bool:
            seconds = spent + self.clock() - begun
            show(before + min(seconds, limit))
            return seconds < limit

        engine = LocalEngine(self._workers(claim), entry=run_experiment)
        engine.run(self.folder, jobs_of(claim, self.tier), on_tick)

    def _workers(self, claim: Claim) -> int:
        return 1 if claim.alone else self.workers

    def spent(self, name: str) -> float:
        """Seconds that the finished experiments of a claim took; what a kill has lost is not among them."""
        claim = CLAIMS[name]()
        return sum(record["seconds"] for record in records_of(self.folder, claim, self.tier) if record) / self._workers(claim)

    def told(self) -> dict[str, Any]:
        """``claims.json`` as far as it goes, on disk with its page."""
        from seqwise.textbook.page import render_claims

        results = {name: results_of(self.folder, CLAIMS[name](), self.tier) for name in CLAIMS}
        claims = [self._entry(CLAIMS[name](), results[name]) for name in CLAIMS]
        result = {
            "schema_version": 1,
            "tier": self.tier,
            "claims": claims,
            "table": measured_table(claims),
            "agreement": agreement(claims),
            "environment": environment(self.command),
        }
        write_json(self.folder.path / "claims.json", result)
        pictures = {name: CLAIMS[name]().pictures(found) for name, found in results.items() if found}
        write_text(self.folder.path / "claims.html", render_claims(result, pictures))
        return result

    def _entry(self, claim: Claim, results: list[Result] | None) -> dict[str, Any]:
        """Of ``claims.json``; with how many experiments were planned and made, and what those that broke said."""
        records = records_of(self.folder, claim, self.tier)
        made = [record for record in records if record]
        failed = [{**record["job"]["experiment"], "error": record["error"]} for record in made if record["status"] == "failed"]
        told = {"planned": len(records), "done": len(made) - len(failed), "failed": failed}
        return claim.told(results, self.spent(claim.id)) | {"experiments": told}


def request_of(tier: str) -> str:
    """What a folder must agree on."""
    return fingerprint({"claims": tier, "source": source_hash()})


@functools.cache
def code_hash(module: str) -> str:
    """SHA-256 over what decides the numbers that a claim's module measures."""
    digest = hashlib.sha256(source_hash().encode())
    for name in (module, *MEASURING):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def jobs_of(claim: Claim, tier: str) -> list[dict[str, Any]]:
    """A job for each experiment, under a name that follows from it and from the code that runs it."""
    code = code_hash(type(claim).__module__.rpartition(".")[2])
    found = []
    for experiment in claim.experiments(tier):
        job = {"claim": claim.id, "experiment": experiment.to_dict(), "after": []}
        found.append(job | {"fingerprint": fingerprint(job | {"code": code})})
    return found


def results_of(folder: RunFolder, claim: Claim, tier: str) -> list[Result] | None:
    """What the claim's experiments of a tier found; None where none was made."""
    found = [record for record in records_of(folder, claim, tier) if record]
    if not found:
        return None
    return [(Experiment.from_dict(record["job"]["experiment"]), record["result"]) for record in found if record["status"] == "ok"]


def records_of(folder: RunFolder, claim: Claim, tier: str) -> list[dict[str, Any] | None]:
    """Of every experiment of a tier, None for what was not made."""
    return [folder.record(job["fingerprint"]) for job in jobs_of(claim, tier)] if tier in claim.seconds else []


def environment(command: str) -> dict[str, Any]:
    import torch

    from seqwise.kernels.c.use import kernels_in_use

    return {
        "python": platform.python_version(),
        "packages": package_versions(),
        "kernels": kernels_in_use(),
        "cpu": cpu_name(),
        "cores": core_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": os.getloadavg()[0],
        "command": command,
        "source_sha256": source_hash(),
    }


def run_claims(
    names: Sequence[str], tier: str, *, out: str | None, workers: int | None, console: Console, command: str
) -> tuple[Path, dict[str, Any]]:
    """Run claims, or continue; returns the folder and ``claims.json``.

    Raises :class:`UserError` for an unknown claim or tier, and a folder that holds something else.
    """
    if tier not in TIERS:
        raise UserError(f"there is no tier '{tier}'", fix=did_you_mean(tier, list(TIERS)))
    for name in names:
        if name not in CLAIMS:
            raise UserError(f"there is no claim '{name}'", fix=did_you_mean(name, list(CLAIMS)))
    folder = RunFolder(Path(out) if out else Path("runs") / f"claims-{tier}")
    _check(folder, tier)
    with folder.locked():
        run = ClaimsRun(folder, tier, list(names) or list(CLAIMS), workers or core_count(), console, command)
        return folder.path, run.execute()


def _check(folder: RunFolder, tier: str) -> None:
    if folder.path.is_file():
        raise UserError(f"{folder.path} is a file", expected="a folder, or a name that is free", fix="choose another --out")
    if folder.plan.exists():
        if read_json(folder.plan).get("request") != request_of(tier):
            raise UserError(f"{folder.path} holds another run, tier or version of seqwise", fix="choose another --out, or remove it")
    elif folder.path.exists() and any(path.name != ".lock" for path in folder.path.iterdir()):
        raise UserError(f"{folder.path} exists and holds no claims", fix="choose another --out")
