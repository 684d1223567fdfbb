"""From a table of scores to a decision and a recommendation. Pure: no files, no clock, no randomness."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seqwise.comparison import statistics, verdict_text
from seqwise.comparison.scores import Decision, ScoreTable
from seqwise.comparison.statistics import Estimate

Limits = Mapping[str, float | None]
Costs = Mapping[str, Mapping[str, float | None]]


def decide(table: ScoreTable, *, alpha: float) -> Decision:
    """Decide a comparison at level ``alpha`` (:func:`~seqwise.comparison.statistics.alpha_of_look`).

    The candidates are the trained models that are not worse than the one with the best mean. One candidate is the winner; several
    that are all equivalent tie; else it is undecided. If no trained model is above the trivial baseline (one-sided at alpha / 2,
    Bonferroni over the models), nothing was learned. Below three replicates nothing is decided. Equivalent means that the 90 %
    interval lies inside the margin (two one-sided tests, Schuirmann 1987) and takes precedence over better and worse.
    """
    names = table.names
    rows = [_pair(table, a, b, alpha=alpha) for a, b in itertools.combinations(names, 2)]
    decisions = {(row["a"], row["b"]): row["decision"] for row in rows}
    candidates = [name for name in names if name == names[0] or decisions[names[0], name] != "better"]
    decision = _conclude(table, candidates, decisions, alpha)
    result = Decision(
        decision=decision,
        winners=candidates if decision in ("winner", "tie") else [],
        candidates=candidates,
        excluded=[name for name in names if name not in candidates],
        pairwise=rows,
        baseline_ahead=_baseline_ahead(table, names[0], alpha) if names else None,
        needed=_needed(table, candidates, decisions, alpha) if decision == "undecided" else None,
        alpha=alpha,
        text="",
    )
    return replace(result, text=verdict_text.sentences(table, result))


def recommend(table: ScoreTable, decision: Decision, *, limits: Limits, costs: Costs) -> dict[str, Any]:
    """Which model to ship. There is always one as long as there is a model or a baseline.

    Among the models within the limits, the one with the best mean; in its place the fastest of those that are within the margin of
    it and not worse (a baseline: that are equivalent to it). Where nothing was learned, a baseline. Where the limits leave no
    model, the one nearest to them, and the reason says so.

    Args:
        limits: ``max_latency_ms`` and ``max_bytes``, each may be absent or None; a cost that was not measured exceeds its limit.
        costs: per model or baseline ``latency_ms_p50`` and ``bytes``.

    Returns:
        ``model``, ``kind`` (trained or baseline), ``reason``, ``regret_upper95`` (how much worse than the best alternative within
        the limits at most, in the metric's unit; upper 95 % bounds, Bonferroni over the alternatives; None without any, or below three
        replicates), ``within_limits``, ``alternatives``, and ``trained_model``, the trained model to save.
    """
    baselines = [name for name in table.baselines if name != table.trivial]
    pool = [*table.names, *baselines]
    if decision.decision == "nothing learned" or not pool:
        pool = [table.trivial, *baselines] if table.trivial in table.baselines else baselines
    if not pool:
        raise ValueError("there is neither a model nor a baseline to recommend")
    model, fits = _choose(table, decision, pool, limits, costs)
    trained = _choose(table, decision, table.names, limits, costs)[0] if table.scores else None
    reason = verdict_text.reason(table, decision, model, fits=fits, latency_ms=_cost(costs, model, "latency_ms_p50"))
    others = [name for name in dict.fromkeys([*table.names, *pool]) if name != model]
    alternatives = [name for name in others if not fits or _excess(name, limits, costs) <= 1]
    ahead = table.ranked([*table.names, *baselines])
    if ahead and ahead[0] not in (model, *alternatives):
        gap = abs(table.difference(ahead[0], model).value)
        reason += f"; the limits exclude {ahead[0]}, which is {verdict_text.amount(table, gap)} better"
    if trained not in (None, model):
        reason += f"; where a trained model is wanted, {trained}"
    return {
        "model": model,
        "kind": "trained" if model in table.scores else "baseline",
        "reason": reason,
        "regret_upper95": _regret(table, model, alternatives),
        "within_limits": fits,
        "trained_model": trained,
        "alternatives": [
            {
                "model": name,
                "kind": "trained" if name in table.scores else "baseline",
                "difference": table.difference(name, model).value,
                "latency_ms_p50": _cost(costs, name, "latency_ms_p50"),
                "bytes": _cost(costs, name, "bytes"),
                "within_limits": _excess(name, limits, costs) <= 1,
            }
            for name in others
        ],
    }


def _pair(table: ScoreTable, a: str, b: str, *, alpha: float) -> dict[str, Any]:
    estimate = table.difference(a, b)
    p = None
    if estimate.p is not None:
        p = statistics.max_t_p(estimate.t, estimate.degrees_of_freedom, len(table.scores))
    return {
        "a": a,
        "b": b,
        "metric": table.metric,
        "difference": estimate.value,
        "ci95": _listed(estimate.ci95),
        "ci90": _listed(estimate.ci90),
        "p": p,
        "decision": _relation(table, estimate, p, alpha),
    }


def _relation(table: ScoreTable, estimate: Estimate, p: float | None, alpha: float) -> str:
    if p is None:
        return "undecided"
    low, high = estimate.ci90
    if -table.margin <= low and high <= table.margin:
        return "equivalent"
    if p > alpha:
        return "undecided"
    return "better" if table.gain(estimate.value) > 0 else "worse"


def _conclude(table: ScoreTable, candidates: list[str], decisions: Mapping[tuple[str, str], str], alpha: float) -> str:
    if not candidates or table.replicates < statistics.FEWEST_REPLICATES:
        return "undecided"
    if table.trivial in table.baselines and not any(_learned(table, name, alpha) for name in table.scores):
        return "nothing learned"
    if len(table.scores) == 1:
        return "undecided"
    if len(candidates) == 1:
        return "winner"
    equivalent = all(decisions[pair] == "equivalent" for pair in itertools.combinations(candidates, 2))
    return "tie" if equivalent else "undecided"


def _learned(table: ScoreTable, name: str, alpha: float) -> bool:
    above = table.difference(name, table.trivial)
    return table.gain(above.value) > 0 and above.p * len(table.scores) <= alpha


def _baseline_ahead(table: ScoreTable, best: str, alpha: float) -> dict[str, Any] | None:
    ranked = table.ranked([name for name in table.baselines if name != table.trivial])
    if not ranked:
        return None
    estimate = table.difference(ranked[0], best)
    if table.gain(estimate.value) <= 0:
        return None
    significant = estimate.p is not None and estimate.p <= alpha
    return {"name": ranked[0], "over": best, "difference": estimate.value, "ci95": _listed(estimate.ci95), "significant": significant}


def _needed(table: ScoreTable, candidates: list[str], decisions: Mapping[tuple[str, str], str], alpha: float) -> dict[str, Any] | None:
    """What would decide every open pair with the best model, or, where none is open, every open pair of candidates."""
    open_pairs = [pair for pair in itertools.combinations(candidates, 2) if decisions[pair] == "undecided"]
    open_pairs = [pair for pair in open_pairs if pair[0] == candidates[0]] or open_pairs
    if not open_pairs or table.replicates < statistics.FEWEST_REPLICATES:
        return None
    answers = [
        statistics.needed(
            table.difference(*pair).value,
            table.components(*pair),
            table.replicates,
            table.units,
            models=len(table.scores),
            alpha=alpha,
            margin=table.margin,
            folds=not table.crossed,
        )
        for pair in open_pairs
    ]
    worst = {axis: [answer[axis] for answer in answers] for axis in ("replicates", "units")}
    return {axis: None if None in values else max(values) for axis, values in worst.items()} | {"power": statistics.POWER}


FEWEST_UNITS = 6
"""Test units below which nothing can be worse beyond chance, so that means alone advise."""
CHEAPER = 0.9
"""A model takes the place of a better mean only where its latency is below this share: less is within the noise of a stopwatch."""


def _choose(table: ScoreTable, decision: Decision, pool: list[str], limits: Limits, costs: Costs) -> tuple[str, bool]:
    """The recommended name of the pool, and whether it is within the limits."""
    fitting = table.ranked([name for name in pool if _excess(name, limits, costs) <= 1])
    if not fitting:
        return min(table.ranked(pool), key=lambda name: _excess(name, limits, costs)), False
    best = fitting[0]
    near = [best] + [name for name in fitting[1:] if _as_good(table, decision, name, best)]
    fastest = min(near, key=lambda name: _latency(name, costs))
    return (fastest if _latency(fastest, costs) < CHEAPER * _latency(best, costs) else best), True


def _as_good(table: ScoreTable, decision: Decision, name: str, best: str) -> bool:
    if name in table.scores and best in table.scores:
        relation = decision.of_pair(name, best)
    else:
        estimate = table.difference(name, best)
        relation = _relation(table, estimate, estimate.p, decision.alpha)
    within = abs(table.difference(name, best).value) <= table.margin
    if name in table.baselines and name != table.trivial:
        return relation == "equivalent"
    if decision.decision == "nothing learned" and table.units >= FEWEST_UNITS:
        return relation != "worse"
    return within and relation != "worse"


def _excess(name: str, limits: Limits, costs: Costs) -> float:
    """The largest ratio of a cost to its limit; at most 1 within the limits, infinite where the cost is unknown."""
    ratios = [0.0]
    for limit, cost in (("max_latency_ms", "latency_ms_p50"), ("max_bytes", "bytes")):
        if limits.get(limit) is not None:
            measured = _cost(costs, name, cost)
            ratios.append(float("inf") if measured is None else measured / limits[limit])
    return max(ratios)


def _cost(costs: Costs, name: str, cost: str) -> float | None:
    return costs.get(name, {}).get(cost)


def _latency(name: str, costs: Costs) -> float:
    measured = _cost(costs, name, "latency_ms_p50")
    return float("inf") if measured is None else measured


def _regret(table: ScoreTable, model: str, alternatives: list[str]) -> float | None:
    if not alternatives or table.replicates < statistics.FEWEST_REPLICATES:
        return None
    confidence = 1 - 0.05 / len(alternatives)
    pairs = [(name, model) if table.higher_is_better else (model, name) for name in alternatives]
    return max(0.0, *(table.difference(*pair).upper(confidence) for pair in pairs))


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [float(bound) for bound in interval]
