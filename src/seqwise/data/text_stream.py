"""Text of any size, piece by piece: never more than a few pieces of it are in memory."""

import codecs
import contextlib
import dataclasses
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from seqwise.core.errors import UserError, first_line
from seqwise.data.columns import column_of, guess_text
from seqwise.data.corpora import TEXT_SUFFIXES, suffix, text_files
from seqwise.data.readers import as_text
from seqwise.data.tables import read_table

PIECE = 65_536
"""Characters of a piece, about."""
ROWS = 256
"""Rows of a parquet file that are read at a time."""
SAMPLE_COLUMNS = ("text", "content", "document", "sentence")


@dataclasses.dataclass(frozen=True)
class Piece:
    """A piece of a document.

    Args:
        text: not empty.
        last: whether the document ends with it.
    """

    text: str
    last: bool


def sources_of(text: str) -> tuple[str, ...]:
    """The sources that a comma separates; what exists as such is one, commas and all.

    Raises :class:`UserError` where nothing stands beside a comma.
    """
    if "," not in text or Path(text).exists():
        return (text,)
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise UserError(f"'{text}' names no source beside one of its commas", expected="one source, or several as a.txt,b.txt")
    return found


def stream_text(source: str, column: str | None = None) -> Iterator[Piece]:
    """The documents of a source, in order, each in pieces that end with a line where lines are of usual length.

    Args:
        source: a .txt .text .md or .rst file (one document; also .gz), a folder of such files (one each, by path), a .parquet or .jsonl
            file (one a row), or any other table, ``hf:NAME`` or ``demo:NAME``, which are read whole; several with commas between them,
            one after the other.
        column: of the text in tables; guessed where it is not named.

    Raises :class:`UserError` naming the file for what is missing, damaged, no UTF-8, or without text.
    """
    for one in sources_of(str(source)):
        found = False
        for piece in _stream(one, column):
            found = True
            yield piece
        if not found:
            raise UserError(f"{one} holds no text", expected="characters other than white space")


def _stream(source: str, column: str | None) -> Iterator[Piece]:
    path = Path(source)
    plain = not source.startswith(("hf:", "demo:"))
    if plain and path.is_dir():
        for place in text_files(path):
            yield from _file(path / place)
    elif plain and suffix(path) in TEXT_SUFFIXES:
        yield from _file(path)
    elif plain and suffix(path) == ".parquet":
        yield from _documents(_parquet(path, column))
    elif plain and suffix(path) == ".jsonl":
        yield from _documents(_jsonl(path, column))
    else:
        table = read_table(source)
        name = column or guess_text(table, [])
        yield from _documents(as_text(value, source, name) for value in column_of(table, name))


def _file(path: Path) -> Iterator[Piece]:
    """One document, decoded as it is read."""
    decoder, waiting = codecs.getincrementaldecoder("utf-8-sig")(), ""
    with _opened(path) as file:
        try:
            while data := file.read(PIECE):
                waiting += decoder.decode(data)
                while len(waiting) > 2 * PIECE:
                    cut = _line_end(waiting)
                    yield Piece(waiting[:cut], last=False)
                    waiting = waiting[cut:]
            waiting += decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8 ({error.reason})", fix="convert it to UTF-8") from error
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} is damaged ({first_line(error)})", fix="copy it again") from error
    yield from _documents([waiting])


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror})", expected="a file of text", fix="check the path") from error
        yield stack.enter_context(gzip.GzipFile(fileobj=file)) if path.suffix.lower() == ".gz" else file


def _line_end(text: str) -> int:
    """Where the first piece of a text ends."""
    line = text.rfind("\n", PIECE // 2, PIECE)
    return line + 1 if line >= 0 else PIECE


def _documents(texts: Iterable[str]) -> Iterator[Piece]:
    """The pieces of whole documents; what is white space alone is left out."""
    for text in texts:
        if not text.strip():
            continue
        while len(text) > PIECE:
            cut = _line_end(text)
            yield Piece(text[:cut], last=False)
            text = text[cut:]
        yield Piece(text, last=True)


def _parquet(path: Path, column: str | None) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        name = column or _text_column(
            path, [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        )
        if name not in file.schema_arrow.names:
            raise UserError(f"{path} has no column '{name}'", expected=f"one of {', '.join(file.schema_arrow.names)}")
        for batch in file.iter_batches(batch_size=ROWS, columns=[name]):
            for value in batch.column(0).to_pylist():
                yield as_text(value, str(path), name)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is no whole parquet file ({first_line(error)})", fix="copy it again") from error


def _jsonl(path: Path, column: str | None) -> Iterator[str]:
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"{path}, line {number} is no JSON ({first_line(error)})", expected="an object on every line") from error
            if not isinstance(row, dict):
                raise UserError(f"{path}, line {number} is no JSON object", expected='lines such as {"text": "..."}')
            column = column or _text_column(path, [name for name, value in row.items() if isinstance(value, str)])
            if column not in row:
                raise UserError(f"{path}, line {number} has no '{column}'", expected="the same names on every line")
            yield as_text(row[column], str(path), column)


def _text_column(path: Path, names: list[str]) -> str:
    """One with a usual name, else the only one."""
    usual = next((name for name in SAMPLE_COLUMNS if name in names), None)
    if usual is None and len(names) != 1:
        raise UserError(f"{path} has {len(names)} columns of text", expected="one, or one that is called text", fix="name it with --text")
    return usual or names[0]


def spread_sample(pieces: Iterable[Piece], characters: int) -> list[str]:
    """Pieces evenly spaced over a stream, with between one and two times so many characters where it has as many."""
    kept: list[str] = []
    every, size = 1, 0
    for number, piece in enumerate(pieces):
        if number % every:
            continue
        kept.append(piece.text)
        size += len(piece.text)
        while size > 2 * characters and len(kept) > 1:
            kept, every = kept[::2], 2 * every
            size = sum(map(len, kept))
    return kept
