"""Series to be foretold: wide tables with a column per variable, and long ones with a row per series and time."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqwise.core.config import fingerprint
from seqwise.core.errors import UserError
from seqwise.data.columns import column_of
from seqwise.data.frequency import Frequency, check_regular, infer_frequency, parse_times
from seqwise.data.readers import as_label
from seqwise.data.series_format import MISSING, SeriesColumns, as_number
from seqwise.data.series_tables import ID_NAMES, TIME_NAMES
from seqwise.data.tables import Table, read_table
from seqwise.report import numbers

VALUE_NAMES = ("y", "value", "target")
TIME_SAMPLE = 50
"""Values by which a column is taken for one of dates."""


@dataclasses.dataclass(frozen=True)
class Panel:
    """Regular series.

    Args:
        names: of the series, or of the variables of a wide table.
        values: of each, (T,) float64.
        times: of each, ascending and a step of ``frequency`` apart: datetimes, or numbers.
        together: one table of variables that were measured at the same times.
        source: as the user wrote it.
        sha256: over the file and the choice of columns.
        notes: what was guessed, for the user to read.
    """

    names: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    times: tuple[Sequence[Any], ...]
    frequency: Frequency
    together: bool
    source: str
    sha256: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def load_panel(source: str, columns: SeriesColumns | None = None) -> Panel:
    """Read series from a table.

    A column with a usual name (unique_id, id, series ...), or named by ``columns.id``, makes it a long table, whose values stand in
    ``columns.target`` or a column y; else every column but that of the time is a variable, or ``columns.target`` alone.

    Raises :class:`UserError` naming series and time for what is no number, missing, repeated, or absent between two times.
    """
    columns = columns or SeriesColumns()
    table = read_table(str(source))
    known = {name.casefold(): name for name in table.columns}
    series = columns.id or next((known[name] for name in ID_NAMES if name in known), None)
    time = columns.time or _time_column(table, series)
    for name in (series, time, columns.target):
        if name is not None:
            column_of(table, name)
    panel = _long(table, series, time, columns.target) if series else _wide(table, time, columns.target)
    return dataclasses.replace(panel, sha256=fingerprint([table.sha256, dataclasses.asdict(columns)], 64))


def _time_column(table: Table, series: str | None) -> str | None:
    known = {name.casefold(): name for name in table.columns if name != series}
    usual = next((known[name] for name in TIME_NAMES if name in known), None)
    return usual or next((name for name in known.values() if _holds_dates(table.columns[name][:TIME_SAMPLE])), None)


def _holds_dates(values: Sequence[Any]) -> bool:
    try:
        return bool(values) and isinstance(parse_times(values, "")[0], datetime.datetime)
    except UserError:
        return False


def _wide(table: Table, time: str | None, target: str | None) -> Panel:
    names = tuple(name for name in table.columns if name != time) if target is None else (target,)
    if not names or not len(table):
        raise UserError(f"{table.source} has no values", expected="a column of numbers for each variable")
    times = _times(table, time, range(len(table)), table.source)
    order = np.argsort(np.array(times), kind="stable")
    values = tuple(_numbers(table, name, order, table.source) for name in names)
    times = [times[place] for place in order]
    frequency = infer_frequency([times])
    check_regular(times, frequency, table.source, written)
    _check_numbers(names, values, [times] * len(names), table.source)
    how = f"times are those of column '{time}', {frequency}" if time else "times stand in the order of the rows"
    shown = numbers.listed(names) if len(names) <= 12 else f"{len(names)} columns"
    notes = (*table.notes, how, f"{'variables' if len(names) > 1 else 'the variable'}: {shown}")
    return Panel(names, values, (times,) * len(names), frequency, len(names) > 1, table.source, "", notes)


def _long(table: Table, series: str, time: str | None, target: str | None) -> Panel:
    target = target or _value_column(table, series, time)
    rows_of: dict[str, list[int]] = {}
    for row, value in enumerate(table.columns[series]):
        if not (name := as_label(value)):
            raise UserError(
                f"{table.source}: column '{series}' is empty in data row {row + 1}", expected="the name of a series in every row"
            )
        rows_of.setdefault(name, []).append(row)
    times, values = [], []
    for name, rows in rows_of.items():
        own = _times(table, time, rows, f"{table.source}, series '{name}'")
        order = np.argsort(np.array(own), kind="stable")
        times.append([own[place] for place in order])
        values.append(_numbers(table, target, [rows[place] for place in order], f"{table.source}, series '{name}'"))
    frequency = infer_frequency(times)
    for name, own in zip(rows_of, times, strict=True):
        check_regular(own, frequency, f"{table.source}, series '{name}',", written)
    _check_numbers(list(rows_of), values, times, table.source)
    how = f"times are those of column '{time}', {frequency}" if time else "times stand in the order of the rows"
    notes = (*table.notes, f"series are those of column '{series}'", how, f"values are those of column '{target}'")
    return Panel(tuple(rows_of), tuple(values), tuple(times), frequency, False, table.source, "", notes)


def _value_column(table: Table, series: str, time: str | None) -> str:
    left = [name for name in table.columns if name not in (series, time)]
    usual = next((name for wanted in VALUE_NAMES for name in left if name.casefold() == wanted), None)
    if usual is None and len(left) != 1:
        raise UserError(
            f"{table.source} has {len(left)} columns that could hold the values of the series",
            expected="one, or one that is called y",
            fix=f"name it with --target (columns: {', '.join(table.columns)})",
        )
    return usual or left[0]


def _times(table: Table, time: str | None, rows: Sequence[int], where: str) -> list[Any]:
    if time is None:
        return list(range(len(rows)))
    given = [table.columns[time][row] for row in rows]
    missing = next((row for row, value in zip(rows, given, strict=True) if value is None or str(value).strip().casefold() in MISSING), None)
    if missing is not None:
        raise UserError(f"{table.source}: column '{time}' is empty in data row {missing + 1}", expected="a time in every row")
    return parse_times(given, f"{where}, column '{time}'")


def _numbers(table: Table, name: str, rows: Sequence[int], where: str) -> np.ndarray:
    column = table.columns[name]
    return np.array([as_number(column[row], f"{where}, column '{name}', data row {row + 1}") for row in rows], np.float64)


def _check_numbers(names: Sequence[str], values: Sequence[np.ndarray], times: Sequence[Sequence[Any]], source: str) -> None:
    for name, own, when in zip(names, values, times, strict=True):
        wrong = np.flatnonzero(~np.isfinite(own))
        if len(wrong):
            many = f" and at {numbers.plural(len(wrong) - 1, 'other time')}" if len(wrong) > 1 else ""
            raise UserError(
                f"{source}: '{name}' has no value at {written(when[wrong[0]])}{many}",
                expected="a number at every time",
                fix="fill the gaps, for example with the value before, or use the part without them",
            )


def written(time: Any) -> str:
    """As short as it can be read back."""
    if not isinstance(time, datetime.datetime):
        return f"{time:g}" if isinstance(time, float) else str(time)
    return f"{time:%Y-%m-%d}" if time.time() == datetime.time() else time.isoformat(sep=" ")
