"""Which column is the text, which the target, which says the split."""

import re
import statistics
from collections.abc import Iterable

from seqwise.core.errors import UserError, did_you_mean
from seqwise.data.delimited import TARGET_NAMES, TEXT_NAMES
from seqwise.data.tables import Table

MAX_CLASSES = 200
SPLIT_NAMES = ("split", "subset", "partition", "set")
SPLIT_VALUES = {
    "train": "train",
    "training": "train",
    "dev": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "eval": "validation",
    "test": "test",
    "testing": "test",
}
SAMPLE = 5000
"""Rows that a guess looks at."""


def column_of(table: Table, name: str) -> list:
    """The values of a column that was asked for. Raises :class:`UserError` with the nearest name."""
    if name not in table.columns:
        raise UserError(f"{table.source} has no column '{name}'", fix=did_you_mean(name, list(table.columns)))
    return table.columns[name]


def split_column(table: Table) -> str | None:
    """The column that assigns every row to train, validation or test, if there is one.

    Raises :class:`UserError` where a column called split names a test or validation part, and something else besides.
    """
    for name in table.columns:
        if name.casefold() not in SPLIT_NAMES:
            continue
        values = [str(value or "").strip().casefold() for value in table.columns[name]]
        known = {SPLIT_VALUES[value] for value in values if value in SPLIT_VALUES}
        if set(values) <= SPLIT_VALUES.keys() and "train" in known:
            return name
        strange = next((row for row, value in enumerate(values) if value not in SPLIT_VALUES), None)
        if name.casefold() == SPLIT_NAMES[0] and known - {"train"} and strange is not None:
            what = f"{table.source}: column '{name}' holds '{values[strange]}' in data row {strange + 1}"
            raise UserError(
                f"{what}, beside {' and '.join(sorted(known))}",
                expected="train, validation or test in every row",
                fix="write one of them, or give the column another name where it divides nothing",
            )
    return None


def guess_text(table: Table, taken: Iterable[str | None]) -> str:
    """A column of strings with a usual name, else the one with the longest median text that is not called an identifier."""
    strings = [name for name in table.columns if name not in set(taken) and _is_text(table.columns[name])]
    if not strings:
        raise UserError(
            f"{table.source} has no column of text",
            expected="a column of strings",
            fix=f"columns: {', '.join(table.columns)}; forecasts of numbers are asked for with --horizon",
        )
    for usual in TEXT_NAMES:
        for name in strings:
            if name.casefold() == usual:
                return name
    strings = [name for name in strings if not re.search(r"(^|_|\b)(id|uuid|guid|url|path)$", name.casefold())] or strings
    return max(strings, key=lambda name: statistics.median(len(value or "") for value in table.columns[name][:SAMPLE]))


def usual_target(table: Table, taken: Iterable[str | None]) -> str | None:
    """A column whose name says that it is the target."""
    left = [name for name in table.columns if name not in set(taken)]
    return next((name for usual in TARGET_NAMES for name in left if name.casefold() == usual), None)


def guess_target(table: Table, taken: Iterable[str | None]) -> str:
    """A column with a usual name, else the one with the fewest distinct values, at least two and each of them repeated on average."""
    usual = usual_target(table, taken)
    if usual is not None:
        return usual
    left = [name for name in table.columns if name not in set(taken)]
    distinct = {name: len(set(map(str, table.columns[name]))) for name in left}
    few = [name for name in left if 2 <= distinct[name] <= min(MAX_CLASSES, len(table) / 2)]
    if not few:
        raise UserError(
            f"{table.source} has no column that looks like a label",
            expected=f"a column with 2 to {MAX_CLASSES} values that repeat",
            fix=f"name it with --target (columns: {', '.join(table.columns)})",
        )
    return min(few, key=lambda name: distinct[name])


def _is_text(values: list) -> bool:
    known = [value for value in values[:SAMPLE] if value is not None]
    return bool(known) and all(isinstance(value, str) for value in known)
