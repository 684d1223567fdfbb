"""The sections of the report that show scores, costs and pairs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqwise.comparison.wording import DECISIONS, Metric, answer_of, dig, metric, primary, primary_score, ranked, styles
from seqwise.report import numbers
from seqwise.report.charts import Axis, MatrixCell, Point, Series, matrix_chart, scatter_chart
from seqwise.report.document import Block, Cell, Column, Details, Figure, Paragraph, Section, Table

Result = Mapping[str, Any]
Model = Mapping[str, Any]


def scores(result: Result) -> Section:
    """One row per model: every metric with its interval, sizes and costs."""
    names = list(dict.fromkeys(name for model in result["models"] for name in model["scores"]))
    first = result["protocol"]["metric"]
    names.sort(key=lambda name: name != first)
    headings = [metric(name).label for name in names]
    columns = (
        Column("model"),
        *(Column(heading, "right") for heading in headings),
        Column("parameters", "right"),
        Column("remarks", wide=True),
    )
    table = Table(columns, tuple(_score_row(result, model, names) for model in ranked(result)))
    meanings = [f"{numbers.capital(metric(name).label)}: {metric(name).meaning}" for name in names if metric(name).meaning]
    notes = Paragraph(
        ". ".join([*meanings, "Brackets: 95 % interval. Only the first metric decides; the others describe"]) + ".", muted=True
    )
    return Section(
        "scores",
        "All models",
        "Every number is measured on test data that no model saw before it was finished.",
        (table, notes, _cost_table(result)),
    )


_COSTS: dict[str, tuple[tuple[str, ...], Callable[[float | None], str]]] = {
    "training time": (("cost", "train_seconds"), numbers.duration),
    "ideal training time (at the machine’s peak)": (("cost", "ideal_train_seconds"), numbers.duration),
    "training speed (tokens or steps per second)": (("cost", "train_tokens_per_second"), numbers.count),
    "share of the machine’s peak": (("cost", "flop_utilisation"), numbers.share),
    "time per answer (median)": (("cost", "latency_ms", "p50"), numbers.milliseconds),
    "time per answer (95th percentile)": (("cost", "latency_ms", "p95"), numbers.milliseconds),
    "memory in training": (("cost", "peak_memory_bytes"), numbers.size),
    "size on disk": (("bytes_on_disk",), numbers.size),
}


def _score_row(result: Result, model: Model, names: Sequence[str]) -> tuple[str | Cell, ...]:
    recommended = model["name"] == result["verdict"]["recommendation"]["model"]
    quality = [_score_cell(metric(name), model["scores"].get(name)) for name in names]
    parameters = dig(model, "parameters", "total")
    return (
        Cell(model["name"], note=_kind(model), strong=recommended),
        *quality,
        Cell(numbers.whole(parameters), parameters),
        _remarks(result, model),
    )


def _cost_table(result: Result) -> Block:
    """The costs that were measured for at least one model."""
    titles = [title for title, (keys, _) in _COSTS.items() if any(dig(model, *keys) is not None for model in result["models"])]
    if not titles:
        return Paragraph("The costs of the models were not measured.")
    columns = (Column("model"), *(Column(title, "right") for title in titles))
    return Table(columns, tuple(_cost_row(model, titles) for model in ranked(result)), "What each model costs")


def _cost_row(model: Model, titles: Sequence[str]) -> tuple[str | Cell, ...]:
    values = [(dig(model, *keys), write) for keys, write in (_COSTS[title] for title in titles)]
    return (model["name"], *(Cell(write(value), value) for value, write in values))


def _score_cell(kind: Metric, score: Mapping[str, Any] | None) -> Cell:
    if not score or score["mean"] is None:
        return Cell(numbers.MISSING)
    bounds = kind.interval(score["ci95"])
    return Cell(kind.value(score["mean"]), score["mean"], note=f"({bounds})" if bounds else "")


def _kind(model: Model) -> str:
    if model["family"] == "external" and model["kind"] == "trained":
        return "external, fresh weights"
    return model["family"] if model["kind"] in ("trained", model["family"]) else f"{model['family']}, {model['kind']}"


def _remarks(result: Result, model: Model) -> str:
    found = []
    if model["name"] == result["verdict"]["recommendation"]["model"]:
        found.append("recommended")
    if model["status"] != "ok":
        found.append(f"{model['status']}: {model['error']}" if model.get("error") else model["status"])
    if model.get("diverged"):
        found.append(f"{model['diverged']} of {result['protocol']['replicates']} replicates diverged and count as the trivial baseline")
    if model.get("still_improving"):
        found.append("was still improving when training ended")
    if model.get("edge"):
        found.append("best setting on the edge of the search")
    return "; ".join(found)


def quality_against_cost(result: Result) -> Section:
    """Quality against latency and against training time."""
    figures = [
        _cost_figure(
            result,
            "time per answer",
            ("cost", "latency_ms", "p50"),
            f"time for {answer_of(result)} (ms, one thread)",
            lambda value: f"{value:g}",
            numbers.milliseconds,
        ),
        _cost_figure(result, "training time", ("cost", "train_seconds"), "training time", _short_duration, numbers.duration),
    ]
    better, worse = ("up", "below") if result["protocol"]["higher_is_better"] else ("down", "above")
    intro = (
        f"Better is {better}, cheaper is left. The dotted line joins the models that no other beats in both; those {worse} it are beaten."
    )
    return Section("cost", "Quality against cost", intro, tuple(figure for figure in figures if figure))


def _short_duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"


def _cost_figure(
    result: Result, what: str, keys: tuple[str, ...], axis: str, tick: Callable[[float], str], write: Callable[[float | None], str]
) -> Figure | None:
    kind = primary(result)
    known = [(model, dig(model, *keys), primary_score(result, model)) for model in ranked(result)]
    known = [(model, cost, score) for model, cost, score in known if cost and score["mean"] is not None and not trivial(result, model)]
    if len(known) < 2:
        return None
    series = []
    for model, cost, score in known:
        low, high = [bound * kind.scale for bound in score["ci95"]] if score["ci95"] else (None, None)
        tip = f"{model['name']}: {kind.score(score)}\n{what}: {write(cost)}"
        series.append(Series(model["name"], styles(result)[model["name"]], (Point(cost, score["mean"] * kind.scale, low, high, tip),)))
    title = f"{numbers.capital(kind.label)} against {what}"
    spoken = "; ".join(f"{model['name']} {kind.score(score)}, {write(cost)}" for model, cost, score in known)
    x_axis, y_axis = Axis(axis, tick, log=True), Axis(kind.axis, lambda value: f"{value:g}")
    svg = scatter_chart(title, spoken, series, x_axis, y_axis, lower_is_better=not result["protocol"]["higher_is_better"])
    columns = (Column("model"), Column(kind.label, "right"), Column(what, "right"))
    return Figure(title, svg, table=Table(columns, tuple((model["name"], kind.score(score), write(cost)) for model, cost, score in known)))


def trivial(result: Result, model: Model) -> bool:
    """A baseline below half of the way from nothing to the best: it would flatten the drawing."""
    best = primary_score(result, ranked(result)[0])["mean"]
    mean = primary_score(result, model)["mean"]
    return model["kind"] == "baseline" and (mean < 0.6 * best if result["protocol"]["higher_is_better"] else mean > 1.6 * best)


def pairs(result: Result) -> Section:
    """Every model against every other, as a matrix and with intervals and p values."""
    rows = result["pairwise"]
    if not rows:
        return Section("pairs", "Every pair")
    kind = primary(result)
    names = [model["name"] for model in ranked(result) if any(model["name"] in (row["a"], row["b"]) for row in rows)]
    found = {(row["a"], row["b"]): (row["difference"], row["decision"]) for row in rows}
    opposite = {"better": "worse", "worse": "better"}
    found |= {(b, a): (None if gap is None else -gap, opposite.get(decision, decision)) for (a, b), (gap, decision) in list(found.items())}
    most = max([abs(gap) for gap, _ in found.values() if gap is not None], default=0) or 1
    cells = [[_pair_cell(kind, a, b, found.get((a, b)), most) for b in names] for a in names]
    title = f"Difference in {kind.label}: row minus column" + (f" ({kind.step})" if kind.step else "")
    spoken = "; ".join(f"{row['a']} against {row['b']}: {DECISIONS[row['decision']]}" for row in rows)
    caption = "Colour only where the difference is decided; blue: the row is better, orange: worse. = equal within the margin; ? undecided."
    svg = matrix_chart(title, spoken, names, names, cells)
    margin = kind.difference(result["protocol"]["margin"], signed=False)
    alpha = f"{result['protocol']['alpha']:g}"
    intro = f"A difference is decided when its corrected p value is below {alpha}; equal means surely less than {margin} apart."
    return Section(
        "pairs", "Every pair", intro, (Figure(title, svg, caption), Details("Intervals and p values", (_pair_table(kind, rows),)))
    )


def _pair_cell(kind: Metric, a: str, b: str, found: tuple[float | None, str] | None, most: float) -> MatrixCell:
    if found is None or found[0] is None:
        return MatrixCell("" if a == b else "?")
    gap, decision = found
    decided = decision in ("better", "worse")
    mark = {"equivalent": " =", "undecided": " ?"}.get(decision, "")
    written = numbers.fixed(gap, kind.places, scale=kind.scale, signed=True)
    weight = (0.25 + 0.75 * abs(gap) / most) * (1 if decision == "better" else -1) if decided else 0.0
    return MatrixCell(written + mark, weight, f"{a} against {b}: {kind.difference(gap)}, {DECISIONS[decision]}")


def _pair_table(kind: Metric, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = (
        Column("model"),
        Column("against"),
        Column("difference (95 % interval)", "right"),
        Column("p, corrected for the number of pairs", "right"),
        Column("decision"),
    )
    return Table(columns, tuple(_pair_row(kind, row) for row in rows))


def _pair_row(kind: Metric, row: Mapping[str, Any]) -> tuple[str | Cell, ...]:
    p = row["p"]
    written = numbers.MISSING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
    return (
        row["a"],
        row["b"],
        Cell(kind.difference(row["difference"], row["ci95"]), row["difference"]),
        Cell(written, p),
        DECISIONS[row["decision"]],
    )
