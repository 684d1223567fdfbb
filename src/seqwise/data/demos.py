"""Data that every Python installation already has.

``demo:docstrings`` and ``demo:sources``: to which part of the standard library does a documentation string, or a page of its sources,
belong? ``demo:python`` and ``demo:docs``: its sources and its documentation as running text. Read from the installed sources, which are
under the licence of the Python Software Foundation (PSF-2.0); nothing is imported, run or copied.
"""

import ast
import re
import sys
import sysconfig
import tokenize
from collections.abc import Collection, Iterator
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
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
MIN_WORDS, MAX_WORDS = 4, 60
TESTS = {"test", "tests"}
TABLES = {"encodings", "pydoc_data"}
"""Packages that are data more than programs."""
OPTIONAL = {"distutils", "ensurepip", "idlelib", "lib2to3", "tkinter", "turtledemo"}
"""Packages that some versions or distributions lack."""
PAGE = 4_000
"""Characters of a row of ``demo:sources``: about a thousand tokens."""
PROGRAM = 4_000_000
"""Characters of ``demo:python``, about: half of what there is."""


def docstrings() -> Table:
    """Documentation strings of at least 4 words, cut at 60 or at the first example; the class's own name is masked.

    The rows depend on the Python version, not on the machine. Raises :class:`UserError` where the sources are not installed.
    """
    root = _library()
    rows: dict[tuple[str, str], None] = {}
    for label, place in SOURCES.items():
        for path in _files(root / place):
            rows.update(dict.fromkeys((text, label) for text in _texts(path, label)))
    _check_found(rows, root)
    texts, labels = map(list, zip(*rows, strict=True))
    return _table("demo:docstrings", text=texts, label=labels)


def sources() -> Table:
    """Pages of 4,000 characters of the modules that ``demo:docstrings`` asks about, each to be told its part; that one's name is masked.

    The rows depend on the Python version, not on the machine. Raises :class:`UserError` where the sources are not installed.
    """
    root, texts, labels = _library(), [], []
    for label, place in SOURCES.items():
        for path in _files(root / place):
            text = _masked(label, _source(path))
            pages = [text[start : start + PAGE] for start in range(0, len(text) - PAGE + 1, PAGE)]
            texts += pages
            labels += [label] * len(pages)
    _check_found(texts, root)
    return _table("demo:sources", text=texts, label=labels)


def python() -> Table:
    """Sources of the standard library, one module a row, evenly spaced in the order of their names: about 4 MB without tests and tables.

    The rows depend on the Python installation. Raises :class:`UserError` where the sources are not installed.
    """
    texts = [_source(path) for path in _modules()]
    kept = min(len(texts), len(texts) * PROGRAM // sum(map(len, texts)))
    return _table("demo:python", text=[texts[number * len(texts) // kept] for number in range(kept)])


def docs() -> Table:
    """The documentation strings of each module of the standard library, then each topic of the language reference: one row each.

    The modules that ``demo:docstrings`` asks about are left out, so that what has learned from the one can be judged by the other.
    The rows depend on the Python installation. Raises :class:`UserError` where the sources are not installed.
    """
    root = _library()
    asked = {path for place in SOURCES.values() for path in _files(root / place)}
    texts = [text for path in _modules() if path not in asked and (text := _documentation(path))]
    return _table("demo:docs", text=texts + _topics())


def _table(source: str, **columns: list[str]) -> Table:
    return Table(columns, source, content_hash(columns))


def _library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _check_found(found: Collection, root: Path) -> None:
    if not found:
        raise UserError(f"no Python sources in {root}", expected="a Python installation with its standard library as .py files")


def _files(place: Path) -> list[Path]:
    """The sources of a module or package, without its tests."""
    if place.is_dir():
        return sorted(path for path in place.rglob("*.py") if not TESTS.intersection(path.relative_to(place).parts))
    return [place] if place.is_file() else []


def _modules() -> list[Path]:
    """Every module of the standard library that is text, in the order of the names."""
    root = _library()
    names = sorted(sys.stdlib_module_names - TABLES - OPTIONAL)
    found = [path for name in names for path in _files(root / name) + _files(root / f"{name}.py")]
    _check_found(found, root)
    return found


def _source(path: Path) -> str:
    with tokenize.open(path) as file:
        return file.read()


def _documentation(path: Path) -> str:
    """The documentation strings of one module, in the order in which they stand there."""
    nodes = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, DOCUMENTED)]
    found = (ast.get_docstring(node) for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)))
    return "".join(f"{text}\n\n" for text in found if text)


def _topics() -> list[str]:
    """The topics that ``help()`` explains: parts of the language reference."""
    path = _library() / "pydoc_data" / "topics.py"
    if not path.is_file():
        return []
    values = [node.value for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.Assign)]
    topics = next(ast.literal_eval(value) for value in values if isinstance(value, ast.Dict))
    return [topics[name] for name in sorted(topics)]


def _masked(label: str, text: str) -> str:
    return re.sub(re.escape(label), "_", text, flags=re.IGNORECASE)


def _texts(path: Path, label: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, DOCUMENTED):
            prose = (ast.get_docstring(node) or "").partition(">>>")[0]
            words = _masked(label, prose).split()
            if len(words) >= MIN_WORDS:
                yield " ".join(words[:MAX_WORDS])
