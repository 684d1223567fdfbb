"""The report of a comparison: the answer first, then what it stands on, how it was measured, and how to repeat it."""

from collections.abc import Mapping
from typing import Any

from seqwise.comparison import page_curves, page_data, page_protocol, page_results
from seqwise.comparison.wording import all_outside, decision_headline, primary, primary_score, ranked, sentence, styles, trained, worst_case
from seqwise.core.registry import Registry
from seqwise.report import numbers
from seqwise.report.charts import Axis, Estimate, interval_chart
from seqwise.report.document import Block, Callout, Cell, Column, Document, Figure, Row, Section, Table
from seqwise.report.html import render

Result = Mapping[str, Any]

TASK_SECTIONS = Registry(
    "task with a section of its own",
    {
        "text-classification": "seqwise.tasks.text_classification_page:sections",
        "text-generation": "seqwise.tasks.text_generation_page:sections",
        "translation": "seqwise.tasks.translation_page:sections",
        "time-series-classification": "seqwise.tasks.series_classification_page:sections",
        "time-series-forecasting": "seqwise.tasks.series_forecasting_page:sections",
        "audio-classification": "seqwise.tasks.audio_classification_page:sections",
        "automatic-speech-recognition": "seqwise.tasks.speech_recognition_page:sections",
    },
)
"""Each function takes the result and the style of every model, and returns the sections that only this task has."""


def render_report(result: Result) -> str:
    """``report.html`` from ``comparison.json``: one file that needs nothing else."""
    return render(comparison_document(result))


def comparison_document(result: Result) -> Document:
    """The report as a document. Whatever was not measured is left out or said to be missing."""
    own = TASK_SECTIONS[result["task"]](result, styles(result)) if result["task"] in TASK_SECTIONS else []
    sections = [
        _answer(result),
        page_protocol.data_card(result),
        page_results.scores(result),
        page_results.quality_against_cost(result),
        page_results.pairs(result),
        page_curves.learning(result),
        page_curves.length(result),
        page_data.data_amount(result),
        *own,
        page_protocol.trials(result),
        page_protocol.protocol(result),
        page_protocol.environment(result),
    ]
    footer = "Made by seqwise from comparison.json beside this file, which holds every number shown here."
    return Document(_title(result), _subtitle(result), tuple(section for section in sections if section.blocks), footer)


def _title(result: Result) -> str:
    names = [model["name"] for model in trained(result)]
    source = result["data"]["source"].rstrip("/").rsplit("/", 1)[-1]
    return f"{numbers.listed(names, 'or')}: which one for {source}?" if len(names) > 1 else f"How good is {''.join(names)} on {source}?"


def _subtitle(result: Result) -> str:
    protocol = result["protocol"]
    training = {"steps": "number of training steps", "seconds": "training time", "flops": "training computation"}[
        protocol["match_training"]
    ]
    replicates = numbers.plural(protocol["replicates"], "replicate")
    task = numbers.capital(result["task"].replace("-", " "))
    if len(trained(result)) == 1:
        return f"{task}. A search on validation data and a whole training in {replicates}.{_from_outside(result)}"
    same = ["data", *([] if all_outside(result) else [_same_size(protocol)]), training]
    effort = f"Same {', '.join(same)} and search effort for each model"
    return f"{task}. {effort}; everything repeated from scratch in {replicates}.{_from_outside(result)}"


def _same_size(protocol: Mapping[str, Any]) -> str:
    target = protocol.get("target_parameters")
    about = f" (about {numbers.count(target)} without embeddings)" if target else ""
    reference = f" (that of a transformer of {numbers.count(target)} parameters without embeddings)" if target else ""
    return {"parameters": f"number of parameters{about}", "flops": f"computation per example{reference}"}[protocol["match_size"]]


def _from_outside(result: Result) -> str:
    """Which models came from outside, and which of them with their weights."""
    outside = [model for model in trained(result) if model["family"] == "external"]
    if not outside:
        return ""
    tuned = [model["name"] for model in outside if model["kind"] == "fine-tuned"]
    apart = f" {numbers.listed([model['name'] for model in outside])} from outside, of their own size"
    if len(outside) == 1:
        apart = f" {outside[0]['name']} from outside, of its own size"
    return apart + (", fine-tuned." if len(tuned) == len(outside) else f"; fine-tuned: {numbers.listed(tuned) or 'none'}.")


def _answer(result: Result) -> Section:
    verdict = result["verdict"]
    recommendation = verdict["recommendation"]
    names = [model["name"] for model in result["models"]]
    reason = " ".join(part for part in (sentence(recommendation["reason"] or "", names), worst_case(result)) if part)
    headline = f"Use {recommendation['model']}" if recommendation["model"] else "No model can be recommended"
    advice = Callout("good" if recommendation["model"] else "note", "Recommendation", headline, reason)
    decision = Callout("verdict", "Verdict", decision_headline(result), verdict["text"])
    return Section("answer", "", blocks=(*_warnings(result), Row((advice, decision)), *_notes(result), *_main_chart(result)))


def _warnings(result: Result) -> list[Callout]:
    verdict, metric, found = result["verdict"], primary(result), []
    if result["status"] == "partial":
        found.append(
            Callout(
                "warning",
                "Partial",
                "The run ended before everything planned was done",
                "All numbers below are of what was finished, the same for every model.",
            )
        )
    ahead = verdict["baseline_ahead"]
    if ahead:
        headline = f"The simple baseline {ahead['name']} is ahead of every trained model"
        chance = "" if ahead.get("significant", True) else ", which may be chance"
        sign = 1 if result["protocol"]["higher_is_better"] else -1
        gap, bounds = abs(ahead["difference"]), ahead["ci95"] and sorted(sign * bound for bound in ahead["ci95"])
        text = f"The difference is {metric.difference(gap, bounds, signed=False)}{metric.of}{chance}."
        found.append(Callout("warning", "Baseline ahead", headline, text))
    return found


def _notes(result: Result) -> list[Callout]:
    """What the verdict does not cover, and on what it depends."""
    found = []
    names = [model["name"] for model in result["models"]]
    for model in result["models"]:
        if model["status"] in ("failed", "unfinished"):
            headline = f"{model['name']} {'failed' if model['status'] == 'failed' else 'was not finished'} and has no part in the verdict"
            found.append(Callout("warning", "Missing", headline, sentence(model.get("error") or "")))
    if result.get("refit"):
        found.append(_refit(result))
    for flip in result["verdict"].get("flips") or []:
        found.append(
            Callout(
                "note", "Depends on the match", "Another way to match the models changes the verdict", sentence(_flip_text(flip), names)
            )
        )
    return found


def _refit(result: Result) -> Callout:
    longer, kind = result["refit"], primary(result)
    headline = f"{longer['model']} was then trained {longer['times_as_long']:.1f} times as long, to hand over"
    score = kind.value(longer["scores"][result["protocol"]["metric"]])
    place = "It is the model in best/." if longer["kept"] else "It was no better on the validation data, so best/ holds the one before."
    text = f"{numbers.capital(kind.label)} {score} on the test data: one training, apart from the comparison, without an interval. {place}"
    return Callout("note", "Trained longer", headline, text)


def _flip_text(flip: str | Mapping[str, Any]) -> str:
    return (
        flip
        if type(flip) is str
        else str(flip.get("text") or ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in flip.items()))
    )


def _main_chart(result: Result) -> list[Block]:
    metric = primary(result)
    scored = [model for model in ranked(result) if primary_score(result, model)["mean"] is not None]
    if not scored:
        return []
    shown = _on_scale(result, scored)
    estimates = [_estimate(result, model) for model in shown]
    away = [f"{model['name']} ({metric.value(primary_score(result, model)['mean'])})" for model in scored if model not in shown]
    caption = f"{numbers.capital(metric.label)} is {metric.meaning}. " if metric.meaning else ""
    caption += "Bar: 95 % interval, in which the true average lies most likely. Rings: the single replicates."
    caption += f" Far off and not drawn: {numbers.listed(away)}." if away else ""
    title = f"{numbers.capital(metric.label)} on the test data"
    svg = interval_chart(title, _spoken(result, scored), estimates, Axis(metric.axis, lambda value: f"{value:g}"))
    return [Figure(title, svg, caption, table=_main_table(result, scored))]


def _on_scale(result: Result, scored: list[Any]) -> list[Any]:
    """Without the baselines that lie so far outside that the models would shrink to a point; a recommended one is always shown."""
    recommended = result["verdict"]["recommendation"]["model"]
    means = [primary_score(result, model)["mean"] for model in scored if model["kind"] != "baseline"]
    if not means:
        return scored
    reach = 1.5 * max(max(means) - min(means), 0.05 * abs(max(means)))
    low, high = min(means) - reach, max(means) + reach
    kept = [model for model in scored if model["kind"] != "baseline" or model["name"] == recommended]
    drawn = [bound for model in kept for bound in primary_score(result, model)["ci95"] or (primary_score(result, model)["mean"],)]
    low, high = min(low, *drawn), max(high, *drawn)
    return [model for model in scored if model in kept or low <= primary_score(result, model)["mean"] <= high]


def _estimate(result: Result, model: Mapping[str, Any]) -> Estimate:
    metric, score = primary(result), primary_score(result, model)
    low, high = [bound * metric.scale for bound in score["ci95"]] if score["ci95"] else (None, None)
    runs = tuple(value * metric.scale for value in score["per_replicate"] if value is not None)
    name = model["name"]
    recommended = name == result["verdict"]["recommendation"]["model"]
    return Estimate(
        name, styles(result)[name], score["mean"] * metric.scale, low, high, runs if len(runs) > 1 else (), metric.score(score), recommended
    )


def _spoken(result: Result, scored: list[Any]) -> str:
    return "; ".join(f"{model['name']} {primary(result).score(primary_score(result, model))}" for model in scored)


def _main_table(result: Result, scored: list[Any]) -> Table:
    metric = primary(result)
    columns = (Column("model"), Column(metric.axis, "right"), Column("95 % interval", "right"), Column("replicates"))
    rows = []
    for model in scored:
        score = primary_score(result, model)
        runs = ", ".join(metric.value(value) for value in score["per_replicate"])
        rows.append(
            (model["name"], Cell(metric.value(score["mean"]), score["mean"]), metric.interval(score["ci95"]) or numbers.MISSING, runs)
        )
    return Table(columns, tuple(rows))
