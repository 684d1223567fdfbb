"""A whole comparison as one experiment: the command line in a process of its own, which ends with this one."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from seqwise.core.files import read_json
from seqwise.textbook.clause import Estimate


def compared(source: str, *flags: str) -> dict[str, Any]:
    """What claims keep of ``seqwise compare SOURCE FLAGS``, one trial at a time: scores by model, and pairs.

    Raises ``RuntimeError`` where the command fails, with the end of what it said.
    """
    signal.signal(signal.SIGTERM, _leave)  # so that what is below is ended too
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        words = [
            sys.executable,
            "-m",
            "seqwise",
            "compare",
            source,
            *flags,
            "--workers",
            "1",
            "--no-samples",
            "--no-refit",
            "--out",
            str(run),
        ]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            try:
                _, said = process.communicate()
            finally:
                process.terminate()
        if process.returncode:
            raise RuntimeError(f"seqwise compare {source} ended with exit code {process.returncode}: {said[-500:]}")
        return kept(read_json(run / "comparison.json"))


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def kept(result: dict[str, Any]) -> dict[str, Any]:
    """The part of ``comparison.json`` that claims are judged by; a difference is first less second, turned so that more is better."""
    metric, sign = result["protocol"]["metric"], 1 if result["protocol"]["higher_is_better"] else -1
    scores = {model["name"]: model["scores"][metric] for model in result["models"] if model["scores"].get(metric)}
    pairs = [
        {
            "first": pair["a"],
            "second": pair["b"],
            "gain": sign * pair["difference"],
            "ci95": pair["ci95"] and sorted(sign * x for x in pair["ci95"]),
        }
        for pair in result["pairwise"]
        if pair["difference"] is not None
    ]
    replicates = result["protocol"]["replicates"]
    trivial = [model["name"] for model in result["models"] if model["kind"] == "baseline"]
    told = {"metric": metric, "higher_is_better": sign > 0, "replicates": replicates, "status": result["status"]}
    return told | {"scores": scores, "pairs": pairs, "baselines": trivial}


def gain(found: dict[str, Any], first: str, second: str) -> Estimate | None:
    """How much better the first did than the second, in the metric's unit; None where one of them has no score."""
    for pair in found["pairs"]:
        if {pair["first"], pair["second"]} == {first, second}:
            sign = 1 if pair["first"] == first else -1
            ends: Sequence[float | None] = sorted(sign * x for x in pair["ci95"]) if pair["ci95"] else (None, None)
            return Estimate(sign * pair["gain"], ends[0], ends[1], found["replicates"])
    return None


def score_of(found: dict[str, Any], name: str) -> Estimate | None:
    score = found["scores"].get(name)
    if not score:
        return None
    low, high = score["ci95"] or (None, None)
    return Estimate(score["mean"], low, high, found["replicates"])
