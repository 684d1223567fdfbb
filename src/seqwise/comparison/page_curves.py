"""The sections of the report that draw curves: along training, and along the length of the input."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqwise.comparison.page_results import trivial
from seqwise.comparison.wording import Metric, answer_of, dig, length_in, metric, primary, ranked, styles, trained
from seqwise.report import numbers
from seqwise.report.charts import Axis, Point, Series, line_chart
from seqwise.report.document import Block, Column, Details, Figure, Paragraph, Section, Table

Result = Mapping[str, Any]
Model = Mapping[str, Any]


def learning(result: Result) -> Section:
    """Validation score along training, for the run that each replicate finished."""
    kind, name = primary(result), result["protocol"]["metric"]
    if not any(name in row for model in trained(result) for row in model.get("learning_curve") or []):
        kind, name = metric("loss"), "loss"
    shown = [_curve(result, model, name, kind) for model in trained(result)]
    shown = [series for series in shown if len(series.points) > 1]
    blocks: tuple[Block, ...] = ()
    if shown:
        title = f"{numbers.capital(kind.label)} on the validation data along training"
        svg = line_chart(title, _curve_words(shown), shown, Axis("training step", _step), Axis(kind.axis, lambda value: f"{value:g}"))
        caption = "Line: average over the replicates. Band: from the lowest to the highest replicate."
        blocks = (Figure(title, svg, caption, _legend(shown), _curve_table(shown, kind)), *_second_half(shown, kind))
    late = [model["name"] for model in trained(result) if model.get("still_improving")]
    if late:
        blocks += (
            Paragraph(f"{numbers.listed(late)} still improved at the end: the verdict holds at this budget, a larger one may change it."),
        )
    return Section(
        "learning",
        "Learning curves",
        "How fast each model learns. A curve that is not flat at the end would gain from longer training.",
        blocks,
    )


def _second_half(shown: Sequence[Series], kind: Metric) -> list[Block]:
    """The curves from half of the way on, where they lie close together."""
    middle = max(point.x for series in shown for point in series.points) / 2
    late = [Series(one.label, one.style, tuple(point for point in one.points if point.x >= middle)) for one in shown]
    late = [series for series in late if len(series.points) > 1]
    if not late:
        return []
    title = "The second half of training, enlarged"
    svg = line_chart(title, _curve_words(late), late, Axis("training step", _step), Axis(kind.axis, lambda value: f"{value:g}"))
    return [Details(title, (Figure(title, svg, legend=_legend(late)),))]


def _step(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10000 else f"{value:g}"


def _curve(result: Result, model: Model, name: str, kind: Metric) -> Series:
    by_step: dict[int, list[float]] = {}
    for row in model.get("learning_curve") or []:
        if row.get(name) is not None:
            by_step.setdefault(row["step"], []).append(row[name] * kind.scale)
    points = [Point(step, sum(values) / len(values), min(values), max(values)) for step, values in sorted(by_step.items())]
    points = [Point(p.x, p.y, p.low, p.high, f"{model['name']}, step {p.x:,}: {p.y:.{kind.places}f} {kind.unit}") for p in points]
    return Series(model["name"], styles(result)[model["name"]], tuple(points))


def _curve_words(shown: Sequence[Series]) -> str:
    return "; ".join(f"{series.label} from {series.points[0].y:.3g} to {series.points[-1].y:.3g}" for series in shown)


def _curve_table(shown: Sequence[Series], kind: Metric) -> Table:
    steps = sorted({point.x for series in shown for point in series.points})
    steps = steps[:: max(1, len(steps) // 10)]
    values = {(series.label, point.x): f"{point.y:.{kind.places}f}" for series in shown for point in series.points}
    rows = tuple((f"{step:,}", *(values.get((series.label, step), "") for series in shown)) for step in steps)
    return Table(
        (Column("step", "right"), *(Column(f"{series.label} ({kind.unit})" if kind.unit else series.label, "right") for series in shown)),
        rows,
        sortable=False,
    )


def _legend(shown: Sequence[Series]) -> tuple[tuple[str, Any], ...]:
    return tuple((series.label, series.style) for series in shown)


def length(result: Result) -> Section:
    """Quality, latency and memory of the state against the length of the input."""
    figures = (_quality_by_length(result), _latency_by_length(result), _state_by_length(result))
    intro = f"Lengths are in {length_in(result['data'])}. These drawings describe; they take no part in the verdict."
    return Section("length", "Short and long inputs", intro, tuple(figure for figure in figures if figure))


def _quality_by_length(result: Result) -> Figure | None:
    kind = primary(result)
    models = [model for model in ranked(result) if model.get("by_length") and not trivial(result, model)]
    bins = list(dict.fromkeys((row["from"], row["to"]) for model in models for row in model["by_length"] if row["mean"] is not None))
    if len(bins) < 2:
        return None
    shown = [_length_series(result, model, bins, 0.09 * (place - (len(models) - 1) / 2)) for place, model in enumerate(models)]
    names = [_bin_name(*edges) for edges in bins]
    title = f"{numbers.capital(kind.label)} by length of the input"
    x_axis = Axis(length_in(result["data"]), lambda value: names[round(value)], ticks=tuple(range(len(bins))))
    svg = line_chart(title, _curve_words(shown), shown, x_axis, Axis(kind.axis, lambda value: f"{value:g}"), spread="bars")
    examples = {(row["from"], row["to"]): row["examples"] for row in models[0]["by_length"]}
    rows = tuple(
        (name, numbers.whole(examples.get(edges)), *(_length_cell(kind, model, edges) for model in models))
        for name, edges in zip(names, bins, strict=True)
    )
    columns = (
        Column(length_in(result["data"]), "right"),
        Column("examples", "right"),
        *(Column(model["name"], "right") for model in models),
    )
    return Figure(title, svg, "Vertical lines: 95 % intervals.", _legend(shown), Table(columns, rows, sortable=False))


def _bin_name(low: float, high: float | None) -> str:
    return f"{low}+" if high is None else f"{low}–{high}" if high != low else f"{low}"


def _length_series(result: Result, model: Model, bins: Sequence[tuple[float, float]], shift: float) -> Series:
    kind, points, unit = primary(result), [], length_in(result["data"])
    for row in model["by_length"]:
        if row["mean"] is not None:
            low, high = [bound * kind.scale for bound in row["ci95"]] if row["ci95"] else (None, None)
            tip = f"{model['name']}, {_bin_name(row['from'], row['to'])} {unit}: {kind.score(row)}, {row['examples']:,} examples"
            points.append(Point(bins.index((row["from"], row["to"])) + shift, row["mean"] * kind.scale, low, high, tip))
    return Series(model["name"], styles(result)[model["name"]], tuple(points))


def _length_cell(kind: Metric, model: Model, edges: tuple[float, float]) -> str:
    return next((kind.score(row) for row in model["by_length"] if (row["from"], row["to"]) == edges), numbers.MISSING)


def _latency_by_length(result: Result) -> Figure | None:
    values = {
        model["name"]: {row["length"]: row["p50"] for row in dig(model, "cost", "latency_by_length") or []} for model in result["models"]
    }
    return _growth(
        result,
        f"Time for {answer_of(result)} by length of what was read",
        "time (ms)",
        values,
        numbers.milliseconds,
        lambda value: f"{value:g}",
        "Median, one example at a time, one thread.",
    )


def _state_by_length(result: Result) -> Figure | None:
    values = {
        model["name"]: {int(tokens): size for tokens, size in (dig(model, "cost", "state_bytes") or {}).items()}
        for model in result["models"]
    }
    caption = "What a model must remember to read on: a recurrent state keeps its size, an attention cache grows with every token or step."
    return _growth(result, "Memory of the past by length", "state", values, numbers.size, _short_size, caption)


def _short_size(value: float) -> str:
    return re.sub(r"\.0+ ", " ", numbers.size(value))


def _growth(
    result: Result,
    title: str,
    axis: str,
    values: Mapping[str, Mapping[int, float | None]],
    write: Callable[..., str],
    tick: Callable[[float], str],
    caption: str,
) -> Figure | None:
    """Two logarithmic axes: the input's length, and a cost."""
    known = {name: {tokens: value for tokens, value in row.items() if value} for name, row in values.items()}
    unit = length_in(result["data"])
    shown = [
        Series(
            name,
            styles(result)[name],
            tuple(Point(tokens, value, tip=f"{name}, {tokens:,} {unit}: {write(value)}") for tokens, value in sorted(row.items())),
        )
        for name, row in known.items()
        if len(row) > 1
    ]
    if not shown:
        return None
    tokens = sorted({int(point.x) for series in shown for point in series.points})
    spoken = "; ".join(f"{series.label} from {write(series.points[0].y)} to {write(series.points[-1].y)}" for series in shown)
    x_axis = Axis(unit, lambda value: f"{value:,.0f}", log=True, ticks=tuple(tokens))
    svg = line_chart(title, spoken, shown, x_axis, Axis(axis, tick, log=True))
    rows = tuple((f"{count:,}", *(write(known[series.label].get(count)) for series in shown)) for count in tokens)
    table = Table((Column(unit, "right"), *(Column(series.label, "right") for series in shown)), rows, sortable=False)
    return Figure(title, svg, caption, _legend(shown), table)
