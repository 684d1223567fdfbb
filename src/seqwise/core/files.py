"""Files that are either there whole or not there."""

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqwise.core.errors import NoSpace, UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Raises :class:`NoSpace` where the disk, a quota or a limit leaves no room for what is written to ``path``."""
    try:
        yield
    except Exception as error:
        told = re.search(r"(?:os error|Errno) (\d+)", str(error))  # safetensors and shutil raise classes of their own
        if (getattr(error, "errno", None) or (told and int(told[1]))) not in FULL:
            raise
        raise NoSpace(path) from error


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to ``path`` once the block ends well.

    Raises :class:`NoSpace` when the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        with room_for(path):
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Indented JSON, written atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Raises :class:`UserError` where the file is no whole JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}", fix="remove the folder it is in and run the same command again") from error


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
