"""Pictures that claims share: one line a model, against a length, a size or a context."""

from collections.abc import Mapping, Sequence

import numpy as np

from seqwise.report.charts import Point, Series, line_chart
from seqwise.report.document import Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.clause import Estimate
from seqwise.textbook.estimates import mean_of

MEANS = "Mean over seeds with 95 % interval."
TIMES = "Medians with 10 and 90 % of the rounds."
FAMILIES = {"rnn": Style(0, 0), "lstm": Style(1, 1), "transformer": Style(2, 2, "7 4")}


def estimated(rows: Mapping[float, Estimate | None]) -> tuple[Point, ...]:
    """One point each, with its interval; what was not measured is left out."""
    return tuple(Point(x, e.value, e.low, e.high) for x, e in sorted(rows.items()) if e is not None and e.value is not None)


def averaged(rows: Mapping[float, Sequence[float]]) -> tuple[Point, ...]:
    """Means over seeds."""
    return estimated({x: mean_of(values) for x, values in rows.items()})


def timed(rows: Mapping[int, Sequence[float]], after: str) -> tuple[Point, ...]:
    """Medians of milliseconds with what lies between a tenth and nine tenths of the rounds."""
    found = []
    for x, values in sorted(rows.items()):
        low, middle, high = (float(value) for value in np.quantile(values, (0.1, 0.5, 0.9)))
        found.append(Point(x, middle, low, high, f"{middle:.3g} ms {after} {x:,}"))
    return tuple(found)


def lines(
    title: str,
    lines: Mapping[str, tuple[Point, ...]],
    styles: Mapping[str, Style],
    axes: tuple[Axis, Axis],
    caption: str = MEANS,
    *,
    bars: bool = False,
) -> tuple[Figure, ...]:
    """A figure, or none where there is nothing to draw."""
    series = [Series(name, styles[name], points) for name, points in lines.items() if points]
    if not series:
        return ()
    drawn = line_chart(title, f"{axes[1].label} against {axes[0].label}", series, *axes, spread="bars" if bars else "band")
    return (Figure(title, drawn, caption, tuple((one.label, one.style) for one in series)),)
