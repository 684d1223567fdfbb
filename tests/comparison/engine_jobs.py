"""What the processes of the engine's tests do."""

import os
import signal
import time
from pathlib import Path

from seqwise.comparison.engine import LocalEngine, hidden_main
from seqwise.comparison.folder import RunFolder
from seqwise.core.files import write_json


def do(run: str, job: dict) -> None:
    place = RunFolder(Path(run)).trial(job["fingerprint"])
    place.mkdir(parents=True, exist_ok=True)
    with (place / "starts").open("a") as file:
        file.write("x")
    if job["does"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if job["does"] == "exit":
        os._exit(3)
    if job["does"] == "hang":
        time.sleep(600)
    write_json(place / "record.json", {"status": "ok", "job": job, "at": time.monotonic()})


class Engine(LocalEngine):
    """The engine, with jobs that do as they are told."""

    def _start(self, folder, job):
        process = self.context.Process(target=do, args=(str(folder.path), job), daemon=True)
        with hidden_main():
            process.start()
        return process


def add(a: int, b: int) -> int:
    return a + b


def fail() -> None:
    raise ValueError("so")
