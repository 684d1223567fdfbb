"""Drawings of results: dots with intervals, lines, a scatter of quality against cost, and a matrix.

Each function returns an ``<svg>`` element whose colours follow the page (dark or light) and which tells its numbers
when pointed at. Values that are not measured are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from html import escape
from itertools import pairwise
from typing import Any, Literal

from seqwise.report import svg
from seqwise.report.document import Style
from seqwise.report.svg import Axis, Plot, Scale

WIDTH = 720.0
NARROW = 360.0
"""Pixels of a drawing on a wide page and on a phone."""


def _for_both_widths(draw: Callable[..., str]) -> Callable[..., str]:
    """Draw for a wide page and for a phone; the page shows the one that fits."""

    @wraps(draw)
    def both(*args: Any, **kwargs: Any) -> str:
        drawn = ((name, draw(*args, width=width, **kwargs)) for name, width in (("wide", WIDTH), ("narrow", NARROW)))
        return "".join(f'<div class="{name}-only">{picture}</div>' for name, picture in drawn)

    return both


@dataclass(frozen=True)
class Point:
    """A value with its interval, in the units of the axes; ``tip`` is shown when pointed at."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    tip: str = ""


@dataclass(frozen=True)
class Series:
    label: str
    style: Style
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Estimate:
    """A row of :func:`interval_chart`: a value, its interval, and the single runs behind it."""

    label: str
    style: Style
    value: float
    low: float | None = None
    high: float | None = None
    runs: tuple[float, ...] = ()
    text: str = ""
    strong: bool = False


@dataclass(frozen=True)
class MatrixCell:
    """``weight`` in [-1, 1] is the strength of the colour; below zero another colour."""

    text: str
    weight: float = 0.0
    tip: str = ""


@_for_both_widths
def interval_chart(title: str, description: str, estimates: Sequence[Estimate], axis: Axis, *, width: float = WIDTH) -> str:
    """One row per estimate: its interval as a bar, its value as the series' marker, its runs as small rings."""
    narrow, step = width < WIDTH, 46.0 if width < WIDTH else 34.0
    left = 8 if narrow else 20 + max(svg.text_width(row.label, strong=row.strong) for row in estimates)
    right = width - (8 if narrow else 16 + max(svg.text_width(row.text, strong=row.strong) for row in estimates))
    height = step * len(estimates) + 62
    known = [value for row in estimates for value in (row.value, row.low, row.high, *row.runs) if value is not None]
    plot = Plot(Scale(*svg.padded(known), left, right), Scale(0, 1, height - 48, 10))
    grid = [svg.line(plot.x(tick), plot.top, plot.x(tick), plot.bottom, class_="grid") for tick in plot.x.ticks()]
    rows = [
        _estimate_names(plot, row, step * (index + 1) - 6, narrow) + _estimate_row(plot, row, step * (index + 1) - 6)
        for index, row in enumerate(estimates)
    ]
    return svg.drawing(width, height, title, description, "".join([*grid, *svg.x_ticks(plot, axis), *rows]))


def _estimate_names(plot: Plot, row: Estimate, y: float, above: bool) -> str:
    """Name and value at both sides of the row, or above it."""
    weight = " strong" if row.strong else ""
    if above:
        return svg.text(plot.left, y - 12, row.label, class_="name" + weight) + svg.text(
            plot.right, y - 12, row.text, class_="name end" + weight
        )
    return svg.text(plot.left - 12, y + 4, row.label, class_="name end" + weight) + svg.text(
        plot.right + 12, y + 4, row.text, class_="name" + weight
    )


def _estimate_row(plot: Plot, row: Estimate, y: float) -> str:
    colour = f"c{row.style.colour % 8}"
    parts = []
    if row.low is not None and row.high is not None:
        parts.append(svg.line(plot.x(row.low), y, plot.x(row.high), y, class_=f"bar {colour}"))
    parts += [svg.element("circle", cx=plot.x(value), cy=y, r=2.6, class_=f"ring {colour}") for value in row.runs]
    return "".join([*parts, svg.marker(plot.x(row.value), y, row.style, f"{row.label}: {row.text}", 6)])


@_for_both_widths
def line_chart(
    title: str,
    description: str,
    series: Sequence[Series],
    x_axis: Axis,
    y_axis: Axis,
    *,
    spread: Literal["band", "bars"] = "band",
    markers: bool = True,
    width: float = WIDTH,
) -> str:
    """Lines with their intervals as bands, or as error bars where few points stand far apart."""
    height = 330.0 if width == WIDTH else 290.0
    plot = _plot([point for one in series for point in one.points], x_axis, y_axis, width, height)
    draw = {"band": _band, "bars": _error_bars}[spread]
    under = [draw(plot, one) for one in series]
    return svg.drawing(
        width,
        height,
        title,
        description,
        svg.frame(plot, x_axis, y_axis) + "".join(under) + "".join(_line(plot, one, markers) for one in series),
    )


def _plot(points: Sequence[Point], x_axis: Axis, y_axis: Axis, width: float, height: float) -> Plot:
    ys = [value for point in points for value in (point.y, point.low, point.high) if value is not None]
    x_range = svg.padded([point.x for point in points], log=x_axis.log, share=0.04)
    return Plot(
        Scale(*x_range, 62 if width == WIDTH else 54, width - 16, x_axis.log),
        Scale(*svg.padded(ys, log=y_axis.log), height - 50, 30, y_axis.log),
    )


def _line(plot: Plot, series: Series, markers: bool) -> str:
    colour = f"c{series.style.colour % 8}"
    places = [(plot.x(point.x), plot.y(point.y)) for point in series.points]
    path = svg.element("path", d=_path(places), class_=f"l {colour}", stroke_dasharray=series.style.dash or None)
    if not markers:
        return path
    every = max(1, len(places) // 12)
    shown = [index for index in range(len(places)) if index % every == 0 or index == len(places) - 1]
    return path + "".join(svg.marker(*places[index], series.style, series.points[index].tip, 4.2) for index in shown)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _band(plot: Plot, series: Series) -> str:
    known = [point for point in series.points if point.low is not None and point.high is not None]
    if len(known) < 2:
        return ""
    upper = [(plot.x(point.x), plot.y(point.high)) for point in known]
    lower = [(plot.x(point.x), plot.y(point.low)) for point in reversed(known)]
    return svg.element("path", d=_path(upper + lower) + "Z", class_=f"band c{series.style.colour % 8}")


def _error_bars(plot: Plot, series: Series) -> str:
    known = [point for point in series.points if point.low is not None and point.high is not None]
    return "".join(_error_bar(plot, point, series.style) for point in known)


def _error_bar(plot: Plot, point: Point, style: Style) -> str:
    return svg.line(plot.x(point.x), plot.y(point.low), plot.x(point.x), plot.y(point.high), class_=f"err c{style.colour % 8}")


@_for_both_widths
def scatter_chart(
    title: str,
    description: str,
    series: Sequence[Series],
    x_axis: Axis,
    y_axis: Axis,
    *,
    lower_is_better: bool = False,
    width: float = WIDTH,
) -> str:
    """One point per series, its name beside it, and the Pareto front: those that no other beats in both.

    The cost on the x axis is better when smaller; so is the y axis with ``lower_is_better``.
    """
    height = 360.0
    points = [one.points[0] for one in series]
    plot = _plot(points, x_axis, y_axis, width, height)
    front = pareto_front(points, lower_is_better=lower_is_better)
    bars = [
        _error_bar(plot, point, one.style)
        for one, point in zip(series, points, strict=True)
        if point.low is not None and point.high is not None
    ]
    step = svg.element("path", d=_stairs(plot, front), class_="front")
    marks = [svg.marker(plot.x(point.x), plot.y(point.y), one.style, point.tip, 7) for one, point in zip(series, points, strict=True)]
    return svg.drawing(
        width, height, title, description, svg.frame(plot, x_axis, y_axis) + step + "".join(bars + marks) + _names(plot, series)
    )


def pareto_front(points: Sequence[Point], *, lower_is_better: bool = False) -> list[Point]:
    """The points for which no other is as cheap and better, by rising cost."""
    sign = -1.0 if lower_is_better else 1.0
    front: list[Point] = []
    for point in sorted(points, key=lambda one: (one.x, -sign * one.y)):
        if not front or sign * point.y > sign * front[-1].y:
            front.append(point)
    return front


def _stairs(plot: Plot, front: Sequence[Point]) -> str:
    places = [(plot.x(point.x), plot.y(point.y)) for point in front]
    corners = [place for a, b in pairwise(places) for place in (a, (b[0], a[1]))]
    return _path([*corners, places[-1], (plot.right, places[-1][1])])


def _names(plot: Plot, series: Sequence[Series]) -> str:
    """Names beside their points, each where it covers no other name or point."""
    places = [(plot.x(one.points[0].x), plot.y(one.points[0].y)) for one in series]
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in places]
    parts = []
    for (x, y), one in zip(places, series, strict=True):
        width = svg.text_width(one.label)
        boxes = [(left, y + dy - 11, left + width, y + dy + 3) for dy in (4, -10, 20, -24, 34) for left in (x + 12, x - 12 - width)]
        inside = [box for box in boxes if box[0] > plot.left and box[2] < plot.right] or boxes
        box = next((box for box in inside if not any(_overlap(box, other) for other in taken)), inside[0])
        taken.append(box)
        parts.append(svg.text(box[0], box[3] - 3, one.label, class_="name"))
    return "".join(parts)


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def matrix_chart(
    title: str,
    description: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[MatrixCell]],
    *,
    row_name: str = "",
    column_name: str = "",
) -> str:
    """A coloured table of ``len(rows)`` x ``len(columns)`` cells with the columns' names above, turned when they are long."""
    size = _cell_width(cells, columns)
    height = 34.0 if size >= 60 else 26.0
    row_labels, column_labels = ([svg.shortened(label, 26) for label in labels] for labels in (rows, columns))
    widest = max(map(svg.text_width, column_labels))
    turned = widest > size - 4
    left, top = 44 + max(map(svg.text_width, row_labels)), (34 if column_name else 6) + (0.72 * widest + 12 if turned else 18)
    overhang = 0.72 * widest if turned else 0
    parts = [svg.text(left, 16, column_name, class_="axis"), _turned(14, top + height * len(rows) / 2, row_name, -90, "axis mid")]
    parts += [_column_label(left + size * (j + 0.5), top - 8, label, turned) for j, label in enumerate(column_labels)]
    for i, row in enumerate(cells):
        parts.append(svg.text(left - 8, top + height * (i + 0.5) + 4, row_labels[i], class_="name end"))
        parts += [_cell(left + size * j, top + height * i, size, height, cell) for j, cell in enumerate(row)]
    width = max(left + size * len(columns) + overhang + 8, left + svg.text_width(column_name))
    return svg.drawing(width, top + height * len(rows) + 8, title, description, "".join(parts))


def _cell_width(cells: Sequence[Sequence[MatrixCell]], columns: Sequence[str]) -> float:
    longest = max(svg.text_width(cell.text) for row in cells for cell in row) + 10
    roomy = max(map(svg.text_width, columns)) + 14
    return max(longest, 28.0, min(roomy, 600 / len(columns)))


def _column_label(x: float, y: float, label: str, turned: bool) -> str:
    return _turned(x, y, label, -45, "name") if turned else svg.text(x, y, label, class_="name mid")


def _turned(x: float, y: float, content: str, degrees: int, class_: str) -> str:
    return svg.text(x, y, content, class_=class_, transform=f"rotate({degrees} {x:.1f} {y:.1f})") if content else ""


def _cell(x: float, y: float, width: float, height: float, cell: MatrixCell) -> str:
    colour = "neg" if cell.weight < 0 else "pos"
    tip = svg.element("title", escape(cell.tip)) if cell.tip else ""
    opacity = f"{0.62 * min(abs(cell.weight), 1.0):.2f}"
    box = svg.element(
        "rect", tip, x=x + 1, y=y + 1, width=width - 2, height=height - 2, rx=3, class_=f"cell {colour}", fill_opacity=opacity
    )
    return box + (svg.text(x + width / 2, y + height / 2 + 4, cell.text, class_="value mid") if cell.text else "")
