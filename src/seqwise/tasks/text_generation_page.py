"""What only a report on language models has: the loss by position, and what the models write."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.report import numbers
from seqwise.report.charts import Axis, Point, Series, line_chart
from seqwise.report.document import Block, Column, Figure, Paragraph, Quote, Section, Style, Table

Result = Mapping[str, Any]
Model = Mapping[str, Any]


def sections(result: Result, styles: Mapping[str, Style]) -> list[Section]:
    """Loss by position, the state carried beyond a window, and continuations of a piece of the test text.

    Args:
        result: a comparison's record; trained models have ``by_position``, recurrent ones the score ``bits_per_byte_carried``;
            ``task_results`` holds ``prompt`` and ``continuations``.
        styles: of every model.
    """
    return [_positions(result, styles), _continuations(result.get("task_results") or {})]


def _positions(result: Result, styles: Mapping[str, Style]) -> Section:
    models = [model for model in result["models"] if model.get("by_position")]
    if not models:
        return Section("positions", "Loss by position")
    names = [_name(row) for row in models[0]["by_position"]]
    shown = [_series(model, styles[model["name"]], 0.09 * (place - (len(models) - 1) / 2)) for place, model in enumerate(models)]
    title = "Bits per token by position in the window"
    spoken = "; ".join(f"{series.label} from {series.points[0].y:.3g} to {series.points[-1].y:.3g}" for series in shown)
    x_axis = Axis("tokens read before", lambda value: names[round(value)], ticks=tuple(range(len(names))))
    svg = line_chart(title, spoken, shown, x_axis, Axis("bits per token", lambda value: f"{value:g}"), spread="bars")
    legend = tuple((series.label, series.style) for series in shown)
    figure = Figure(title, svg, "Vertical lines: 95 % intervals.", legend, _table(models, names))
    intro = (
        "Every model begins each window without a past; the more it has read, the better it can foresee."
        " A curve that is flat at the end does not use a longer context."
    )
    return Section("positions", "Loss by position", intro, (figure, *_carried(models)))


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['from']}" if row["from"] == row["to"] else f"{row['from']}–{row['to']}"


def _series(model: Model, style: Style, shift: float) -> Series:
    points = []
    for place, row in enumerate(model["by_position"]):
        low, high = row["ci95"] or (None, None)
        tip = f"{model['name']}, {_name(row)} tokens read: {row['mean']:.3f} bits per token"
        points.append(Point(place + shift, row["mean"], low, high, tip))
    return Series(model["name"], style, tuple(points))


def _table(models: Sequence[Model], names: Sequence[str]) -> Table:
    columns = (Column("tokens read", "right"), *(Column(model["name"], "right") for model in models))
    rows = tuple((name, *(f"{model['by_position'][place]['mean']:.3f}" for model in models)) for place, name in enumerate(names))
    return Table(columns, rows, sortable=False)


def _carried(models: Sequence[Model]) -> list[Block]:
    both = [(m["name"], m["scores"]["bits_per_byte"], m["scores"].get("bits_per_byte_carried")) for m in models]
    known = [f"{name} {carried['mean']:.3f} instead of {reset['mean']:.3f}" for name, reset, carried in both if carried]
    if not known:
        return []
    text = f"With the state carried through the whole test text instead of starting anew in each window: {numbers.listed(known)}"
    return [Paragraph(f"{text} bits per byte. Attention has no such state, so this is shown beside and decides nothing.")]


def _continuations(found: Mapping[str, Any]) -> Section:
    if not found.get("continuations"):
        return Section("continuations", "What the models write")
    quotes = [Quote(text, (("written by", name),)) for name, text in found["continuations"].items()]
    blocks = (Quote(found["prompt"], (("from", "the test text"),)), *quotes)
    intro = (
        "Each model goes on from the same piece of the test text, or from as much of its end as it can read; sampled with temperature 0.8"
        " from the 50 likeliest tokens, seed 0."
    )
    return Section("continuations", "What the models write", intro, blocks)
