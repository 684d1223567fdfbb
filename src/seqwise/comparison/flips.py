"""What another way to match the models would have changed: two finished comparisons of the same models on the same data, side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqwise.comparison.folder import read_result
from seqwise.core.errors import UserError

Result = Mapping[str, Any]

MATCHES = ("match_size", "match_training")
ALIKE = ("replicates", "configurations_per_replicate", "target_parameters", "context", "batch_size", "budget_seconds")
TURNED = {"better": "worse", "worse": "better"}


def read_other(path: str) -> dict[str, Any]:
    """The result of another run. Raises :class:`UserError` where there is none, or not a whole one."""
    result = read_result(Path(path))
    if result["status"] != "complete":
        raise UserError(f"--beside {path} was not finished", fix="finish it first: the same command continues")
    return result


def check_other(other: Result, *, path: str, task: str, sha256: str, match: tuple[str, str]) -> None:
    """Raises :class:`UserError` where the two are not about the same question, or are matched in the same way."""
    if tuple(other["protocol"][name] for name in MATCHES) == match:
        raise UserError(f"--beside {path} was matched in the same way", expected="another --match-size or --match-training")
    for what, own, theirs in (("task", task, other["task"]), ("data", sha256, other["data"]["sha256"])):
        if own != theirs:
            raise UserError(f"--beside {path} holds a comparison of another {what}", expected="the same one, matched in another way")


def flips(result: Result, other: Result) -> list[dict[str, Any]]:
    """The pairs that the two matches decide differently, and the winner where it changes; empty where all agree.

    Undecided under one match and decided under the other is a change of what may be said, and is told as such.
    """
    ours, theirs = _match(result), _match(other)
    unlike = _differences(result, other)
    also = f" (the runs also differ in {', '.join(unlike)})" if unlike else ""
    found = []
    if result["verdict"]["decision"] != other["verdict"]["decision"] or result["verdict"]["winners"] != other["verdict"]["winners"]:
        text = f"matched by {ours}: {_said(result)}; matched by {theirs}: {_said(other)}{also}"
        found.append({"match": theirs, "text": text})
    decided = {(row["a"], row["b"]): row["decision"] for row in other["pairwise"]}
    decided |= {(b, a): TURNED.get(decision, decision) for (a, b), decision in list(decided.items())}
    for row in result["pairwise"]:
        now, then = row["decision"], decided.get((row["a"], row["b"]))
        if then is not None and then != now:
            text = f"{row['a']} against {row['b']}: {now} matched by {ours}, {then} matched by {theirs}{also}"
            found.append({"match": theirs, "a": row["a"], "b": row["b"], "now": now, "then": then, "text": text})
    return found


def _differences(result: Result, other: Result) -> list[str]:
    """What else differs between the two, in words: steps only where they were to be the same."""
    found = [name.replace("_", " ") for name in ALIKE if result["protocol"].get(name) != other["protocol"].get(name)]
    trained = [[model["name"] for model in one["models"] if model["family"] != "baseline"] for one in (result, other)]
    if trained[0] != trained[1]:
        found.append(f"their models, {', '.join(trained[0])} here and {', '.join(trained[1])} there")
    if result["protocol"]["match_training"] == other["protocol"]["match_training"]:
        common = set(trained[0]) & set(trained[1])
        steps = [{name: one["protocol"]["steps"].get(name) for name in common} for one in (result, other)]
        found += ["steps"] if steps[0] != steps[1] else []
    tokenizers = [(one["data"].get("card") or {}).get("tokenizer") for one in (result, other)]
    return [*found, "tokenizer"] if tokenizers[0] != tokenizers[1] else found


def _match(result: Result) -> str:
    size, training = (result["protocol"][name] for name in MATCHES)
    return f"{size} and training {training}"


def _said(result: Result) -> str:
    verdict = result["verdict"]
    return f"{verdict['decision']} ({', '.join(verdict['winners'] or verdict['candidates']) or 'none'})"
