"""Results of several machines taken together: each clause pooled by random effects (DerSimonian & Laird 1986)."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from seqwise.core.errors import UserError
from seqwise.core.files import read_json
from seqwise.textbook import CLAIMS
from seqwise.textbook.clause import DECIDED, Clause, Estimate, verdict_of

KEYS = {"claims", "table", "tier", "environment"}


@dataclasses.dataclass(frozen=True)
class Pooled:
    """What several machines come to.

    Args:
        estimate: of a machine drawn from all such, with its 95 % interval; none where fewer than two have an interval.
        between: standard deviation of the true values from machine to machine.
        share: I^2, how much of the spread is more than each machine's own error explains (Higgins & Thompson 2002).
    """

    estimate: Estimate
    between: float
    share: float


def pool(estimates: Sequence[Estimate]) -> Pooled:
    """Random effects, with the t interval of Hartung & Knapp 2001, which few machines need."""
    known = [e for e in estimates if e.value is not None and e.ci95]
    values = [e.value for e in estimates if e.value is not None]
    if len(known) < 2:
        only = known[0] if len(known) == 1 == len(values) else Estimate(float(np.mean(values)) if values else None, samples=len(values))
        return Pooled(only, 0.0, 0.0)
    value = np.array([e.value for e in known], float)
    quantile = stats.t.ppf(0.975, [e.samples - 1 if e.samples > 2 else np.inf for e in known])
    variance = np.maximum(((np.array([e.high for e in known]) - np.array([e.low for e in known])) / (2 * quantile)) ** 2, 1e-18)
    fixed = 1 / variance
    q = float((fixed * (value - np.average(value, weights=fixed)) ** 2).sum())
    free = len(known) - 1
    between = max(0.0, (q - free) / float(fixed.sum() - (fixed**2).sum() / fixed.sum()))
    weights = 1 / (variance + between)
    mean = float(np.average(value, weights=weights))
    error = (float((weights * (value - mean) ** 2).sum()) / free / float(weights.sum())) ** 0.5
    half = float(stats.t.ppf(0.975, free)) * max(error, float(weights.sum()) ** -0.5)
    return Pooled(Estimate(mean, mean - half, mean + half, len(known)), between**0.5, max(0.0, 1 - free / q) if q > 0 else 0.0)


def merged(files: Sequence[str | Path]) -> dict[str, Any]:
    """``claims.json`` of several machines as one, clause by clause; where their verdicts differ the machines are named.

    Raises :class:`UserError` for a file that is none, and for rules that are not the same in all of them.
    """
    if len(files) < 2:
        raise UserError("--merge takes the claims.json of two machines or more", fix="name them all")
    results = [_read(Path(file)) for file in files]
    tiers = sorted({result["tier"] for result in results})
    if len(tiers) > 1:
        raise UserError(f"these are of the tiers {' and '.join(tiers)}", expected="results of one tier")
    machines = _told_apart([result["environment"]["cpu"] for result in results])
    claims = [_claim(name, [_entry(result, name) for result in results], machines) for name in CLAIMS]
    return {"schema_version": 1, "tier": results[0]["tier"], "machines": machines, "files": [str(file) for file in files], "claims": claims}


def _told_apart(names: Sequence[str]) -> list[str]:
    """The same, with a number where one stands there more than once."""
    return [f"{name} ({names[:place].count(name) + 1})" if names.count(name) > 1 else name for place, name in enumerate(names)]


def _read(file: Path) -> dict[str, Any]:
    file = file / "claims.json" if file.is_dir() else file
    if not file.exists():
        raise UserError(f"there is no {file}", expected="a claims.json, or the folder it is in")
    found = read_json(file)
    if type(found) is not dict or not found.keys() >= KEYS:
        raise UserError(f"{file} holds no result of claims", expected="a claims.json")
    return found


def _entry(result: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((claim for claim in result["claims"] if claim["id"] == name), None)


def _claim(name: str, entries: Sequence[Mapping[str, Any] | None], machines: Sequence[str]) -> dict[str, Any]:
    clauses = []
    for number, clause in enumerate(CLAIMS[name].clauses):
        told = [entry["clauses"][number] if entry and len(entry["clauses"]) > number else None for entry in entries]
        for one, machine in zip(told, machines, strict=True):
            if one and one["rule_sha256"] != clause.rule_sha256:
                raise UserError(
                    f"{name}: '{clause.statement}' was judged by another rule on {machine}", fix="run it again with this version"
                )
        estimates = [_estimate(one) for one in told if one]
        found = _worst(clause, estimates) if clause.scope == "exact" else pool(estimates)
        verdicts = {machine: one["verdict"] for one, machine in zip(told, machines, strict=True) if one}
        decided = {verdict for verdict in verdicts.values() if verdict in DECIDED}
        given = found.estimate if found.estimate.value is not None else None
        clauses.append(
            clause.told(given)
            | {"between_machines": found.between, "heterogeneity": found.share, "by_machine": verdicts, "reverses": len(decided) > 1}
        )
    verdict = verdict_of([clause["verdict"] for clause in clauses if not clause["control"]])
    return {"id": name, "statement": CLAIMS[name].statement, "clauses": clauses, "verdict": verdict}


def _worst(clause: Clause, estimates: Sequence[Estimate]) -> Pooled:
    """An exact quantity is the same everywhere: one machine on which it fails is enough."""
    order = sorted(estimates, key=lambda estimate: clause.judge(estimate) != "contradicted")
    return Pooled(order[0] if order else Estimate(None), 0.0, 0.0)


def _estimate(clause: Mapping[str, Any]) -> Estimate:
    low, high = clause["ci95"] or (None, None)
    return Estimate(clause["value"], low, high, clause.get("samples", 1))


def spoken(result: Mapping[str, Any]) -> list[str]:
    """A line for each claim, and one more for each clause on which machines disagree."""
    lines = []
    for claim in result["claims"]:
        lines.append(f"{claim['id']:22} {claim['verdict']} on these {len(result['machines'])} machines")
        for clause in claim["clauses"]:
            if clause["reverses"]:
                sides = "; ".join(f"{verdict} on {machine}" for machine, verdict in clause["by_machine"].items())
                lines.append(f"  reverses: {clause['statement']}: {sides}")
    return lines
