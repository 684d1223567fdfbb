"""Files of labelled series: UEA .ts, long tables with a row per step, numpy .npz, and the digits that scikit-learn brings along."""

import dataclasses
import datetime
import hashlib
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError, first_line
from seqwise.data.columns import SPLIT_VALUES, column_of, split_column, usual_target
from seqwise.data.readers import as_label
from seqwise.data.tables import FORMATS, Table, content_hash, decode, gunzip, read_bytes, read_table

ID_NAMES = ("unique_id", "id", "series", "series_id", "case", "case_id", "sample", "instance")
TIME_NAMES = ("ds", "time", "timestamp", "t", "step", "date", "datetime", "index")
MISSING = {"?", "nan", ""}


@dataclasses.dataclass(frozen=True)
class SeriesFile:
    """The labelled series of one file.

    Args:
        series: each (T, C), float32.
        labels: one each.
        channels: names.
        given, groups: per series; None where the file says nothing of them.
        target: what the labels are called.
        notes: what was guessed.
    """

    source: str
    sha256: str
    series: list[np.ndarray]
    labels: list[str]
    channels: tuple[str, ...]
    given: list[str] | None = None
    groups: list[str] | None = None
    target: str = "label"
    named: bool = False
    """Whether the names of target and channels come from the file."""
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeriesColumns:
    """Which columns of a long table are what; None where it is to be guessed."""

    id: str | None = None
    time: str | None = None
    target: str | None = None
    group: str | None = None


def read_series(source: str, columns: SeriesColumns, *, labelled: bool = True, target: str | None = None) -> SeriesFile:
    """Read one file of series, or ``demo:digits``.

    Args:
        labelled: whether every series must have a label.
        target: the label's column where ``columns`` names none.

    Raises :class:`UserError` naming file, series and step for what is missing, no number, of unequal channels or too short.
    """
    source = str(source)
    if source == "demo:digits":
        return _digits()
    columns = dataclasses.replace(columns, target=columns.target or target)
    path = Path(source[:-3] if source.lower().endswith(".gz") else source)
    known = [*SERIES_FORMATS, *FORMATS]
    if not source.startswith("hf:") and path.suffix.lower() not in known:
        raise UserError(f"{source} has no known kind of series (suffix '{path.suffix}')", expected=f"a file ending in {' '.join(known)}")
    if path.suffix.lower() not in SERIES_FORMATS:
        return _checked(_from_table(read_table(source), columns, labelled), labelled)
    raw = read_bytes(Path(source))
    data = gunzip(raw, source) if source.lower().endswith(".gz") else raw
    return _checked(SERIES_FORMATS[path.suffix.lower()](data, source, hashlib.sha256(raw).hexdigest(), labelled), labelled)


def _checked(file: SeriesFile, labelled: bool) -> SeriesFile:
    """Raises :class:`UserError` for what no model could learn from."""
    if not file.series:
        raise UserError(f"{file.source} holds no series", expected="labelled series")
    if not file.channels:
        raise UserError(f"{file.source} has series without a channel", expected="one number or more per step")
    for number, (values, label) in enumerate(zip(file.series, file.labels, strict=True), 1):
        name = f"{file.source}, series {number}"
        if values.shape[1] != len(file.channels):
            raise UserError(f"{name} has {values.shape[1]} channels, the first one has {len(file.channels)}", expected="as many in each")
        if len(values) < 2:
            raise UserError(f"{name} has {len(values)} step", expected="two or more")
        if not np.isfinite(values).all():
            step, channel = np.argwhere(~np.isfinite(values))[0] + 1
            raise UserError(
                f"{name}: the value of channel {channel} at step {step} is missing or infinite",
                expected="a number everywhere",
                fix="fill the gaps, or leave these series out",
            )
        if labelled and not label:
            raise UserError(f"{name} has no label", expected="a label for every series")
    return file


def _ts(data: bytes, source: str, sha256: str, labelled: bool) -> SeriesFile:
    """The format of the UEA archive (Bagnall et al. 2018, arXiv:1811.00075)."""
    header: dict[str, list[str]] = {}
    series, labels, inside = [], [], False
    for number, line in enumerate(decode(data, source).splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not inside:
            if not line.startswith("@"):
                raise UserError(
                    f"{source}, line {number} stands before @data and is no @ line", expected="the .ts format of the UEA archive"
                )
            name, *values = line[1:].split() or [""]
            header[name.casefold()] = [value.casefold() for value in values]
            inside = name.casefold() == "data"
            if inside:
                _check_header(header, source, labelled)
            continue
        *channels, label = line.split(":") if header.get("classlabel") != ["false"] else [*line.split(":"), ""]
        series.append(_ts_channels(channels, source, number))
        labels.append(label.strip())
    if not inside:
        raise UserError(f"{source} has no @data line", expected="the .ts format of the UEA archive")
    count = series[0].shape[1] if series else 0
    return SeriesFile(source, sha256, series, labels, tuple(f"channel {n + 1}" for n in range(count)))


def _check_header(header: dict[str, list[str]], source: str, labelled: bool) -> None:
    if header.get("timestamps") == ["true"]:
        raise UserError(f"{source} has time stamps inside its series", expected="@timeStamps false: equally spaced values")
    if labelled and header.get("classlabel") == ["false"]:
        raise UserError(f"{source} has no class labels (@classLabel false)", expected="@classLabel true and the names of the classes")


def _ts_channels(channels: list[str], source: str, line: int) -> np.ndarray:
    if not channels:
        raise UserError(f"{source}, line {line} has no ':'", expected="values, a colon, and the label")
    found = [[_number(value, f"{source}, line {line}") for value in channel.split(",")] for channel in channels]
    if len({len(channel) for channel in found}) > 1:
        lengths = ", ".join(str(len(channel)) for channel in found)
        raise UserError(f"{source}, line {line}: the channels have {lengths} values", expected="as many in every channel")
    return as_float32(found).T


def as_float32(values: Any) -> np.ndarray:
    """What is too large for it is infinite, which is found later."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float32)


def _number(value: Any, where: str) -> float:
    text = str(value).strip()
    if value is None or text.casefold() in MISSING:
        return math.nan
    try:
        return float(text.replace("_", "x"))  # Python would take 1_0 for 10
    except ValueError:
        raise UserError(f"{where}: '{text[:40]}' is no number", expected="numbers") from None


def _npz(data: bytes, source: str, sha256: str, labelled: bool) -> SeriesFile:
    """Arrays ``X`` (N, T) or (N, T, C), ``y`` (N,), and ``lengths`` (N,) where series are of unequal length. Nothing is unpickled."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name.casefold(): file[name] for name in file.files}
    except Exception as error:  # whatever a damaged archive makes numpy raise
        raise UserError(
            f"{source} cannot be read ({first_line(error)})", expected="arrays of numbers X and y, as numpy.savez writes"
        ) from error
    if "x" not in arrays:
        raise UserError(f"{source} holds {', '.join(arrays) or 'nothing'}", expected="arrays X (series, steps, channels) and y (series)")
    values = arrays["x"]
    values = values[:, :, None] if values.ndim == 2 else values
    labels = arrays.get("y", np.full(values.shape[:1], ""))
    lengths = arrays.get("lengths", np.full(values.shape[:1], values.shape[1] if values.ndim == 3 else 0))
    counts = {array.shape for array in (labels, lengths)}
    if values.ndim != 3 or values.dtype.kind not in "fiu" or lengths.dtype.kind not in "iu" or counts != {values.shape[:1]}:
        shapes = ", ".join(f"{name} {array.shape} of {array.dtype}" for name, array in arrays.items())
        raise UserError(f"{source} holds {shapes}", expected="X (series, steps, channels) of numbers, y (series), whole lengths (series)")
    if len(lengths) and not (lengths.min() >= 0 and lengths.max() <= values.shape[1]):
        most = f"at most {values.shape[1]}, the steps of X"
        raise UserError(f"{source}: lengths go from {lengths.min()} to {lengths.max()}", expected=most)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    series = [as_float32(row[: int(length)]) for row, length in zip(values, lengths, strict=True)]
    names = tuple(f"channel {n + 1}" for n in range(values.shape[2]))
    return SeriesFile(source, sha256, series, [as_label(label.item()) for label in labels], names)


def _from_table(table: Table, columns: SeriesColumns, labelled: bool) -> SeriesFile:
    """A row per step: a column that names the series, one for the time where there is one, the label, and a column per channel."""
    rows_of = _rows_of(table, columns.id)
    split, known = split_column(table), {name.casefold(): name for name in table.columns}
    other = {rows_of[0], columns.target, columns.group, split}
    time = columns.time or next((known[name] for name in TIME_NAMES if name in known and known[name] not in other), None)
    taken = [rows_of[0], time, columns.group, split]
    target = columns.target or usual_target(table, taken) or (_constant_column(table, rows_of[1], taken) if labelled else None)
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


def _constant_column(table: Table, rows_of: dict[str, list[int]], taken: list[str | None]) -> str:
    """The label's column where none has a usual name: of those with one value in each series, the one with the fewest values."""
    left = [name for name in table.columns if name not in taken]
    constant = [name for name in left if all(len({table.columns[name][row] for row in rows}) == 1 for rows in rows_of.values())]
    if not constant:
        raise UserError(
            f"{table.source} has no column that looks like a label",
            expected="a column with one value in each series",
            fix=f"name it with --target (columns: {', '.join(table.columns)})",
        )
    return min(constant, key=lambda name: len(set(table.columns[name])))


def _column(table: Table, name: str) -> list[float]:
    return [_number(value, f"{table.source}, column '{name}', data row {row}") for row, value in enumerate(table.columns[name], 1)]


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


def _digits() -> SeriesFile:
    """Handwritten digits of 8 x 8 pixels, read row by row: 8 steps of 8 channels. They come with scikit-learn (Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    columns = {"values": values.astype(int).tolist(), "labels": labels.tolist()}
    series, names = list(values.reshape(-1, 8, 8).astype(np.float32)), tuple(f"column {n + 1}" for n in range(8))
    return SeriesFile("demo:digits", content_hash(columns), series, list(map(str, labels)), names)


SERIES_FORMATS: dict[str, Callable[[bytes, str, str, bool], SeriesFile]] = {".ts": _ts, ".npz": _npz}
"""Besides those of tables."""
