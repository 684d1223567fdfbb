"""The run folder: what lies where, and one process at a time."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json
from seqwise.data.batching import TokenSet
from seqwise.data.splits import Split, Splits


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

    def tokens(self, replicate: int, split: Split) -> TokenSet:
        return TokenSet.load(self.replicate(replicate) / f"{split}.safetensors")

    def write_splits(self, replicate: int, splits: Splits) -> None:
        write_json(self.replicate(replicate) / "splits.json", {split: splits.indices(split).tolist() for split in Split})

    def splits(self, replicate: int) -> dict[str, np.ndarray]:
        stored = read_json(self.replicate(replicate) / "splits.json")
        return {split: np.asarray(indices, dtype=np.int64) for split, indices in stored.items()}

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
