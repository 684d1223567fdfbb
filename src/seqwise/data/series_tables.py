"""Labelled series from tables with a row per step."""

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqwise.core.errors import UserError, first_line
from seqwise.data.columns import SPLIT_VALUES, column_of, split_column, usual_target
from seqwise.data.readers import as_label
from seqwise.data.series_format import MISSING, SeriesColumns, SeriesFile, as_float32, as_number
from seqwise.data.tables import Table

ID_NAMES = ("unique_id", "id", "series", "series_id", "case", "case_id", "sample", "instance")
TIME_NAMES = ("ds", "time", "timestamp", "t", "step", "date", "datetime", "index")


def from_table(table: Table, columns: SeriesColumns, labelled: bool) -> SeriesFile:
    """A row per step: a column that names the series, one for the time where there is one, the label, and a column per channel."""
    rows_of = _rows_of(table, columns.id)
    split, known = split_column(table), {name.casefold(): name for name in table.columns}
    other = {rows_of[0], columns.target, columns.group, split}
    time = columns.time or next((known[name] for name in TIME_NAMES if name in known and known[name] not in other), None)
    taken = [rows_of[0], time, columns.group, split]
    target = columns.target or _label_column(table, rows_of[1], taken, labelled)
    for name in (time, columns.target, columns.group):
        if name is not None:
            column_of(table, name)
    channels = tuple(name for name in table.columns if name not in {rows_of[0], time, target, columns.group, split})
    if not channels:
        raise UserError(f"{table.source} has no column of values", expected="a column of numbers per channel", fix="name the others")
    values = as_float32(np.column_stack([_column(table, name) for name in channels]))
    series, labels, given, groups = [], [], [], []
    for name, rows in rows_of[1].items():
        ordered = _in_time(table, time, rows, name)
        series.append(values[ordered])
        labels.append(_only(table, target, rows, name) if target else "")
        given.append(SPLIT_VALUES[_only(table, split, rows, name).casefold()] if split else "")
        # a series without a group is its own
        groups.append((_only(table, columns.group, rows, name) if columns.group else "") or f"series {name} of {table.source}")
    notes = [f"series are those of column '{rows_of[0]}'", f"channels: {', '.join(channels)}"]
    notes += [f"target is column '{target}'"] if target else []
    notes += [f"steps follow column '{time}'"] if time else ["steps stand in the order of the rows"]
    return SeriesFile(
        source=table.source,
        sha256=table.sha256,
        series=series,
        labels=labels,
        names=list(rows_of[1]),
        channels=channels,
        given=given if split else None,
        groups=groups if columns.group else None,
        target=target or "label",
        named=table.named,
        notes=(*table.notes, *notes),
    )


def _rows_of(table: Table, name: str | None) -> tuple[str, dict[str, list[int]]]:
    """The column that names the series, and the rows of each in the order in which they first stand there."""
    known = {column.casefold(): column for column in table.columns}
    name = name or next((known[usual] for usual in ID_NAMES if usual in known), None)
    if name is None:
        raise UserError(
            f"{table.source} has no column that names the series",
            expected=f"a row per step, and a column such as {', '.join(ID_NAMES[:3])}",
            fix="name it with --id",
        )
    found: dict[str, list[int]] = {}
    for row, value in enumerate(column_of(table, name)):
        if not (key := as_label(value)):
            raise UserError(f"{table.source}: column '{name}' is empty in data row {row + 1}", expected="the name of a series in every row")
        found.setdefault(key, []).append(row)
    return name, found


def _label_column(table: Table, rows_of: dict[str, list[int]], taken: list[str | None], labelled: bool) -> str | None:
    """Of the columns with one value in each series, one with a usual name, else, of labelled series, the one with the fewest values."""
    varying = [name for name in table.columns if any(len({table.columns[name][row] for row in rows}) > 1 for rows in rows_of.values())]
    left = [name for name in table.columns if name not in taken and name not in varying]
    usual = usual_target(table, [*taken, *varying])
    if usual is not None or not labelled:
        return usual
    if not left:
        raise UserError(
            f"{table.source} has no column that looks like a label",
            expected="a column with one value in each series",
            fix=f"name it with --target (columns: {', '.join(table.columns)})",
        )
    return min(left, key=lambda name: len(set(table.columns[name])))


def _column(table: Table, name: str) -> list[float]:
    return [as_number(value, f"{table.source}, column '{name}', data row {row}") for row, value in enumerate(table.columns[name], 1)]


def _only(table: Table, column: str, rows: Sequence[int], series: str) -> str:
    """The one value that a column has in all rows of a series."""
    values = {as_label(table.columns[column][row]) for row in rows}
    if len(values) > 1:
        shown = " and ".join(f"'{value}'" for value in sorted(values)[:2])
        raise UserError(f"{table.source}: series '{series}' has {shown} in column '{column}'", expected="one value for each series")
    return values.pop()


def _in_time(table: Table, time: str | None, rows: list[int], series: str) -> list[int]:
    if time is None:
        return rows
    given = [table.columns[time][row] for row in rows]
    missing = [row + 1 for row, value in zip(rows, given, strict=True) if value is None or str(value).strip().casefold() in MISSING]
    if missing:
        raise UserError(f"{table.source}: column '{time}' is empty in data row {missing[0]}", expected="a time in every row")
    stamps = _stamps(given, f"{table.source}, column '{time}', series '{series}'")
    _, first, counts = np.unique(stamps, return_index=True, return_counts=True)
    if (counts > 1).any():
        raise UserError(
            f"{table.source}: series '{series}' has the time {given[first[counts > 1][0]]} more than once",
            expected="every time once in a series",
            fix="name the column of the series with --id",
        )
    return [rows[place] for place in np.argsort(stamps, kind="stable")]


def _stamps(values: list[Any], where: str) -> np.ndarray:
    """Whole numbers, numbers, or dates as ISO 8601 writes them."""
    for kind in (int, float):
        try:
            return np.array([kind(str(value)) for value in values])
        except (ValueError, OverflowError):
            continue
    try:
        return np.array([_date(str(value)) for value in values], dtype=object)
    except ValueError as error:
        raise UserError(f"{where} holds no times ({first_line(error)})", expected="numbers, or dates such as 2016-07-01 13:00") from error


def _date(text: str) -> datetime.datetime:
    """In UTC where the text names no other zone."""
    found = datetime.datetime.fromisoformat(text.strip())
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
