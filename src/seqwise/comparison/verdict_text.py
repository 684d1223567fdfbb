"""The sentences of a verdict."""

from collections.abc import Mapping
from typing import Any

from seqwise.comparison.scores import Decision, ScoreTable
from seqwise.comparison.statistics import FEWEST_REPLICATES
from seqwise.comparison.wording import metric
from seqwise.report import numbers


def sentences(table: ScoreTable, result: Decision) -> str:
    """The verdict in plain sentences: a baseline ahead first, then the decision, then what diverged."""
    parts = [_baseline(table, result.baseline_ahead)] if result.baseline_ahead else []
    parts.append(_verdict(table, result))
    for name, count in table.diverged.items():
        if count:
            parts.append(f"{name} diverged in {count} of {table.replicates} replicates, which count as {table.trivial}.")
    return " ".join(parts)


def reason(table: ScoreTable, decision: Decision, model: str, *, fits: bool, latency_ms: float | None) -> str:
    """Why this model is the one to ship."""
    speed = "" if latency_ms is None else f", {numbers.milliseconds(latency_ms)} per example"
    summary = f"{_level(table, model)}{speed}"
    if not fits:
        return f"no model is within the limits; {model} is the nearest ({summary})"
    if decision.decision == "nothing learned" and not _ahead(decision, model):
        return f"no trained model is above {table.trivial} beyond chance, so the baseline serves as well ({summary})"
    if model in table.baselines:
        return f"the baseline {model} {_merit(decision, model)} ({summary})"
    if decision.winners == [model]:
        return f"{model} won ({summary})"
    if model == table.names[0]:
        return f"{model} has the best mean of the trained models ({summary})"
    if model in decision.candidates:
        return f"{model} is within the margin of the best that can be used, not measurably worse, and the fastest such model ({summary})"
    return f"{model} is the best that keeps the limits ({summary})"


def _merit(decision: Decision, model: str) -> str:
    if not decision.candidates:
        return "is all there is, no model was trained"
    if _ahead(decision, model):
        return "is ahead of every trained model" if decision.baseline_ahead["significant"] else "has a better mean than every trained model"
    return "is as good as the best trained model that can be used, or better, and simpler"


def _ahead(decision: Decision, model: str) -> bool:
    return decision.baseline_ahead is not None and decision.baseline_ahead["name"] == model


def _baseline(table: ScoreTable, ahead: Mapping[str, Any]) -> str:
    certain = "" if ahead["significant"] else ", a difference that may be chance"
    return f"The baseline {ahead['name']} is {_apart(table, ahead)} ahead of {ahead['over']}, the best trained model{certain}."


def _verdict(table: ScoreTable, result: Decision) -> str:
    if not result.candidates:
        return "Undecided: no model was trained."
    if result.decision == "nothing learned":
        return _nothing_learned(table, result)
    shown = f"{result.candidates[0]} scored {_level(table, result.candidates[0])}"
    if len(table.scores) == 1:
        return f"Undecided: only one model was trained; {shown}."
    if result.decision == "winner":
        return _winner(table, result)
    excluded = f" Excluded: {numbers.listed(result.excluded)}." if result.excluded else ""
    candidates = numbers.listed(result.candidates)
    if result.decision == "tie":
        return f"Tie between {candidates}: equivalent within {amount(table, table.margin)}; {shown}.{excluded}"
    if table.replicates < FEWEST_REPLICATES:
        return f"Undecided between {candidates}: a decision takes {FEWEST_REPLICATES} replicates, this is {table.replicates}; {shown}."
    return f"Undecided between {candidates}; {shown}.{excluded}{_would_decide(result.needed)}"


def _nothing_learned(table: ScoreTable, result: Decision) -> str:
    best = result.candidates[0]
    trivial = f"{table.trivial} ({_level(table, table.trivial)})"
    return f"Nothing learned: no trained model is above {trivial} beyond chance; the best of them, {best}, scored {_level(table, best)}."


def _winner(table: ScoreTable, result: Decision) -> str:
    row = result.pairwise[0]
    side = "above" if row["difference"] > 0 else "below"
    return f"{row['a']} wins: {_level(table, row['a'])}, {_apart(table, row)} {side} {row['b']}, the next best."


def _would_decide(needed: Mapping[str, Any] | None) -> str:
    if not needed:
        return ""
    counts = [f"{needed[axis]:,} {name}" for axis, name in (("replicates", "replicates"), ("units", "test units")) if needed[axis]]
    if not counts:
        return " No number of replicates or test units in reach would decide."
    return f" About {' or '.join(counts)} would decide."


def _level(table: ScoreTable, name: str) -> str:
    shown = metric(table.metric)
    value = table.score(name).value
    return f"{shown.value(value)} {shown.label}" if shown.unit == "%" else f"{shown.label} {shown.value(value)}"


def amount(table: ScoreTable, value: float) -> str:
    return metric(table.metric).difference(value, signed=False)


def _apart(table: ScoreTable, row: Mapping[str, Any]) -> str:
    """A size and its interval, ``2.3 points (0.9 to 3.7)``, whichever way the metric runs."""
    sign = -1 if row["difference"] < 0 else 1
    bounds = None if row["ci95"] is None else sorted(sign * bound for bound in row["ci95"])
    return metric(table.metric).difference(abs(row["difference"]), bounds, signed=False)
