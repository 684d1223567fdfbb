"""How long one waits: for help, for the first training step, for a further trial."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from figures import Bench, Findings, median
from gate import NO_GATE, require_gate
from runs import command, seqwise, start

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.engine import LocalEngine, hidden_main
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.make_plan import make_plan
from seqwise.comparison.options import Options
from seqwise.comparison.trial import run_job
from seqwise.core.files import write_json
from seqwise.data.readers import load_corpus
from seqwise.tasks import TASKS

POLL_SECONDS = 0.002
LONGEST_WAIT = 300.0


def startup(bench: Bench, *, gated: bool = True) -> Findings:
    """Every wait as the median of repeated ones. Raises :class:`~figures.Skipped` where the conformance tests fail."""
    gate = require_gate(bench) if gated else NO_GATE
    rounds = bench.choose(3, 1)
    first = {"--budget quick": {"budget": "quick"}, "--steps and --size": {"size": "30k", "steps": 1200}}
    waits: dict[str, list[float]] = {what: [] for what in first}
    for _ in range(rounds):
        for what, options in first.items():
            waits[what].append(seconds_to_first_step(bench.out / "runs" / "startup", options))
    figures = [
        median("seqwise --help", [seconds_of_help() for _ in range(bench.choose(10, 3))], "s", wanted="< 0.3"),
        median("start of a further trial", seconds_to_start_trials(bench.choose(10, 2)), "s", wanted="< 1"),
        *(median(f"command to first training step, {what}", values, "s") for what, values in waits.items()),
    ]
    return Findings(figures, {"gate": gate})


def seconds_of_help() -> float:
    begun = time.perf_counter()
    subprocess.run([seqwise(), "--help"], check=True, capture_output=True)
    return time.perf_counter() - begun


def seconds_to_first_step(run: Path, options: dict[str, Any]) -> float:
    """From the command to the first optimizer step of the first trial; then the run is killed and removed."""
    shutil.rmtree(run, ignore_errors=True)
    begun = time.perf_counter()
    process = start(command("demo:docstrings", run, **options), run.with_name("startup.log"), own_group=True)
    try:
        _wait_for(lambda: any(run.glob("trials/*/progress.json")), process)
        return time.perf_counter() - begun
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(run, ignore_errors=True)


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    until = time.monotonic() + LONGEST_WAIT
    while not condition():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the comparison ended, or waited too long, before its first training step")
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def planned(engine: LocalEngine, **options: Any) -> Iterator[tuple[RunFolder, list[dict[str, Any]]]]:
    """A run folder with its data prepared, and the plan's trials, in a temporary place."""
    with tempfile.TemporaryDirectory(prefix="seqwise-bench-") as place:
        folder, wanted = RunFolder(Path(place)), Options(source="demo:docstrings", device="cpu", **options)
        corpus, task = load_corpus(wanted.source), TASKS[wanted.task]()
        plan = make_plan(folder, wanted, task, parse_contenders(wanted.models), corpus, engine, time.monotonic())
        write_json(folder.plan, plan)
        yield folder, plan["trials"]


def seconds_to_start_trials(count: int) -> list[float]:
    """From starting a process to the first line of ``run_job``, which opens the trial's log; the first start is not counted."""
    engine = LocalEngine(1)
    waits = []
    with planned(engine, models=("lstm",), size="30k", steps="12", replicates=count + 1, configurations=1) as (folder, jobs):
        for job in [job for job in jobs if job["kind"] == "search"]:
            process = engine.context.Process(target=run_job, args=(str(folder.path), job, 1), daemon=True)
            begun = time.time()
            with hidden_main():
                process.start()
            log = folder.trial(job["fingerprint"]) / "log.txt"
            while not log.exists() and process.is_alive():
                time.sleep(POLL_SECONDS)
            waits.append(time.time() - begun)
            process.join()
    return waits[1:]
