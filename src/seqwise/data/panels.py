"""Series to be foretold: wide tables with a column per variable, and long ones with a row per series and time."""

import dataclasses
import datetime
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
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
"""Values by which a column is taken for one of dates, or of numbers."""
NO_TIME = "none"
MANY_NAMES = 12
LARGEST = 1e150
LONGEST_HEAD = 65_536


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

    A column with a usual name (unique_id, id, series ...) whose values repeat, or one named by ``columns.id``, makes it a long table,
    whose values stand in ``columns.target`` or a column y; else every column of numbers but that of the time is a variable, or
    ``columns.target`` alone. ``columns.time`` "none" lets steps follow the rows.

    Raises :class:`UserError` naming series and time for what is no number, missing, repeated, or absent between two times.
    """
    columns = columns or SeriesColumns()
    table = read_table(str(source))
    if not len(table):
        raise UserError(f"{source} has no rows", expected="a row for each time")
    series = columns.id or _series_column(table)
    time = None if columns.time == NO_TIME else columns.time or _time_column(table, series)
    for name in (series, time, columns.target):
        if name is not None:
            column_of(table, name)
    times = _Times.read(table, time)
    panel = _long(table, series, times, columns.target) if series else _wide(table, times, columns.target)
    return dataclasses.replace(panel, sha256=fingerprint([table.sha256, dataclasses.asdict(columns)], 64))


def named_as_forecasts(source: str) -> bool:
    """Whether the first line of a csv or tsv file names columns ds and y, as tables for forecasts do."""
    path = Path(source)
    packed = path.suffix.lower() == ".gz"
    if (path.with_suffix("") if packed else path).suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        return False
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            names = file.readline(LONGEST_HEAD).decode("utf-8-sig", "replace").casefold()
    except (OSError, EOFError, zlib.error):  # whoever reads it says so
        return False
    return {"ds", "y"} <= {name.strip().strip('"') for name in names.replace("\t", ",").replace(";", ",").split(",")}


def _series_column(table: Table) -> str | None:
    """One with a usual name whose values repeat; a number for each row names no series."""
    known = {name.casefold(): name for name in table.columns}
    usual = [known[name] for name in ID_NAMES if name in known]
    return next((name for name in usual if len(set(table.columns[name])) < len(table)), None)


def _time_column(table: Table, series: str | None) -> str | None:
    """One with a usual name, else the first of dates, else the first column where it counts evenly."""
    names = {name.casefold(): name for name in table.columns if name != series}
    usual = next((names[name] for name in TIME_NAMES if name in names), None)
    dates = usual or next((name for name in names.values() if _holds_dates(table.columns[name][:TIME_SAMPLE])), None)
    first = next(iter(names.values()))
    return dates or (first if len(names) > 1 and _counts(table.columns[first]) else None)


def _holds_dates(values: Sequence[Any]) -> bool:
    try:
        return bool(values) and isinstance(parse_times(values, "")[0][0], datetime.datetime)
    except UserError:
        return False


def _counts(values: Sequence[Any]) -> bool:
    """Whether values are whole numbers that rise by the same step."""
    try:
        steps = np.diff([int(str(value)) for value in values])
    except ValueError:
        return False
    return len(steps) > 1 and steps[0] > 0 and bool((steps == steps[0]).all())


@dataclasses.dataclass(frozen=True)
class _Times:
    """The times of all rows, None where steps follow the rows."""

    column: str | None
    rows: list[Any] | None
    utc: bool

    @classmethod
    def read(cls, table: Table, column: str | None) -> "_Times":
        """Raises :class:`UserError` for a row without a time, and for what is none."""
        if column is None:
            return cls(None, None, utc=False)
        for row, value in enumerate(table.columns[column], 1):
            if value is None or str(value).strip().casefold() in MISSING:
                raise UserError(f"{table.source}: column '{column}' is empty in data row {row}", expected="a time in every row")
        return cls(column, *parse_times(table.columns[column], f"{table.source}, column '{column}'"))

    def sorted(self, rows: Sequence[int]) -> tuple[list[Any], list[int]]:
        """The times of some rows, ascending, and the rows in that order."""
        if self.rows is None:
            return list(range(len(rows))), list(rows)
        order = sorted(rows, key=self.rows.__getitem__)
        return [self.rows[row] for row in order], order

    def told(self, frequency: Frequency) -> str:
        if self.column is None:
            return "times stand in the order of the rows"
        return f"times are those of column '{self.column}', {frequency}{', in UTC' if self.utc else ''}"


def _wide(table: Table, times: _Times, target: str | None) -> Panel:
    left = [name for name in table.columns if name != times.column]
    names = tuple(name for name in left if _any_number(table.columns[name])) if target is None else (target,)
    if not names:
        raise UserError(f"{table.source} has no column of numbers", expected="a column of numbers for each variable")
    when, order = times.sorted(range(len(table)))
    values = tuple(_numbers(table, name, order, table.source) for name in names)
    frequency = infer_frequency([when])
    check_regular(when, frequency, table.source, written)
    _check_numbers(names, values, [when] * len(names), table.source)
    shown = numbers.listed(names) if len(names) <= MANY_NAMES else f"{len(names)} columns"
    notes = [*table.notes, times.told(frequency), f"{'variables' if len(names) > 1 else 'the variable'}: {shown}"]
    others = [name for name in left if name not in names]
    if others and target is None:
        notes.append(f"left out, as they hold no numbers: {numbers.listed(others[:MANY_NAMES])}")
    return Panel(names, values, (when,) * len(names), frequency, len(names) > 1, table.source, "", tuple(notes))


def _any_number(values: Sequence[Any]) -> bool:
    """Whether some value, of the first, is a number, or would be with a decimal point; an empty column may hold some later."""
    known = [str(value) for value in values[:TIME_SAMPLE] if value is not None and str(value).strip().casefold() not in MISSING]
    return not known or any(_is_number(value) for value in known)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _long(table: Table, series: str, times: _Times, target: str | None) -> Panel:
    target = target or _value_column(table, series, times.column)
    rows_of: dict[str, list[int]] = {}
    for row, value in enumerate(table.columns[series]):
        if not (name := as_label(value)):
            what = f"{table.source}: column '{series}' is empty in data row {row + 1}"
            raise UserError(what, expected="the name of a series in every row")
        rows_of.setdefault(name, []).append(row)
    when, values = [], []
    for name, rows in rows_of.items():
        own, order = times.sorted(rows)
        when.append(own)
        values.append(_numbers(table, target, order, f"{table.source}, series '{name}'"))
    frequency = infer_frequency(when)
    for name, own in zip(rows_of, when, strict=True):
        check_regular(own, frequency, f"{table.source}, series '{name}',", written)
    _check_numbers(list(rows_of), values, when, table.source)
    notes = (*table.notes, f"series are those of column '{series}'", times.told(frequency), f"values are those of column '{target}'")
    return Panel(tuple(rows_of), tuple(values), tuple(when), frequency, False, table.source, "", notes)


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


def _numbers(table: Table, name: str, rows: Sequence[int], where: str) -> np.ndarray:
    column = table.columns[name]
    try:
        return np.array([as_number(column[row], f"{where}, column '{name}', data row {row + 1}") for row in rows], np.float64)
    except UserError as error:
        fix = "--target takes one column of numbers; --id and --time name those that are none"
        raise UserError(error.message, expected="numbers, with a decimal point", fix=fix) from error


def _check_numbers(names: Sequence[str], values: Sequence[np.ndarray], times: Sequence[Sequence[Any]], source: str) -> None:
    for name, own, when in zip(names, values, times, strict=True):
        if len(large := np.flatnonzero(np.abs(own) > LARGEST)):
            what = f"{source}: '{name}' is {own[large[0]]:g} at {written(when[large[0]])}"
            raise UserError(what, expected=f"numbers up to {LARGEST:g}", fix="another unit of measurement")
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
        return f"{time:.15g}" if isinstance(time, float) else str(time)
    return f"{time:%Y-%m-%d}" if time.time() == datetime.time() else time.isoformat(sep=" ")
