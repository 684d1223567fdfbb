"""Comma and tab separated text: strict about its shape, careful about its header."""

import contextlib
import csv
import dataclasses
import io
import re
import statistics
import sys
from collections.abc import Iterator

from seqwise.core.errors import UserError

TEXT_NAMES = ("text", "sentence", "review", "content", "message", "question", "body", "document", "comment", "tweet", "utterance", "title")
TARGET_NAMES = ("label", "labels", "target", "class", "category", "sentiment", "y", "intent", "topic", "rating", "stars", "language")
OTHER_NAMES = ("id", "split", "group", "name", "user", "date", "time", "index", "fine_label", "coarse_label", "text1", "text2", "source")
KNOWN_NAMES = frozenset(TEXT_NAMES + TARGET_NAMES + OTHER_NAMES)


@dataclasses.dataclass(frozen=True)
class Delimited:
    """Columns as they stand in a file, whether the file names them, and what was guessed."""

    columns: dict[str, list]
    notes: tuple[str, ...] = ()
    named: bool = True


Rows = list[tuple[int, list[str]]]


def parse_csv(text: str, source: str, header: bool | None) -> Delimited:
    """Quoted, separated by commas, or by semicolons or tabs if the first line has no comma.

    Raises :class:`UserError` for an unclosed quote, a row of another width than the first, or a header alone.
    """
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    table = _table(_checked(_quoted_rows(text, delimiter, source), source), source, header)
    if delimiter == ",":
        return table
    name = {";": "semicolons", "\t": "tabs"}[delimiter]
    return dataclasses.replace(table, notes=(f"{source}: columns are separated by {name}", *table.notes))


def parse_tsv(text: str, source: str, header: bool | None) -> Delimited:
    """Separated by tabs; quotes are ordinary characters, since unbalanced ones are common.

    Only where that leaves rows of different widths and quoting does not, quotes are taken to enclose values.
    """
    rows = [(number, line.rstrip("\r").split("\t")) for number, line in enumerate(text.split("\n"), 1) if line.strip("\r")]
    try:
        return _table(_checked(rows, source), source, header)
    except UserError:
        with contextlib.suppress(UserError):
            return _table(_checked(_quoted_rows(text, "\t", source), source), source, header)
        raise


@contextlib.contextmanager
def _unlimited_fields() -> Iterator[None]:
    """The csv module refuses fields above 128 KiB unless told otherwise."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _quoted_rows(text: str, delimiter: str, source: str) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: Rows = []
    start = 1
    with _unlimited_fields():
        try:
            for row in reader:
                if row:
                    rows.append((start, row))
                start = reader.line_num + 1
        except csv.Error as error:
            if "end of data" in str(error):
                raise _unclosed(source, start) from error
            raise UserError(f"{source}, line {reader.line_num}: {error}", fix='write a quote within a quoted value twice: ""') from error
    return rows


def _unclosed(source: str, line: int) -> UserError:
    return UserError(
        f"{source}, line {line}: a quote is opened and never closed", fix='close it, or write a quote within a quoted value twice: ""'
    )


def _checked(rows: Rows, source: str) -> Rows:
    width = len(rows[0][1])
    for line, row in rows:
        if len(row) != width:
            fix = "put values that contain the separator in quotes"
            raise UserError(f"{source}, line {line}: {len(row)} values", expected=f"{width} values, as in line {rows[0][0]}", fix=fix)
    return rows


def _table(rows: Rows, source: str, header: bool | None) -> Delimited:
    cells = [row for _, row in rows]
    named = has_header(cells) if header is None else header
    if not named:
        names = _guessed_names(cells)
        return Delimited(_columns(names, cells), (f"{source} has no header; columns: {', '.join(names)}",), named=False)
    if len(cells) == 1:
        raise UserError(
            f"{source} has a header ({', '.join(cells[0])}) and no rows", expected="at least one row of data", fix="or --no-header"
        )
    names = [name.strip() or f"column_{place}" for place, name in enumerate(cells[0], 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{source}: two columns are called '{twice[0]}'", fix="rename one of them, or --no-header")
    return Delimited(_columns(names, cells[1:]))


def _columns(names: list[str], cells: list[list[str]]) -> dict[str, list]:
    return {name: list(values) for name, values in zip(names, zip(*cells, strict=True), strict=True)}


def has_header(cells: list[list[str]]) -> bool:
    """Whether the first row names the columns.

    No: it has a number, an empty cell beside others that are no names, a sentence, or a value that its column repeats. Yes: a usual
    name stands in it, or nothing speaks against it.
    """
    first = [cell.strip() for cell in cells[0]]
    if all(cell.casefold() in KNOWN_NAMES for cell in first):
        return True
    if len(set(first)) < len(first) or not all(_like_a_name(cell) for cell in (first[0] or "index", *first[1:])):
        return False
    return not any(cell in {row[place].strip() for row in cells[1:1000]} for place, cell in enumerate(first))


def _like_a_name(cell: str) -> bool:
    return bool(re.fullmatch(r"[^\W\d][\w .:/()#-]{0,39}", cell)) and len(cell.split()) <= 4 and not cell.endswith(".")


def _guessed_names(cells: list[list[str]]) -> list[str]:
    """Two columns are a text and a label: the label is the one that repeats more, then the shorter one."""
    width = len(cells[0])
    if width != 2:
        return [f"column_{place}" for place in range(1, width + 1)]
    columns = list(zip(*cells, strict=True))
    label = min((0, 1), key=lambda place: (len(set(columns[place])), statistics.median(map(len, columns[place]))))
    return ["label", "text"] if label == 0 else ["text", "label"]
