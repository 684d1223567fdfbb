"""Files of labelled series: UEA .ts, numpy .npz, tables, and the digits that scikit-learn brings along."""

import dataclasses
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seqwise.core.errors import UserError, first_line
from seqwise.data.readers import as_label
from seqwise.data.series_format import SeriesColumns, SeriesFile, as_float32, as_number, numbered
from seqwise.data.series_tables import from_table
from seqwise.data.tables import FORMATS, content_hash, decode, gunzip, read_bytes, read_table


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
        return _checked(from_table(read_table(source), columns, labelled), labelled)
    raw = read_bytes(Path(source))
    data = gunzip(raw, source) if source.lower().endswith(".gz") else raw
    return _checked(SERIES_FORMATS[path.suffix.lower()](data, source, hashlib.sha256(raw).hexdigest(), labelled), labelled)


def _checked(file: SeriesFile, labelled: bool) -> SeriesFile:
    """Raises :class:`UserError` for what no model could learn from."""
    if not file.series:
        raise UserError(f"{file.source} holds no series", expected="labelled series")
    if not file.channels:
        raise UserError(f"{file.source} has series without a channel", expected="one number or more per step")
    for series, values, label in zip(file.names, file.series, file.labels, strict=True):
        name = f"{file.source}, series {series}"
        if values.shape[1] != len(file.channels):
            raise UserError(f"{name} has {values.shape[1]} channels, the first one has {len(file.channels)}", expected="as many in each")
        if len(values) < 2:
            raise UserError(f"{name} has {len(values)} step", expected="two or more", fix="leave it out")
        if not np.isfinite(values).all():
            step, channel = np.argwhere(~np.isfinite(values))[0] + 1
            raise UserError(
                f"{name}: the value of channel {channel} at step {step} is missing or infinite",
                expected="a number everywhere",
                fix="fill the gaps, or leave these series out",
            )
        if labelled and not label:
            raise UserError(f"{name} has no label", expected="a label for every series", fix="fill it in, or leave the series out")
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
    return SeriesFile(source, sha256, series, labels, numbered(series), tuple(f"channel {n + 1}" for n in range(count)))


def _check_header(header: dict[str, list[str]], source: str, labelled: bool) -> None:
    if header.get("timestamps") == ["true"]:
        raise UserError(f"{source} has time stamps inside its series", expected="@timeStamps false: equally spaced values")
    if labelled and header.get("classlabel") == ["false"]:
        raise UserError(f"{source} has no class labels (@classLabel false)", expected="@classLabel true and the names of the classes")


def _ts_channels(channels: list[str], source: str, line: int) -> np.ndarray:
    if not channels:
        raise UserError(f"{source}, line {line} has no ':'", expected="values, a colon, and the label")
    found = [[as_number(value, f"{source}, line {line}") for value in channel.split(",")] for channel in channels]
    if len({len(channel) for channel in found}) > 1:
        lengths = ", ".join(str(len(channel)) for channel in found)
        raise UserError(f"{source}, line {line}: the channels have {lengths} values", expected="as many in every channel")
    return as_float32(found).T


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
    return SeriesFile(source, sha256, series, [as_label(label.item()) for label in labels], numbered(series), names)


def _digits() -> SeriesFile:
    """Handwritten digits of 8 x 8 pixels, read row by row: 8 steps of 8 channels. They come with scikit-learn (Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    columns = {"values": values.astype(int).tolist(), "labels": labels.tolist()}
    series, names = list(values.reshape(-1, 8, 8).astype(np.float32)), tuple(f"column {n + 1}" for n in range(8))
    return SeriesFile("demo:digits", content_hash(columns), series, list(map(str, labels)), numbered(series), names)


SERIES_FORMATS: dict[str, Callable[[bytes, str, str, bool], SeriesFile]] = {".ts": _ts, ".npz": _npz}
"""Besides those of tables."""
