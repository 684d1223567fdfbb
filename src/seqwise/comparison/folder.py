"""The run folder: what lies where, and one process at a time."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError
from seqwise.core.files import read_json
from seqwise.data.splits import Split
from seqwise.tasks.task_data import TaskData

KEYS = {"task", "data", "protocol", "models", "pairwise", "verdict", "best", "status"}


def read_result(folder: Path) -> dict[str, Any]:
    """``comparison.json`` of a run folder. Raises :class:`UserError` where there is none, or something else."""
    file = folder / "comparison.json"
    if not file.exists():
        raise UserError(f"{folder} holds no finished comparison", expected="a run folder with a comparison.json")
    try:
        result = read_json(file)
    except ValueError as error:
        raise UserError(f"{file} is damaged: {error}", fix="run the comparison again") from error
    if type(result) is not dict or not result.keys() >= KEYS:
        raise UserError(f"{file} is damaged: it holds no result of a comparison", fix="run the comparison again")
    return result


class RunFolder:
    """``plan.json``, ``trials/<fingerprint>/``, ``cache/`` (encoded data, dropped at the end) and the results."""

    def __init__(self, path: Path):
        self.path = path

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def result(self) -> Path:
        return self.path / "comparison.json"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    def trial(self, fingerprint: str) -> Path:
        return self.path / "trials" / fingerprint

    def record(self, fingerprint: str) -> dict[str, Any] | None:
        path = self.trial(fingerprint) / "record.json"
        return read_json(path) if path.exists() else None

    def replicate(self, replicate: int) -> Path:
        return self.cache / f"replicate-{replicate}"

    def examples(self, data: TaskData, replicate: int, split: Split, *, within: str = "") -> Any:
        """The encoded examples of a split, as :meth:`TaskData.encode` wrote them.

        Args:
            within: a folder in that of the replicate, where a model from outside has its own.
        """
        return data.examples.load(self.replicate(replicate) / within / f"{split}.safetensors")

    def drop_cache(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Refuse a second process on the same folder. The lock goes with the process, however it ends.

        A folder that is new and got no plan, because an option or the data turned out to be impossible, is removed again.
        """
        new = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("w")
        except OSError as error:
            raise UserError(f"{self.path} cannot be written ({error.strerror})", fix="choose another --out") from error
        with lock as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"another process works in {self.path}", fix="wait for it, or choose another --out") from None
            try:
                yield
            except Exception:
                if new and not self.plan.exists():
                    shutil.rmtree(self.path)
                raise
