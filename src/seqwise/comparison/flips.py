"""What another way to match the models would have changed: two finished comparisons of the same models on the same data, side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError
from seqwise.core.files import read_json

Result = Mapping[str, Any]

MATCHES = ("match_size", "match_training")
TURNED = {"better": "worse", "worse": "better"}


def read_other(path: str) -> dict[str, Any]:
    """The result of another run. Raises :class:`UserError` where there is none."""
    file = Path(path) / "comparison.json"
    if not file.exists():
        raise UserError(f"--beside {path}: there is no comparison.json", expected="the folder of a finished comparison")
    return read_json(file)


def check_other(other: Result, *, path: str, task: str, sha256: str) -> None:
    """Raises :class:`UserError` where the two are not about the same question."""
    for what, own, theirs in (("task", task, other["task"]), ("data", sha256, other["data"]["sha256"])):
        if own != theirs:
            raise UserError(f"--beside {path} holds a comparison of another {what}", expected="the same one, matched in another way")


def flips(result: Result, other: Result) -> list[dict[str, Any]]:
    """The pairs that the two matches decide differently, and the winner where it changes; empty where all agree.

    Undecided under one match and decided under the other is a change of what may be said, and is told as such.
    """
    ours, theirs = _match(result), _match(other)
    found = []
    if result["verdict"]["decision"] != other["verdict"]["decision"] or result["verdict"]["winners"] != other["verdict"]["winners"]:
        text = f"matched by {ours}: {_said(result)}; matched by {theirs}: {_said(other)}"
        found.append({"match": theirs, "text": text})
    decided = {(row["a"], row["b"]): row["decision"] for row in other["pairwise"]}
    decided |= {(b, a): TURNED.get(decision, decision) for (a, b), decision in list(decided.items())}
    for row in result["pairwise"]:
        now, then = row["decision"], decided.get((row["a"], row["b"]))
        if then is not None and then != now:
            text = f"{row['a']} against {row['b']}: {now} matched by {ours}, {then} matched by {theirs}"
            found.append({"match": theirs, "a": row["a"], "b": row["b"], "now": now, "then": then, "text": text})
    return found


def _match(result: Result) -> str:
    size, training = (result["protocol"][name] for name in MATCHES)
    return f"{size} and training {training}"


def _said(result: Result) -> str:
    verdict = result["verdict"]
    return f"{verdict['decision']} ({', '.join(verdict['winners'] or verdict['candidates']) or 'none'})"
