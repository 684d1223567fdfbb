"""Hugging Face data sets, from the hub or a local folder, as one table with a ``split`` column."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError, first_line
from seqwise.data.tables import Table, content_hash, read_table

UNLABELLED = -1
"""What a hub data set writes for a class that it keeps to itself."""


def read_hub(source: str, name: str) -> Table:
    """All splits of ``NAME[/CONFIG]``; class numbers become class names.

    Splits whose classes are withheld are left out, with a note. Raises :class:`UserError` when nothing can be loaded.
    """
    splits = _load(source, name)
    columns: dict[str, list] = {"split": []}
    notes = []
    for split, rows in splits.items():
        values = {column: _values(rows, column) for column in rows.column_names if column != "split"}
        if _withheld(rows):
            notes.append(f"{source}: split '{split}' has no labels and is left out")
            continue
        before = len(columns["split"])
        columns["split"] += [str(split)] * len(rows)
        for column, new in values.items():
            columns.setdefault(column, [None] * before).extend(new)
        for column in columns.keys() - values.keys() - {"split"}:
            columns[column] += [None] * len(rows)
    if not columns["split"]:
        raise UserError(f"{source} holds no labelled rows", expected="splits with rows of text and label")
    return Table(columns, source, content_hash(columns), tuple(notes))


def _places(name: str) -> Iterator[tuple[str, str | None]]:
    """What ``NAME[/CONFIG]`` may mean, most likely first: owner/name and name/config look the same, a folder is a folder."""
    yield name, None
    parent, _, config = name.rpartition("/")
    if parent and not Path(name).is_dir():
        yield parent, config


def _load(source: str, name: str) -> Any:
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    if not name:
        raise UserError(f"'{source}' names no data set", expected="hf:NAME or hf:NAME/CONFIG")
    try:
        for path, config in _places(name):
            try:
                return datasets.load_dataset(path, config, **_exact_text(path))
            except (DatasetNotFoundError, FileNotFoundError):
                continue
    except UserError:
        raise
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            f"{source} cannot be loaded ({first_line(error)})", fix="check the name and the configuration, and that the hub can be reached"
        ) from error
    raise UserError(
        f"there is no data set {source}", expected="a name on the Hugging Face hub or a local folder", fix="check the name and the network"
    )


def _exact_text(path: str) -> dict[str, Any]:
    """Options by which the csv files of a local folder keep texts such as "NA" and "007"."""
    import datasets

    folder = Path(path)
    files = sorted(entry for entry in folder.rglob("*") if entry.name.endswith((".csv", ".csv.gz"))) if folder.is_dir() else []
    if not files:
        return {}
    columns = read_table(str(files[0]), header=True).columns
    return {"keep_default_na": False, "features": datasets.Features({column: datasets.Value("string") for column in columns})}


def _values(rows: Any, column: str) -> list:
    from datasets import ClassLabel

    feature = rows.features[column]
    values = list(rows[column])
    if not isinstance(feature, ClassLabel):
        return values
    return [value if value in (None, UNLABELLED) else feature.names[value] for value in values]


def _withheld(rows: Any) -> bool:
    """Whether a column of classes holds nothing but the mark for unlabelled."""
    from datasets import ClassLabel

    classes = [column for column, feature in rows.features.items() if isinstance(feature, ClassLabel)]
    return any(set(rows.data.column(column).unique().to_pylist()) == {UNLABELLED} for column in classes)
