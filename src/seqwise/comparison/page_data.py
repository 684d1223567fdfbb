"""The section of the report that shows quality against the amount of training data."""

from collections.abc import Mapping
from typing import Any

from seqwise.comparison.wording import primary, styles
from seqwise.report import numbers
from seqwise.report.charts import Axis, Point, Series, line_chart
from seqwise.report.document import Block, Bullets, Column, Figure, Paragraph, Section, Table

Result = Mapping[str, Any]


def data_amount(result: Result) -> Section:
    """The curve of each model, its fitted power law, and where two laws would cross."""
    curve = result.get("data_curve")
    if not curve:
        return Section("amount", "Less and more data")
    kind, size = primary(result), curve["size"]
    models = [model for model in result["models"] if len(model.get("by_data") or []) > 1]
    shown = []
    for model in models:
        points = []
        for row in model["by_data"]:
            low, high = [bound * kind.scale for bound in row["ci95"]] if row["ci95"] else (None, None)
            tip = f"{model['name']}, {numbers.share(row['fraction'], 0)} of the training data: {kind.score(row)}"
            points.append(Point(row["fraction"] * size, row["mean"] * kind.scale, low, high, tip))
        shown.append(Series(model["name"], styles(result)[model["name"]], tuple(points)))
    counted = (result["data"].get("card") or {}).get("counted", "examples")
    title = f"{numbers.capital(kind.label)} against the amount of training data"
    spoken = "; ".join(f"{series.label} from {series.points[0].y:.3g} to {series.points[-1].y:.3g}" for series in shown)
    ticks = tuple(sorted({row["fraction"] * size for model in models for row in model["by_data"]}))
    x_axis = Axis(f"training {counted}", lambda value: f"{value:,.0f}", log=True, ticks=ticks)
    svg = line_chart(title, spoken, shown, x_axis, Axis(kind.axis, lambda value: f"{value:g}"), spread="bars")
    legend = tuple((series.label, series.style) for series in shown)
    shares = sorted({row["fraction"] for model in models for row in model["by_data"]})
    known = [{row["fraction"]: row for row in model["by_data"]} for model in models]
    rows = tuple((numbers.share(share, 0), *(kind.score(rows.get(share)) for rows in known)) for share in shares)
    table = Table((Column("share of the data", "right"), *(Column(model["name"], "right") for model in models)), rows, sortable=False)
    intro = (
        "Every model trained again on a part of the training data, with the setting that it was given at the whole and as many steps."
        " This describes; it takes no part in the verdict."
    )
    figure = Figure(title, svg, "Vertical lines: 95 % intervals.", legend, table)
    return Section("amount", "Less and more data", intro, (figure, *_fits(curve, counted)))


def _fits(curve: Mapping[str, Any], counted: str) -> list[Block]:
    if not curve["fits"]:
        return [Paragraph("Three shares of the data and three replicates are needed to fit a power law.", muted=True)]
    rows = tuple(
        (name, f"{found['exponent']:.3f}", "{:.3f} to {:.3f}".format(*found["exponent_ci95"])) for name, found in curve["fits"].items()
    )
    columns = (Column("model"), Column("exponent", "right"), Column("95 % interval", "right"))
    caption = "The error falls as the amount of data to the power of minus this exponent, by a fit through the points above."
    told = [_crossing(row, counted) for row in curve["crossings"]]
    where = [Bullets(tuple(told))] if told else [Paragraph("No crossing of two models is supported by these fits.", muted=True)]
    return [Table(columns, rows, caption, sortable=False), *where]


def _crossing(row: Mapping[str, Any], counted: str) -> str:
    upper = "beyond 100 times these data" if row["high"] is None else f"{row['high']:,.0f}"
    lower = "" if row["low"] is None else f" (between {row['low']:,.0f} and {upper})"
    return f"Extrapolation: {row['a']} and {row['b']} would be equal at about {row['at']:,.0f} {counted}{lower}, and change places beyond."
