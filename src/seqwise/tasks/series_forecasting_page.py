"""What only a report on forecasts has: forecasts over the truth, and the error by steps ahead."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.report import numbers
from seqwise.report.charts import Axis, Point, Series, line_chart
from seqwise.report.document import Callout, Column, Figure, Section, Style, Table

Result = Mapping[str, Any]
TRUTH = Style(7, 7, "")


def sections(result: Result, styles: Mapping[str, Style]) -> list[Section]:
    """Forecasts at a few origins of the test, and every model's error by how far ahead it looks.

    Args:
        result: a comparison's record; models have ``by_step``, ``task_results`` holds ``forecasts``.
        styles: of every model.
    """
    best = (result.get("best") or {}).get("name", "")
    return [_forecasts(result.get("task_results") or {}, best, styles), _by_step(result, styles)]


def _forecasts(found: Mapping[str, Any], best: str, styles: Mapping[str, Style]) -> Section:
    title = "Forecasts over the truth"
    if not found.get("forecasts"):
        why = "The run kept the data out of the report (--no-samples)."
        return Section("forecasts", title, "", (Callout("note", "No samples", "No forecasts are shown", why),))
    level = found["forecasts"][0]["levels"]
    intro = (
        f"Forecasts that were made from the values left of the line's end, beside what then came. Band: where {best} expects"
        f" {numbers.share(level[-1] - level[0], 0)} of the values to lie."
    )
    return Section("forecasts", title, intro, tuple(_origin(shown, best, styles) for shown in found["forecasts"]))


def _origin(shown: Mapping[str, Any], best: str, styles: Mapping[str, Style]) -> Figure:
    past, truth = shown["past"], shown["truth"]
    known = [Point(place - len(past) + 1, value) for place, value in enumerate([*past, *truth])]
    lines = [Series("truth", TRUTH, tuple(known))]
    for name, found in shown["forecasts"].items():
        low, high = (found["quantiles"][place] if name == best else [None] * len(truth) for place in (0, -1))
        rows = zip(found["mean"], low, high, strict=True)
        lines.append(Series(name, styles[name], tuple(Point(step, mean, *bounds) for step, (mean, *bounds) in enumerate(rows, 1))))
    begin, first, last = shown["times"]
    title = f"{shown['series']}: {first} to {last}" if first != last else f"{shown['series']}: {first}"
    spoken = "; ".join(f"{line.label} from {line.points[0].y:.4g} to {line.points[-1].y:.4g}" for line in lines)
    x_axis = Axis("steps after the last known value", lambda value: f"{value:,.0f}")
    svg = line_chart(title, spoken, lines, x_axis, Axis(shown["series"], lambda value: f"{value:g}"), markers=False)
    caption = f"The past shown begins at {begin}."
    return Figure(title, svg, caption, tuple((line.label, line.style) for line in lines))


def _by_step(result: Result, styles: Mapping[str, Style]) -> Section:
    models = [model for model in result["models"] if len(model.get("by_step") or []) > 1]
    if not models:
        return Section("steps", "Error by steps ahead")
    names = [_name(row) for row in models[0]["by_step"]]
    shown = [_series(model, styles[model["name"]], 0.08 * (place - (len(models) - 1) / 2)) for place, model in enumerate(models)]
    title = "Mean squared error by steps ahead"
    spoken = "; ".join(f"{series.label} from {series.points[0].y:.3g} to {series.points[-1].y:.3g}" for series in shown)
    x_axis = Axis("steps ahead", lambda value: names[round(value)], ticks=tuple(range(len(names))))
    svg = line_chart(title, spoken, shown, x_axis, Axis("mean squared error", lambda value: f"{value:g}"), spread="bars")
    figure = Figure(title, svg, "Vertical lines: 95 % intervals.", tuple((one.label, one.style) for one in shown), _table(models, names))
    return Section("steps", "Error by steps ahead", "The farther a value lies ahead, the harder it is to foretell.", (figure,))


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['from']}" if row["from"] == row["to"] else f"{row['from']}–{row['to']}"


def _series(model: Mapping[str, Any], style: Style, shift: float) -> Series:
    points = []
    for place, row in enumerate(model["by_step"]):
        low, high = row["ci95"] or (None, None)
        points.append(Point(place + shift, row["mean"], low, high, f"{model['name']}, {_name(row)} steps ahead: {row['mean']:.3f}"))
    return Series(model["name"], style, tuple(points))


def _table(models: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    columns = (Column("steps ahead", "right"), *(Column(model["name"], "right") for model in models))
    rows = tuple((name, *(f"{model['by_step'][place]['mean']:.3f}" for model in models)) for place, name in enumerate(names))
    return Table(columns, rows, sortable=False)
