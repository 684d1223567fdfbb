"""What a benchmark leaves behind: figures with unit, spread and sample size, and the machine they were measured on."""

import dataclasses
import operator
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.environment import core_count, cpu_name, package_versions, source_hash
from seqwise.core.files import read_json, write_json
from seqwise.kernels.c.use import kernels_in_use

OPERATORS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq}


class Skipped(Exception):
    """A step that cannot run here; the message says why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Where a benchmark writes, and how much it does."""

    out: Path
    data: Path
    """Folder of the real data sets."""
    quick: bool = False
    """Seconds instead of minutes: shows that a step runs, measures nothing worth keeping."""
    seed: int = 0

    def choose(self, usual: Any, quick: Any) -> Any:
        return quick if self.quick else usual

    def dataset(self, name: str) -> Path:
        """The folder of a data set. Raises :class:`Skipped` where it is absent."""
        folder = self.data / name
        if not folder.is_dir():
            raise Skipped(f"there is no {folder} (--data names the folder of the data sets)")
        return folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """One number. ``met`` says whether it is as ``wanted``; nothing fails where it is not."""

    name: str
    value: float | str | None
    unit: str = ""
    interval: tuple[float, float] | None = None
    spread: str | None = None
    """What the interval is: "10-90 % of samples" or "95 % interval"."""
    samples: int | None = None
    wanted: str | None = None
    """A relation and a number: "<= 0.07"."""

    @property
    def met(self) -> bool | None:
        if self.wanted is None or self.value is None:
            return None
        relation, _, bound = self.wanted.partition(" ")
        return bool(OPERATORS[relation](self.value, float(bound) if isinstance(self.value, int | float) else bound))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"met": self.met}


def median(name: str, values: Sequence[float], unit: str, wanted: str | None = None) -> Figure:
    """The median of samples, with their 10 % and 90 % quantiles."""
    low, middle, high = (float(value) for value in np.quantile(values, (0.1, 0.5, 0.9)))
    return Figure(name=name, value=middle, unit=unit, interval=(low, high), spread="10-90 % of samples", samples=len(values), wanted=wanted)


def share(name: str, count: int, total: int, wanted: str | None = None) -> Figure:
    """A share with Wilson's 95 % interval (Wilson 1927), as if the trials were independent."""
    from scipy.stats import binomtest

    found = binomtest(count, total).proportion_ci(method="wilson")
    interval = (float(found.low), float(found.high))
    return Figure(name=name, value=count / total, unit="share", interval=interval, spread="95 % interval", samples=total, wanted=wanted)


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a step found: figures for the table, and details (JSON values) behind them."""

    figures: list[Figure]
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


def environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "packages": package_versions(),
        "kernels": kernels_in_use(),
        "cpu": cpu_name(),
        "cores": core_count(),
        "load": os.getloadavg()[0],
        "source_sha256": source_hash(),
    }


def write_record(bench: Bench, name: str, findings: Findings, seconds: float) -> dict[str, Any]:
    record = {
        "schema_version": 1,
        "name": name,
        "quick": bench.quick,
        "seconds": seconds,
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "figures": [figure.to_dict() for figure in findings.figures],
        "details": findings.details,
        "environment": environment(),
    }
    write_json(bench.out / f"{name}.json", record)
    return record


def read_record(bench: Bench, name: str) -> dict[str, Any] | None:
    path = bench.out / f"{name}.json"
    return read_json(path) if path.exists() else None


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_figures(records: Sequence[dict[str, Any]]) -> None:
    """One table of all figures."""
    from rich.console import Console
    from rich.table import Table

    table = Table("step", "figure", "value", "unit", "interval", "n", "wanted", "met")
    for record in records:
        for figure in record["figures"]:
            interval = "" if figure["interval"] is None else " to ".join(_written(bound) for bound in figure["interval"])
            met = {None: "", True: "yes", False: "NO"}[figure["met"]]
            shown = (figure["name"], _written(figure["value"]), figure["unit"], interval)
            table.add_row(record["name"], *shown, str(figure["samples"] or ""), figure["wanted"] or "", met)
    Console(width=170).print(table)
