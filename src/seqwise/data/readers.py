"""Labelled texts from one source, or from separate files for training, validation and test."""

import collections
import dataclasses
import functools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.config import fingerprint
from seqwise.core.errors import UserError, did_you_mean
from seqwise.data.columns import SPLIT_VALUES, column_of, guess_target, guess_text, split_column, usual_target
from seqwise.data.tables import Table, decode, is_source, read_bytes, read_table

__all__ = ["Corpus", "Table", "load_corpus", "read_table", "read_texts"]

MIN_EXAMPLES = 10
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
"""Lone surrogates, which JSON may hold and UTF-8 may not."""


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Labelled texts, numbered 0 to n-1 through all files in the order train, validation, test.

    Args:
        texts: as written; a missing text is "".
        labels: as strings.
        groups: what must not be divided between splits, or None.
        given: per example "train", "validation" or "test" where the user fixed it, else "".
        source: as the user wrote it.
        sha256: over all files and the choice of columns.
        text_column, target_column: names in the first file.
        classes: sorted labels of the training part.
        notes: what was guessed or looks odd, for the user to read.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...] | None
    given: tuple[str, ...]
    source: str
    sha256: str
    text_column: str
    target_column: str
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """By which duplicates are found: the texts, runs of white space as one space."""
        return tuple(" ".join(text.split()) for text in self.texts)


@dataclasses.dataclass(frozen=True)
class _Choice:
    """The columns in use and what is said about their choice."""

    text: str
    target: str
    group: str | None
    split: str | None
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Part:
    """The examples of one file."""

    source: str
    texts: list[str]
    labels: list[str]
    groups: list[str]
    given: list[str]


def load_corpus(
    source: str,
    *,
    validation: str | None = None,
    test: str | None = None,
    text: str | None = None,
    target: str | None = None,
    group: str | None = None,
    header: bool | None = None,
    for_training: bool = True,
) -> Corpus:
    """Read labelled texts; columns that are not named are guessed, and the guess is noted.

    Args:
        source: see :func:`read_table`; a ``split`` column fixes the splits.
        validation, test: separate sources with the same columns.
        text, target, group: column names.
        header: whether csv and tsv files have one; None decides by looking at the first file.
        for_training: demand what training needs: two classes and 10 examples.

    Raises :class:`UserError` for a missing column, missing or unknown labels, a single class, or fewer than 10 examples.
    """
    main = read_table(source, header=header)
    choice = _choose(main, text, target, group)
    parts = [_part(main, choice, "")]
    tables = [main]
    for split, other in (("validation", validation), ("test", test)):
        if other is not None:
            if split in parts[0].given:
                raise UserError(
                    f"{source} already has a {split} split in its column '{choice.split}'", fix=f"leave out --{split}, or that column"
                )
            tables.append(_like(main, other))
            parts.append(_part(tables[-1], choice, split))
    if len(parts) > 1:
        parts[0] = dataclasses.replace(parts[0], given=[split or "train" for split in parts[0].given])
    return _corpus(source, tables, parts, choice, for_training)


def _choose(table: Table, text: str | None, target: str | None, group: str | None) -> _Choice:
    for name in (text, target, group):
        if name is not None:
            column_of(table, name)
    split = split_column(table)
    guessed = []
    if text is None:
        # a column called "label" is not the text, however long its values
        text = guess_text(table, [target or usual_target(table, [group, split]), group, split])
        guessed.append(f"text is column '{text}'")
    if target is None:
        target = guess_target(table, [text, group, split])
        guessed.append(f"target is column '{target}'")
    if text == target:
        raise UserError(f"column '{text}' is given as text and as target", expected="two different columns")
    if split:
        guessed.append(f"splits are those of column '{split}'")
    return _Choice(text, target, group, split, (*table.notes, *guessed))


def _like(main: Table, source: str) -> Table:
    """Another file with the first one's columns: by name, or by place where the first has no header."""
    table = read_table(source, header=main.named)
    if main.named:
        return table
    if len(table.columns) != len(main.columns):
        raise UserError(f"{source} has {len(table.columns)} columns", expected=f"{len(main.columns)}, as in {main.source}")
    columns = dict(zip(main.columns, table.columns.values(), strict=True))
    return dataclasses.replace(table, columns=columns, notes=())


def _part(table: Table, choice: _Choice, split: str) -> _Part:
    texts = [as_text(value, table.source, choice.text) for value in column_of(table, choice.text)]
    labels = [as_label(value) for value in column_of(table, choice.target)]
    _check_labels_present(labels, table.source, choice.target)
    if not any(map(str.strip, texts)):
        raise UserError(f"column '{choice.text}' of {table.source} holds no text at all", fix="name the column with --text")
    given = [split] * len(texts)
    if choice.split and not split:
        given = [SPLIT_VALUES[str(value).strip().casefold()] for value in table.columns[choice.split]]
    return _Part(table.source, texts, labels, _groups(table, choice.group), given)


def _groups(table: Table, name: str | None) -> list[str]:
    """A row without a group is its own."""
    values = table.columns.get(name, [None] * len(table))
    return [as_label(value) or f"row {row} of {table.source}" for row, value in enumerate(values, 1)]


def as_text(value: Any, source: str, column: str) -> str:
    """The text of a cell, "" where it is missing. Raises :class:`UserError` for what is no text, such as a list."""
    if value is None:
        return ""
    if isinstance(value, list | dict | bytes):
        raise UserError(f"column '{column}' of {source} holds a {type(value).__name__}", expected="text")
    return HALF_CHARACTER.sub("\ufffd", str(value))


def as_label(value: Any) -> str:
    """The label as text: 1 and 1.0 are "1", a missing one is "".

    >>> as_label(1.0), as_label(" pos "), as_label(None), as_label(float("nan"))
    ('1', 'pos', '', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    return HALF_CHARACTER.sub("\ufffd", str(value)).strip()


def _check_labels_present(labels: list[str], source: str, column: str) -> None:
    rows = [row for row, label in enumerate(labels, 1) if not label]
    if rows:
        shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        fix = "fill them in, or remove these rows"
        raise UserError(
            f"{source}: column '{column}' is empty in {len(rows)} of {len(labels)} rows (data rows {shown})",
            expected="a label in every row",
            fix=fix,
        )


def _corpus(source: str, tables: list[Table], parts: list[_Part], choice: _Choice, for_training: bool) -> Corpus:
    texts, labels, groups, given = (
        tuple(value for part in parts for value in getattr(part, name)) for name in ("texts", "labels", "groups", "given")
    )
    counts = collections.Counter(label for label, split in zip(labels, given, strict=True) if split in ("", "train"))
    if for_training:
        check_classes(counts, [(part.source, part.labels) for part in parts], choice.target)
    return Corpus(
        texts=texts,
        labels=labels,
        groups=groups if choice.group else None,
        given=given,
        source=source,
        sha256=fingerprint(
            [[table.sha256 for table in tables], choice.text, choice.target, choice.group, choice.split, tables[0].named], 64
        ),
        text_column=choice.text,
        target_column=choice.target,
        classes=tuple(sorted(counts)),
        notes=choice.notes + single_notes(counts) + _empty_notes(texts),
    )


def label_ids(corpus: Any) -> np.ndarray:
    """int64 (n,): the number of each example's label among the corpus's classes."""
    index = {name: i for i, name in enumerate(corpus.classes)}
    return np.array([index[label] for label in corpus.labels], dtype=np.int64)


def check_classes(
    counts: collections.Counter[str], parts: list[tuple[str, list[str]]], target: str, row: str = "data row", column: bool = True
) -> None:
    """Raises :class:`UserError` where training is not possible: one class, an unknown label in another part, too few examples.

    Args:
        counts: examples of each class in the training part.
        parts: of each file its name and labels, the training part first.
        row: what an example is called.
        column: whether the labels stand in a column that the user may name.
    """
    source, count = parts[0][0], counts.total()
    what, fix = (f"column '{target}'", "name the label's column with --target") if column else ("the label", None)
    if len(counts) == 1:
        raise UserError(
            f"{source}: {what} has one class only, '{next(iter(counts))}'",
            expected="two or more classes",
            fix=fix,
        )
    for name, labels in parts:
        unknown = sorted(set(labels) - counts.keys())
        if unknown:
            place = labels.index(unknown[0]) + 1
            raise UserError(
                f"{name}, {row} {place}: label '{unknown[0]}' does not occur in the training examples of {source}",
                fix=did_you_mean(unknown[0], sorted(counts)[:20]),
            )
    if count < MIN_EXAMPLES:
        raise UserError(f"{source} has {count} training examples", expected=f"{MIN_EXAMPLES} or more (hundreds to learn anything)")
    if len(counts) == count:
        raise UserError(
            f"{source}: every value of {what} is different",
            expected="classes that repeat",
            fix=fix,
        )


def single_notes(counts: collections.Counter[str]) -> tuple[str, ...]:
    """What is to be said of classes with a single example."""
    single = sorted(label for label, count in counts.items() if count == 1)
    if not single:
        return ()
    shown = f"{', '.join(single[:5])}{', ...' if len(single) > 5 else ''}"
    return (f"{len(single)} of {len(counts)} classes have a single example: {shown}",)


def _empty_notes(texts: tuple[str, ...]) -> tuple[str, ...]:
    empty = sum(not text.strip() for text in texts)
    return (f"{empty} of {len(texts)} texts are empty",) if empty else ()


def read_texts(source: str, *, column: str | None = None, header: bool | None = None) -> list[str]:
    """Texts to answer: a column of a table, the lines of a .txt file, or ``source`` itself where it names no file.

    Raises :class:`UserError` for a missing column or a file that cannot be read.
    """
    path = Path(source)
    if not is_source(source):
        return [source]
    if path.suffix.lower() == ".txt":
        return decode(read_bytes(path), source).splitlines()
    table = read_table(source, header=header)
    name = column or guess_text(table, [])
    return [as_text(value, source, name) for value in column_of(table, name)]
