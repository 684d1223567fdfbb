"""Labelled series from one file, or from separate files for training, validation and test."""

import collections
import dataclasses
import functools
import hashlib
import re
from pathlib import Path

import numpy as np

from seqwise.core.config import fingerprint
from seqwise.core.errors import UserError
from seqwise.data.readers import check_classes, single_notes
from seqwise.data.series_files import read_series
from seqwise.data.series_format import SeriesColumns, SeriesFile, in_order

OFFICIAL = re.compile(r"_TRAIN(\.\w+(\.gz)?)$")
"""The end of a training file's name in the archives, whose test file lies beside it."""


@dataclasses.dataclass(frozen=True)
class SeriesCorpus:
    """Labelled series, numbered 0 to n-1 through all files in the order train, validation, test.

    Args:
        series: each (T, C), float32.
        labels: as strings.
        channels: names of the C channels.
        groups: what must not be divided between splits, or None.
        given: per series "train", "validation" or "test" where the user or the file fixed it, else "".
        source: as the user wrote it.
        sha256: over all files and the choice of columns.
        classes: sorted labels of the training part.
        notes: what was guessed or looks odd, for the user to read.
    """

    series: tuple[np.ndarray, ...]
    labels: tuple[str, ...]
    channels: tuple[str, ...]
    groups: tuple[str, ...] | None
    given: tuple[str, ...]
    source: str
    sha256: str
    target_column: str
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.series)

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """By which duplicates are found: the values."""
        return tuple(hashlib.sha256(values.tobytes() + bytes(str(values.shape), "ascii")).hexdigest() for values in self.series)


def load_series_corpus(
    source: str,
    *,
    validation: str | None = None,
    test: str | None = None,
    columns: SeriesColumns | None = None,
    channels: tuple[str, ...] | None = None,
    for_training: bool = True,
) -> SeriesCorpus:
    """Read labelled series.

    Args:
        source: see :func:`~seqwise.data.series_files.read_series`; of NAME_TRAIN.ts the official NAME_TEST.ts beside it is the test.
        validation, test: separate files.
        columns: of long tables.
        channels: names that the file must have, in the order in which they are wanted.
        for_training: demand what training needs: two classes and 10 series.

    Raises :class:`UserError` as :func:`~seqwise.data.series_files.read_series` does, for other channels in another file, a ``split``
    column beside separate files, an unknown label, a single class or fewer than 10 series.
    """
    source, columns = str(source), columns or SeriesColumns()
    main, notes = read_series(source, columns), []
    main = in_order(main, channels, "the model") if channels else main
    official = _official_test(source) if for_training and test is None and main.given is None else None
    if official:
        notes.append(f"the test is the official one, {Path(official).name}")
    parts = [(main, "")]
    for split, other in (("validation", validation), ("test", test or official)):
        if other is not None:
            if main.given is not None:
                raise UserError(f"{source} has splits of its own in a column", fix=f"leave out --{split}, or that column")
            parts.append((_like(main, read_series(other, columns, target=main.target if main.named else None)), split))
    return _corpus(source, parts, notes, columns, for_training)


def _official_test(source: str) -> str | None:
    test = OFFICIAL.sub(r"_TEST\1", source)
    return test if test != source and Path(test).exists() else None


def _like(main: SeriesFile, other: SeriesFile) -> SeriesFile:
    if other.given is not None:
        raise UserError(f"{other.source} has splits of its own in a column", expected="series of one split", fix="leave out that column")
    return in_order(other, main.channels, main.source)


def _corpus(source: str, parts: list[tuple[SeriesFile, str]], notes: list[str], columns: SeriesColumns, for_training: bool) -> SeriesCorpus:
    files = [file for file, _ in parts]
    alone = len(parts) == 1
    given = [split for file, name in parts for split in file.given or [name or ("" if alone else "train")] * len(file.series)]
    labels = tuple(label for file in files for label in file.labels)
    counts = collections.Counter(label for label, split in zip(labels, given, strict=True) if split in ("", "train"))
    if for_training:
        check_classes(counts, [(file.source, file.labels) for file in files], files[0].target, "series", files[0].named)
    return SeriesCorpus(
        series=tuple(values for file in files for values in file.series),
        labels=labels,
        channels=files[0].channels,
        groups=tuple(group for file in files for group in file.groups or ()) if files[0].groups else None,
        given=tuple(given),
        source=source,
        sha256=fingerprint([[file.sha256 for file in files], dataclasses.asdict(columns)], 64),
        target_column=files[0].target,
        classes=tuple(sorted(counts)),
        notes=(*files[0].notes, *notes, *single_notes(counts)),
    )
