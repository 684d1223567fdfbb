"""Data that every Python installation already has.

``demo:docstrings``: to which part of the standard library does a documentation string belong? Read from the installed sources, which
are under the licence of the Python Software Foundation (PSF-2.0); nothing is imported, run or copied.
"""

import ast
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from seqwise.core.errors import UserError
from seqwise.data.tables import Table, content_hash

SOURCES = {
    "asyncio": "asyncio",
    "decimal": "_pydecimal.py",
    "email": "email",
    "http": "http",
    "importlib": "importlib",
    "inspect": "inspect.py",
    "logging": "logging",
    "mailbox": "mailbox.py",
    "multiprocessing": "multiprocessing",
    "tarfile": "tarfile.py",
    "unittest": "unittest",
    "urllib": "urllib",
    "xml": "xml",
}
"""Class -> module or package, relative to the standard library; all are in Python 3.11 to 3.14."""
MIN_WORDS, MAX_WORDS = 4, 60


def docstrings() -> Table:
    """Documentation strings of at least 4 words, cut at 60 or at the first example; the class's own name is masked.

    The rows depend on the Python version, not on the machine. Raises :class:`UserError` where the sources are not installed.
    """
    root = Path(sysconfig.get_path("stdlib"))
    rows: dict[tuple[str, str], None] = {}
    for label, place in SOURCES.items():
        for path in _files(root / place):
            rows.update(dict.fromkeys((text, label) for text in _texts(path, label)))
    if not rows:
        raise UserError(f"no Python sources in {root}", expected="a Python installation with its standard library as .py files")
    texts, labels = zip(*rows, strict=True)
    columns = {"text": list(texts), "label": list(labels)}
    return Table(columns, "demo:docstrings", content_hash(columns))


def _files(place: Path) -> list[Path]:
    """The sources of a module or package, without its tests."""
    if place.is_dir():
        return sorted(path for path in place.rglob("*.py") if "test" not in path.relative_to(place).parts)
    return [place] if place.is_file() else []


def _texts(path: Path, label: str) -> Iterator[str]:
    own_name = re.compile(re.escape(label), re.IGNORECASE)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            prose = (ast.get_docstring(node) or "").partition(">>>")[0]
            words = own_name.sub("_", prose).split()
            if len(words) >= MIN_WORDS:
                yield " ".join(words[:MAX_WORDS])
