"""Small data that every installation has, written as one file with a ``split`` column: replicates then share their test units."""

import csv
from pathlib import Path

import numpy as np
from figures import Bench

from seqwise.core.files import atomic_path
from seqwise.data.demos import docstrings

TEST_SHARE = 0.2


def demo_file(bench: Bench) -> Path:
    """``demo:docstrings`` with a fixed test split."""
    return _write(bench, "docstrings.csv", shuffle=False)


def shuffled_file(bench: Bench) -> Path:
    """The same texts with the labels shuffled: there is nothing to learn."""
    return _write(bench, "docstrings-shuffled.csv", shuffle=True)


def _write(bench: Bench, name: str, *, shuffle: bool) -> Path:
    path = bench.out / "data" / name
    if path.exists():
        return path
    rng = np.random.default_rng(bench.seed)
    columns = docstrings().columns
    labels = np.array(columns["label"])
    labels = rng.permutation(labels) if shuffle else labels
    splits = np.where(rng.random(len(labels)) < TEST_SHARE, "test", "train")
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        writer.writerows(zip(columns["text"], labels, splits, strict=True))
    return path
