"""Pairs of a source and a target text: from two columns of a table, or from two files with a line each."""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

from seqwise.core.config import fingerprint
from seqwise.core.errors import UserError
from seqwise.data.columns import SPLIT_VALUES, column_of, split_column
from seqwise.data.delimited import TARGET_NAMES
from seqwise.data.readers import MIN_EXAMPLES, as_label, as_text
from seqwise.data.tables import Table, decode, gunzip, read_bytes, read_table

USUAL = (("source", "target"), ("src", "tgt"), ("input", "output"))
"""Names of the two columns that need no guess."""


@dataclasses.dataclass(frozen=True)
class PairCorpus:
    """Pairs, numbered 0 to n-1 through all files in the order train, validation, test.

    Args:
        sources, targets: texts, none of them empty.
        groups: what must not be divided between splits, or None.
        given: per pair "train", "validation" or "test" where the user fixed it, else "".
        source: as the user wrote it.
        sha256: over all files and the choice of columns.
        source_column, target_column: names in the first file.
        notes: what was guessed, for the user to read.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    groups: tuple[str, ...] | None
    given: tuple[str, ...]
    source: str
    sha256: str
    source_column: str
    target_column: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sources)

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """By which duplicates are found: the sources, runs of white space as one space."""
        return tuple(" ".join(text.split()) for text in self.sources)

    @property
    def labels(self) -> tuple[str, ...]:
        """All alike: what is drawn is stratified by nothing."""
        return ("",) * len(self)

    @property
    def classes(self) -> tuple[str, ...]:
        return ("",)


@dataclasses.dataclass(frozen=True)
class PairColumns:
    """Names of columns; None where one is to be guessed."""

    source: str | None = None
    target: str | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class _Part:
    sources: list[str]
    targets: list[str]
    groups: list[str]
    given: list[str]


def load_pairs(
    source: str,
    *,
    validation: str | None = None,
    test: str | None = None,
    columns: PairColumns = PairColumns(),
    header: bool | None = None,
    for_training: bool = True,
) -> PairCorpus:
    """Read pairs; columns that are not named are guessed, and the guess is noted.

    Args:
        source: as of :func:`~seqwise.data.tables.read_table`, or two parallel files as ``FILE,FILE``; a ``split`` column fixes the splits.
        validation, test: separate sources of the same form.
        for_training: demand the ten pairs that training needs.

    Raises :class:`UserError` for a missing column, an empty text, parallel files of unequal lengths, or too few pairs.
    """
    main = read_pair_table(source, header)
    split = split_column(main)
    chosen, notes = choose_columns(main, columns, split)
    parts, tables = [_part(main, chosen, split, "")], [main]
    for name, other in (("validation", validation), ("test", test)):
        if other is None:
            continue
        if name in parts[0].given:
            raise UserError(f"{source} already has a {name} split in its column '{split}'", fix=f"leave out --{name}, or that column")
        tables.append(read_pair_table(other, main.named if header is None else header))
        parts.append(_part(tables[-1], chosen, None, name))
    if len(parts) > 1:
        parts[0] = dataclasses.replace(parts[0], given=[one or "train" for one in parts[0].given])
    count = sum(one in ("", "train") for one in parts[0].given)
    if for_training and count < MIN_EXAMPLES:
        raise UserError(f"{source} has {count} pairs for training", expected=f"{MIN_EXAMPLES} or more (thousands to learn anything)")
    sources, targets, groups, given = (
        tuple(value for part in parts for value in getattr(part, name)) for name in ("sources", "targets", "groups", "given")
    )
    sha256 = fingerprint([[table.sha256 for table in tables], dataclasses.asdict(chosen), split, main.named], 64)
    noted = (*main.notes, *notes, *((f"splits are those of column '{split}'",) if split else ()))
    return PairCorpus(
        sources, targets, groups if chosen.group else None, given, source, sha256, chosen.source or "", chosen.target or "", noted
    )


def is_parallel(source: str) -> bool:
    """Whether a word names two parallel files, ``FILE,FILE``."""
    return "," in source and not source.startswith(("hf:", "demo:")) and not Path(source).exists()


def read_pair_table(source: str, header: bool | None = None) -> Table:
    """A table, or two parallel files as one: line i of the second is the target of line i of the first.

    Raises :class:`UserError` where the files have unequal numbers of lines.
    """
    if not is_parallel(source):
        return read_table(source, header=header)
    names = source.split(",")
    if len(names) != 2:
        raise UserError(f"{source} names {len(names)} files", expected="two parallel files, SOURCE,TARGET")
    found = [read_lines(name) for name in names]
    sizes = [len(lines) for lines, _ in found]
    if sizes[0] != sizes[1]:
        raise UserError(
            f"{names[0]} has {sizes[0]:,} lines, {names[1]} has {sizes[1]:,}",
            expected="parallel files: line i of the second is the translation of line i of the first",
        )
    columns = {"source": found[0][0], "target": found[1][0]}
    return Table(columns, source, hashlib.sha256("".join(sha256 for _, sha256 in found).encode()).hexdigest())


def read_lines(name: str) -> tuple[list[str], str]:
    """The lines of a file, which end with a line feed and nothing else, and the file's SHA-256."""
    raw = read_bytes(Path(name))
    text = decode(gunzip(raw, name) if name.lower().endswith(".gz") else raw, name)
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines, hashlib.sha256(raw).hexdigest()


def choose_columns(table: Table, columns: PairColumns, split: str | None) -> tuple[PairColumns, tuple[str, ...]]:
    """The two columns of text, and what is said about the choice: the first is the source unless one was named."""
    for name in (columns.source, columns.target, columns.group):
        if name is not None:
            column_of(table, name)
    source, target = columns.source, columns.target
    texts = [name for name in table.columns if name not in (columns.group, split) and _is_text(table.columns[name])]
    usual = next((pair for pair in USUAL if source is target is None and set(pair) <= set(texts)), None)
    if usual:
        source, target = usual
    source = source or next((name for name in texts if name != target), None)
    target = target or next((name for name in texts if name != source), None)
    if source is None or target is None:
        raise UserError(
            f"{table.source} has {'one column' if len(table.columns) == 1 else 'no two columns'} of text ({', '.join(table.columns)})",
            expected="a source and a target in every row",
            fix="name them with --source-column and --target, or give two parallel files as SOURCE,TARGET",
        )
    if source == target:
        raise UserError(f"column '{source}' is given as source and as target", expected="two different columns")
    guessed = [f"source is column '{source}'"] if columns.source is None else []
    guessed += [f"target is column '{target}'"] if columns.target is None else []
    return PairColumns(source, target, columns.group), tuple(guessed)


def _is_text(values: Sequence[object]) -> bool:
    return any(isinstance(value, str) for value in values) and all(value is None or isinstance(value, str) for value in values)


def _part(table: Table, columns: PairColumns, split: str | None, given: str) -> _Part:
    assert columns.source is not None
    assert columns.target is not None
    sources, targets = (
        [as_text(value, table.source, name) for value in column_of(table, name)] for name in (columns.source, columns.target)
    )
    for name, texts in ((columns.source, sources), (columns.target, targets)):
        _check_filled(table, name, texts)
    kept = [given] * len(sources)
    if split:
        kept = [SPLIT_VALUES[str(value).strip().casefold()] for value in table.columns[split]]
    values = table.columns.get(columns.group, [None] * len(table)) if columns.group else [None] * len(table)
    groups = [as_label(value) or f"row {row} of {table.source}" for row, value in enumerate(values, 1)]
    return _Part(sources, targets, groups, kept)


def _check_filled(table: Table, name: str, texts: list[str]) -> None:
    empty = [row for row, text in enumerate(texts, 1) if not text.strip()]
    if empty:
        rows = "lines" if is_parallel(table.source) else "data rows"
        shown = ", ".join(map(str, empty[:5])) + (", ..." if len(empty) > 5 else "")
        raise UserError(
            f"{table.source}: '{name}' is empty in {len(empty):,} of {len(texts):,} pairs ({rows} {shown})",
            expected="a source and a target in every pair",
            fix="fill them in, or leave these pairs out",
        )


def usual_text_column(table: Table, name: str | None) -> str:
    """The column to translate: as named, else the usual one, else the first of text. Raises :class:`UserError` where there is none."""
    if name is not None:
        column_of(table, name)
        return name
    texts = [column for column in table.columns if _is_text(table.columns[column])]
    if not texts:
        raise UserError(f"{table.source} has no column of text", expected="a column of texts to translate")
    usual = [pair[0] for pair in USUAL if pair[0] in texts]
    return (usual or [column for column in texts if column.casefold() not in TARGET_NAMES] or texts)[0]
