"""Running text for language models, from one source or from separate ones, and its parts for training, validation and test."""

import collections
import dataclasses
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from seqwise.core.errors import UserError
from seqwise.data.columns import SPLIT_VALUES, column_of, guess_text, split_column, usual_target
from seqwise.data.readers import as_text
from seqwise.data.splits import Split
from seqwise.data.tables import FORMATS, Table, decode, gunzip, read_bytes, read_table

TEXT_SUFFIXES = (".txt", ".text", ".md", ".rst")
MANY = 20
"""Documents from which on none of them is cut, unless one of them is large."""
LARGE = 0.1
"""Of the text: a document with more would decide the sizes of the parts."""
LINE_END, SPACE = re.compile("\n"), re.compile(r"\s")


@dataclasses.dataclass(frozen=True)
class TextCorpus:
    """Documents of running text.

    Args:
        documents: as written; none is empty or white space alone.
        given: per document "train", "validation" or "test" where the user fixed it, else "".
        source: as the user wrote it.
        sha256: over all documents and the parts they belong to, in order.
        notes: what was guessed or left out, for the user to read.
    """

    documents: tuple[str, ...]
    given: tuple[str, ...]
    source: str
    sha256: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.documents)


@dataclasses.dataclass(frozen=True)
class _Part:
    """The documents of one source, and the column they stand in where it is a table."""

    documents: list[str]
    given: list[str]
    notes: tuple[str, ...] = ()
    column: str | None = None


def load_text_corpus(source: str, *, validation: str | None = None, test: str | None = None, text: str | None = None) -> TextCorpus:
    """Read running text.

    Args:
        source: a .txt .text .md or .rst file (one document, kept to the letter but for a byte order mark); a folder of such files (one
            document each, in the order of their paths; splits where files or subfolders are named train, validation and test); a table
            (see :func:`read_table`: one document a row; a ``split`` column fixes the splits). Each file also as .gz.
        validation, test: separate sources of any of these kinds; all else is then for training.
        text: the column of a table; guessed where it is not named.

    Raises :class:`UserError` for what is missing, no UTF-8 or without any text, and for a split that is given twice.
    """
    source = str(source)
    main = _read(source, text)
    if text is not None and main.column is None:
        raise UserError(f"{source} is plain text and has no column '{text}'", fix="leave out --text")
    parts = [main]
    for split, other in (("validation", validation), ("test", test)):
        if other is None:
            continue
        if split in main.given:
            raise UserError(f"{source} already has a {split} part", fix=f"leave out --{split}, or name the training part alone as the data")
        parts.append(_as_split(_read(str(other), main.column), str(other), split))
    if len(parts) > 1:
        parts[0] = dataclasses.replace(main, given=[given or "train" for given in main.given])
    return _corpus(source, parts)


def _read(source: str, column: str | None) -> _Part:
    path = Path(source)
    if source.startswith(("hf:", "demo:")) or (suffix(path) in FORMATS.keys() - TEXT_SUFFIXES and not path.is_dir()):
        part = _rows(read_table(source), column)
    elif path.is_dir():
        part = _folder(path)
    elif suffix(path) in TEXT_SUFFIXES:
        part = _Part([_read_text(path)], [""])
    else:
        # says so where there is no such file
        read_bytes(path)
        known = " ".join(dict.fromkeys([*TEXT_SUFFIXES, *FORMATS]))
        raise UserError(
            f"{source} has no known kind of text (suffix '{suffix(path)}')", expected=f"a file ending in {known}, each also .gz"
        )
    return _without_empty(part, source)


def suffix(path: Path) -> str:
    """The kind of a file, in lower case; where it is packed, what stands before .gz."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def _read_text(path: Path) -> str:
    raw = read_bytes(path)
    return decode(gunzip(raw, str(path)) if path.suffix.lower() == ".gz" else raw, str(path))


def _rows(table: Table, column: str | None) -> _Part:
    """One document a row."""
    split = split_column(table)
    name = column or guess_text(table, [usual_target(table, [split]), split])
    documents = [as_text(value, table.source, name) for value in column_of(table, name)]
    given = [SPLIT_VALUES[str(value).strip().casefold()] for value in table.columns[split]] if split else [""] * len(documents)
    notes = [*table.notes, f"{table.source}: every row is one document ({len(documents)})"]
    if column is None:
        notes.append(f"text is column '{name}'")
    if split:
        notes.append(f"splits are those of column '{split}'")
    return _Part(documents, given, tuple(notes), name)


def _folder(folder: Path) -> _Part:
    """One document a file."""
    places = text_files(folder)
    splits = _named_splits(places)
    notes = [f"{folder}: every file is one document ({len(splits)})"]
    if any(splits.values()):
        notes.append(f"splits are those of the names in {folder}")
    others = [place for place in places if place not in splits]
    if others:
        notes.append(f"{folder}: left out, as they belong to no split: {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}")
    return _Part([_read_text(folder / place) for place in splits], list(splits.values()), tuple(notes))


def text_files(folder: Path) -> list[str]:
    """Paths within the folder, sorted, whatever is hidden left out."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if suffix(path) in TEXT_SUFFIXES and path.is_file())
    places = sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))
    if not places:
        raise UserError(
            f"folder {folder} holds no text",
            expected=f"files ending in {' '.join(TEXT_SUFFIXES)}, each also with .gz",
            fix=f"for a folder of parquet or csv files: hf:{folder}",
        )
    return places


def _named_splits(places: list[str]) -> dict[str, str]:
    """File -> split, of the files whose path names one, where train and another split are named; where validation or test is named
    beside files that name none, those are for training; else all files, without a split."""
    named = {place: split for place in places if (split := _split_of(place))}
    if "train" in named.values() and len(set(named.values())) > 1:
        return named
    if named and "train" not in named.values() and len(named) < len(places):
        return {place: named.get(place, "train") for place in places}
    return dict.fromkeys(places, "")


def _split_of(place: str) -> str:
    """The split that a path within a folder names, else "".

    >>> [_split_of(place) for place in ("train/a.txt", "wiki.valid.txt.gz", "Test.md", "training_plan.txt")]
    ['train', 'validation', 'test', '']
    """
    name = place.partition("/")[0].casefold().removesuffix(".gz")
    stem = name.rpartition(".")[0] or name
    return SPLIT_VALUES.get(stem.rpartition(".")[2], "")


def _without_empty(part: _Part, source: str) -> _Part:
    kept = [(document, split) for document, split in zip(part.documents, part.given, strict=True) if document.strip()]
    if not kept:
        raise UserError(f"{source} holds no text", expected="characters other than white space")
    documents, given = map(list, zip(*kept, strict=True))
    for split in dict.fromkeys(part.given):
        if split not in given:
            raise UserError(f"the {split} part of {source} holds no text", expected="characters other than white space")
    empty = len(part.documents) - len(kept)
    notes = (f"{source}: {empty} empty documents are left out",) if empty else ()
    return dataclasses.replace(part, documents=documents, given=given, notes=part.notes + notes)


def _as_split(part: _Part, source: str, split: str) -> _Part:
    if len(set(part.given)) > 1:
        held = ", ".join(dict.fromkeys(part.given))
        raise UserError(f"{source}, given for {split}, has parts of its own ({held})", fix=f"name the one file that is for {split}")
    return dataclasses.replace(part, given=[split] * len(part.documents))


def _corpus(source: str, parts: list[_Part]) -> TextCorpus:
    documents, given, notes = (tuple(value for part in parts for value in getattr(part, name)) for name in ("documents", "given", "notes"))
    return TextCorpus(documents, given, source, _hash(documents, given), tuple(dict.fromkeys(notes)))


def _hash(documents: Iterable[str], given: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for document, split in zip(documents, given, strict=True):
        data = document.encode()
        digest.update(f"{split} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def split_corpus(corpus: TextCorpus, *, shares: Sequence[float] = (0.9, 0.05, 0.05)) -> dict[Split, list[str]]:
    """The documents of each part, none of them empty; a pure function of the corpus.

    What is given stays as it is. Otherwise the test part is cut from the end of the text for training, then the validation part from the
    end of what is left, so that train, validation and test are in the order of the text. From 20 documents on, none of them with more
    than a tenth of the text, whole documents evenly spaced are taken instead.

    Args:
        shares: of train, validation and test, in bytes (or documents); those of parts that are given do not count.

    Raises :class:`UserError` where the text is too short.
    """
    parts = collections.defaultdict(list)
    for document, split in zip(corpus.documents, corpus.given, strict=True):
        parts[Split(split or "train")].append(document)
    share = dict(zip(Split, shares, strict=True))
    missing = [split for split in (Split.TEST, Split.VALIDATION) if split not in parts]
    divide = _choose if _many(parts[Split.TRAIN]) else _cut
    for number, split in enumerate(missing):
        left = share[Split.TRAIN] + sum(share[other] for other in missing[number:])
        parts[Split.TRAIN], parts[split] = divide(parts[Split.TRAIN], share[split] / left)
    for split in Split:
        if not any(map(str.strip, parts[split])):
            raise UserError(
                f"{corpus.source} is too short to divide: its {split} part would be empty",
                expected="text for train, validation and test",
                fix="give more text, or separate files with --validation and --test",
            )
    return {split: parts[split] for split in Split}


def _many(documents: list[str]) -> bool:
    sizes = [len(document) for document in documents]
    return len(sizes) >= MANY and max(sizes) <= LARGE * sum(sizes)


def _choose(documents: list[str], share: float) -> tuple[list[str], list[str]]:
    """What stays and what is taken: the last document of each of ``share * len(documents)`` equal stretches."""
    count = max(1, round(share * len(documents)))
    taken = {(number + 1) * len(documents) // count - 1 for number in range(count)}
    return [document for n, document in enumerate(documents) if n not in taken], [documents[n] for n in sorted(taken)]


def _cut(documents: list[str], share: float) -> tuple[list[str], list[str]]:
    """Beginning and end of the text; the end has about ``share`` of the bytes. One document at most is cut."""
    sizes = [len(document.encode()) for document in documents]
    wanted = share * sum(sizes)
    head, tail = list(documents), []
    while head and sizes[len(head) - 1] <= wanted:
        wanted -= sizes[len(head) - 1]
        tail.insert(0, head.pop())
    if head:
        last = head.pop()
        place = _place(last, round(wanted))
        head, tail = [*head, last[:place]], [last[place:], *tail]
    return [document for document in head if document], [document for document in tail if document]


def _place(document: str, size: int) -> int:
    """Where to cut off about ``size`` bytes: behind the nearest line end, else white space, at most half of the size away."""
    data = document.encode()
    # half a character at the end does not count
    wanted = len(data[: len(data) - size].decode(errors="ignore"))
    slack = (len(document) - wanted) // 2
    for mark in (LINE_END, SPACE):
        ends = [found.end() for found in mark.finditer(document, max(0, wanted - slack), wanted + slack)]
        if ends:
            return min(ends, key=lambda end: abs(end - wanted))
    return wanted
