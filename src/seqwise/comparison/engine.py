"""Runs jobs in processes: from a fork server with torch preloaded, as many at a time as there are workers."""

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, Protocol

from seqwise.comparison.folder import RunFolder
from seqwise.core.errors import NoSpace, UserError
from seqwise.core.files import write_json

Job = dict[str, Any]
PRELOAD = ["seqwise.comparison.trial", "seqwise.models.heads", "sklearn.svm", "sklearn.feature_extraction.text"]
POLL_SECONDS = 0.05


class Engine(Protocol):
    """Where jobs run. A job is done when its record is on disk."""

    def run(self, folder: RunFolder, jobs: Sequence[Job], on_tick: Callable[["State"], bool]) -> None: ...


class State:
    """What a tick sees: done fingerprints and running jobs."""

    def __init__(self, jobs: Sequence[Job], folder: RunFolder):
        self.jobs = list(jobs)
        self.done = {job["fingerprint"] for job in jobs if (folder.trial(job["fingerprint"]) / "record.json").exists()}
        self.running: dict[str, Job] = {}

    def ready(self) -> Job | None:
        """The first job in plan order that waits for nothing."""
        for job in self.jobs:
            name = job["fingerprint"]
            if name not in self.done and name not in self.running and self.done.issuperset(job["after"]):
                return job
        return None

    @property
    def finished(self) -> bool:
        return not self.running and self.ready() is None


@contextlib.contextmanager
def hidden_main() -> Iterator[None]:
    """Keep a child process from importing the user's script, which may lack a main guard."""
    main = sys.modules["__main__"]
    kept = {name: main.__dict__[name] for name in ("__file__", "__spec__") if name in main.__dict__}
    for name in kept:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


def start_server(threads: int) -> ForkServerContext:
    """The fork server, with torch preloaded and the thread count fixed before torch starts."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOAD)
    with _environment(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false"), hidden_main():
        from multiprocessing import forkserver

        forkserver.ensure_running()
    return found


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class LocalEngine:
    """Processes on this machine.

    Args:
        workers: processes at a time.
        threads: threads of each.
        entry: what a process runs, with the folder, the job and the threads; trials of a comparison where nothing is named.
    """

    def __init__(self, workers: int, threads: int = 1, entry: Callable[[str, Job, int], None] | None = None):
        self.workers, self.threads, self.entry = workers, threads, entry
        self.context = start_server(threads)

    def _start(self, folder: RunFolder, job: Job) -> ForkServerProcess:
        from seqwise.comparison.trial import run_job

        process = self.context.Process(target=self.entry or run_job, args=(str(folder.path), job, self.threads), daemon=True)
        with hidden_main():
            process.start()
        return process

    def run(self, folder: RunFolder, jobs: Sequence[Job], on_tick: Callable[[State], bool]) -> None:
        """Run every job that has no record yet. ``on_tick`` is called often and stops the run by returning False."""
        state, processes = State(jobs, folder), {}
        try:
            while not state.finished and on_tick(state):
                while len(processes) < self.workers and (job := state.ready()):
                    state.running[job["fingerprint"]] = job
                    processes[job["fingerprint"]] = self._start(folder, job)
                time.sleep(POLL_SECONDS)
                for name in [name for name, process in processes.items() if not process.is_alive()]:
                    self._reap(folder, state, processes.pop(name), state.running.pop(name))
            on_tick(state)
        finally:
            for process in processes.values():
                process.terminate()
                process.join()

    def _reap(self, folder: RunFolder, state: State, process: ForkServerProcess, job: Job) -> None:
        from seqwise.comparison.trial import NO_SPACE

        process.join()
        if process.exitcode == NO_SPACE:
            raise NoSpace(folder.path)
        if folder.record(job["fingerprint"]) is None:
            why = f"the process ended with exit code {process.exitcode}" + (" (killed: out of memory?)" if process.exitcode == -9 else "")
            record = {"schema_version": 1, "job": job, "status": "failed", "error": why, "best": None, "curve": []}
            write_json(folder.trial(job["fingerprint"]) / "record.json", record)
        state.done.add(job["fingerprint"])

    def map(self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """``function`` over ``arguments`` in the same kind of process, in order.

        Raises :class:`UserError` where a process was killed, which is most often for memory.
        """
        try:
            with hidden_main(), ProcessPoolExecutor(self.workers, mp_context=self.context) as pool:
                return [future.result() for future in [pool.submit(function, *values) for values in arguments]]
        except BrokenProcessPool as error:
            raise UserError(
                f"a process of {function.__name__} was killed: out of memory?", fix="a smaller --size, --batch or --workers"
            ) from error
