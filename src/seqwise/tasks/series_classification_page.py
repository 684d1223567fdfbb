"""What only a report on labelled series has: how series of each class look, and those that were taken for another."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.report import numbers
from seqwise.report.charts import Axis, Point, Series, line_chart
from seqwise.report.document import Block, Callout, Details, Figure, Paragraph, Section, Style
from seqwise.tasks.classification_page import classes

Result = Mapping[str, Any]

OPEN_FIGURES = 4


def sections(result: Result, styles: Mapping[str, Style]) -> list[Section]:
    """The classes, series of each, and the mistakes of the best model.

    Args:
        result: a comparison's record; ``task_results`` holds ``labels``, ``confusion``, ``per_class``, ``examples`` and ``mistakes``,
            each of which may be missing.
        styles: of every model; nothing here is drawn per model.
    """
    found = result.get("task_results") or {}
    best = (result.get("best") or {}).get("name", "the best model")
    every = (result["data"].get("card") or {}).get("channels") or []
    channels = [every[i] for i in found.get("channels") or []]
    return [classes(found, best), _examples(found, channels, len(every)), _mistakes(found, best, channels)]


def _examples(found: Mapping[str, Any], channels: Sequence[str], count: int) -> Section:
    groups = [group for group in found.get("examples") or [] if group["series"]]
    title = "How the classes look"
    if not groups:
        return Section("series", title, "", (_nothing("The run kept the data out of the report (--no-samples)."),))
    figures = [_group(group, channels) for group in groups]
    intro = "The first test series of each class."
    if len(channels) < count:
        intro += f" Drawn are the {len(channels)} of {count} channels that vary most."
    return Section("series", title, intro, _first_open(figures, "classes"))


def _group(group: Mapping[str, Any], channels: Sequence[str]) -> Figure:
    """One channel: a line per series. Several: the channels of the first series."""
    if len(channels) == 1:
        lines = [(f"series {place}", one["steps"], one["values"][0]) for place, one in enumerate(group["series"], 1)]
        return _lines(f"Class {group['label']}", lines, channels[0])
    return _one(f"Class {group['label']}", group["series"][0], channels)


def _one(title: str, series: Mapping[str, Any], channels: Sequence[str], caption: str = "") -> Figure:
    lines = [(name, series["steps"], values) for name, values in zip(channels, series["values"], strict=False)]
    return _lines(title, lines, channels[0] if len(channels) == 1 else "value", caption)


def _lines(title: str, lines: Sequence[tuple[str, Sequence[int], Sequence[float]]], axis: str, caption: str = "") -> Figure:
    shown = []
    for place, (name, steps, values) in enumerate(lines):
        points = tuple(Point(step + 1, value, tip=f"{name}, step {step + 1}: {value:g}") for step, value in zip(steps, values, strict=True))
        shown.append(Series(name, Style(place, place, ("", "7 4", "2 4")[place % 3]), points))
    low, high = min(min(values) for _, _, values in lines), max(max(values) for _, _, values in lines)
    spoken = f"{numbers.plural(len(lines), 'line')} between {low:.4g} and {high:.4g}"
    x_axis = Axis("step", lambda value: f"{value:,.0f}")
    svg = line_chart(title, spoken, shown, x_axis, Axis(axis, lambda value: f"{value:g}"), markers=False)
    legend = tuple((one.label, one.style) for one in shown) if len(shown) > 1 else ()
    return Figure(title, svg, caption, legend)


def _mistakes(found: Mapping[str, Any], best: str, channels: Sequence[str]) -> Section:
    title, rows = "Real mistakes", found.get("mistakes")
    if not rows:
        return Section("mistakes", title, "", (_nothing("The run kept the data out of the report, or there was no mistake to show."),))
    figures = [
        _one(
            f"Class {row['truth']}, taken for {row['predicted']}", row, channels, f"{best} was {numbers.share(row['confidence'], 0)} sure."
        )
        for row in rows
    ]
    intro = f"{best} was sure of these and wrong. Some may be mistakes in the data."
    return Section("mistakes", title, "", (Paragraph(intro), *_first_open(figures, "mistakes")))


def _first_open(figures: Sequence[Figure], what: str) -> tuple[Block, ...]:
    rest = figures[OPEN_FIGURES:]
    return (*figures[:OPEN_FIGURES], *([Details(f"{len(rest)} more {what}", tuple(rest))] if rest else []))


def _nothing(why: str) -> Callout:
    return Callout("note", "No samples", "No series are shown", why)
