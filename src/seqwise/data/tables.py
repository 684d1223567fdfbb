"""Files, hub data sets and demos as tables of columns, with their values exactly as written."""

import dataclasses
import difflib
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError, first_line
from seqwise.core.registry import Registry
from seqwise.data.delimited import Delimited, parse_csv, parse_tsv

DEMOS = Registry(
    "demo",
    {
        "airline": "seqwise.data.figures:airline",
        "dates": "seqwise.data.dates:dates",
        "docstrings": "seqwise.data.demos:docstrings",
        "docs": "seqwise.data.demos:docs",
        "python": "seqwise.data.demos:python",
        "sources": "seqwise.data.demos:sources",
        "sunspots": "seqwise.data.figures:sunspots",
    },
)


@dataclasses.dataclass(frozen=True)
class Table:
    """Named columns of equal length.

    Args:
        columns: name -> values; text stays text ("NA", "007" and "nan" are strings), a missing value is None.
        source: as the user wrote it.
        sha256: of the file's bytes, or of the values where there is no single file.
        notes: what was guessed.
        named: whether the column names come from the source; False for a file without a header.
    """

    columns: dict[str, list]
    source: str
    sha256: str
    notes: tuple[str, ...] = ()
    named: bool = True

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def read_table(source: str, *, header: bool | None = None) -> Table:
    """Read a file, ``hf:NAME[/CONFIG]`` or ``demo:NAME``.

    Args:
        source: a .csv .tsv .jsonl .json .parquet .txt file (each also .gz), or one of the two prefixes.
        header: whether the first row of a csv or tsv file names the columns; None decides by looking.

    Raises :class:`UserError`, naming the file and the line or column, when the source cannot be read whole.
    """
    source = str(source)
    kind, _, name = source.partition(":")
    if kind == "demo":
        return DEMOS[name]()
    if kind == "hf":
        from seqwise.data.hub import read_hub

        return read_hub(source, name)
    return _read_file(source, header)


def content_hash(columns: dict[str, list]) -> str:
    """SHA-256 of names and values, for tables that come from no single file."""
    digest = hashlib.sha256()
    for name, values in columns.items():
        digest.update(json.dumps([name, values], default=str).encode())
    return digest.hexdigest()


def is_source(text: str) -> bool:
    """Whether a word names data: a scheme, something that is there, or a file name of a known kind."""
    path = Path(text) if len(text) < 255 and "\n" not in text else Path("-")
    known = bool(path.suffix) and " " not in text and path.suffixes[-1].lower() in {*FORMATS, ".gz"}
    return text.startswith(("hf:", "demo:")) or path.exists() or known


def read_bytes(path: Path) -> bytes:
    """Raises :class:`UserError` where the file is missing, a folder, or not to be read."""
    _check_is_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", fix="check its permissions") from error


def _read_file(source: str, header: bool | None) -> Table:
    path = Path(source)
    _check_is_file(path)
    suffix = _suffix(path)
    raw = read_bytes(path)
    data = gunzip(raw, source) if path.suffix.lower() == ".gz" else raw
    if not data.strip():
        raise UserError(f"{source} is empty", expected="a file with rows of text and label")
    parsed = FORMATS[suffix](data, source, header)
    return Table(parsed.columns, source, hashlib.sha256(raw).hexdigest(), parsed.notes, parsed.named)


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in FORMATS:
        raise UserError(
            f"{path} has no known kind of data (suffix '{suffix}')", expected=f"a file ending in {' '.join(FORMATS)}, each also with .gz"
        )
    return suffix


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        raise UserError(
            f"{path} is a folder", expected="a data file", fix=f"name a file in it, or write hf:{path} for a folder of parquet or csv files"
        )
    if path.exists():
        return
    folder = path.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.7)
    where = f"folder {folder.resolve()}" if folder.is_dir() else f"folder {folder}, which is missing too"
    raise UserError(f"there is no file {path} ({where})", fix=f"did you mean {' or '.join(near)}?" if near else "check the path")


def gunzip(raw: bytes, source: str) -> bytes:
    """Raises :class:`UserError` where the file is cut short or no gzip file."""
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{source} is not a whole gzip file ({error})", fix="copy or download it again") from error


def decode(data: bytes, source: str) -> str:
    """UTF-8 text without a byte order mark. Raises :class:`UserError` with line and byte offset."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the mark
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data.count(b"\n", 0, offset) + 1
        encoding = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "LATIN1"
        raise UserError(
            f"{source} is not UTF-8 text: byte 0x{data[offset]:02x} in line {line} (byte {offset} of the file)",
            expected="text in UTF-8",
            fix=f"if it is text in another encoding: iconv -f {encoding} -t UTF-8 {source}",
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{source} is not text: a zero byte in line {line}", expected="text in UTF-8")
    return text


def _csv(data: bytes, source: str, header: bool | None) -> Delimited:
    return parse_csv(decode(data, source), source, header)


def _tsv(data: bytes, source: str, header: bool | None) -> Delimited:
    return parse_tsv(decode(data, source), source, header)


def _columns_of(records: list[tuple[str, Any]], source: str) -> Delimited:
    """Columns of (place, object) pairs, in order of first appearance; a key that an object lacks is None."""
    names: dict[str, None] = {}
    for place, record in records:
        if not isinstance(record, dict):
            raise UserError(f"{source}, {place}: not an object", expected='{"text": ..., "label": ...}')
        names.update(dict.fromkeys(record))
    if not names:
        raise UserError(f"{source} holds no examples", expected='objects such as {"text": ..., "label": ...}')
    return Delimited({name: [record.get(name) for _, record in records] for name in names})


def _loads(text: str, source: str, first_line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise UserError(f"{source}, line {line}: not valid JSON ({error.msg})", expected="objects of text and label") from error
    except (ValueError, RecursionError) as error:
        # a number of thousands of digits, or brackets within brackets without end
        raise UserError(
            f"{source}, from line {first_line}: JSON that cannot be read ({error})", expected="objects of text and label"
        ) from error


def _jsonl(data: bytes, source: str, header: bool | None) -> Delimited:
    records = []
    for number, line in enumerate(io.StringIO(decode(data, source), newline="\n"), 1):
        if not line.strip():
            continue
        records.append((f"line {number}", _loads(line.rstrip(), source, number)))
    return _columns_of(records, source)


def _json(data: bytes, source: str, header: bool | None) -> Delimited:
    value = _loads(decode(data, source), source, 1)
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        lengths = {name: len(column) for name, column in value.items()}
        if len(set(lengths.values())) > 1:
            raise UserError(f"{source}: columns of different lengths {lengths}")
        return Delimited(value)
    if not isinstance(value, list):
        raise UserError(f"{source} is neither a list of objects nor an object of columns", expected='[{"text": ..., "label": ...}, ...]')
    return _columns_of([(f"item {number}", item) for number, item in enumerate(value, 1)], source)


def _parquet(data: bytes, source: str, header: bool | None) -> Delimited:
    import pyarrow
    import pyarrow.parquet

    try:
        columns = pyarrow.parquet.read_table(io.BytesIO(data)).to_pydict()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source} is not a whole parquet file ({first_line(error)})", fix="write or download it again") from error
    if not columns or not len(next(iter(columns.values()))):
        raise UserError(f"{source} holds no rows", expected="a table with rows of text and label")
    return Delimited(columns)


def _txt(data: bytes, source: str, header: bool | None) -> Delimited:
    text = decode(data, source)
    lines = [line for line in text.split("\n") if line.strip()]
    if all(line.startswith("__label__") for line in lines):
        return _fasttext(lines, source)
    if all("\t" in line for line in lines):
        return parse_tsv(text, source, header)
    raise UserError(
        f"{source} is plain text without labels",
        expected="lines such as '__label__spam win a prize now' or 'spam<TAB>win a prize now'",
        fix="give every line its label, or write a csv file with columns text and label; --task text-generation needs no labels",
    )


def _fasttext(lines: list[str], source: str) -> Delimited:
    texts, labels = [], []
    for number, line in enumerate(lines, 1):
        label, _, text = line.strip().removeprefix("__label__").partition(" ")
        if text.lstrip().startswith("__label__"):
            raise UserError(f"{source}, example {number}: more than one label", expected="one __label__ per line")
        texts.append(text.strip())
        labels.append(label)
    return Delimited({"text": texts, "label": labels})


FORMATS: dict[str, Callable[[bytes, str, bool | None], Delimited]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".json": _json,
    ".parquet": _parquet,
    ".txt": _txt,
}
