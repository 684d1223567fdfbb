"""A whole comparison as one experiment: the command line in a process of its own, which ends with this one."""

import contextlib
import contextvars
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from seqwise.comparison.statistics import mean_score
from seqwise.core.files import read_json
from seqwise.textbook.clause import Estimate

FOLDER: contextvars.ContextVar[Path | None] = contextvars.ContextVar("folder", default=None)
"""Where an experiment has its comparison, so that the command that continues a killed one goes on with it; None for a temporary place."""
TRIVIAL = frozenset({"majority", "unigram", "most-frequent", "silent", "repeat-last", "seasonal-naive", "copy"})
"""Baselines that fit nothing to what they read: always the most frequent answer, nothing, or the input again."""
Weights = Mapping[str, float]
"""Of a contrast: model, then its factor."""


def compared(source: str, *flags: str, contrasts: Mapping[str, Weights] | None = None) -> dict[str, Any]:
    """What claims keep of ``seqwise compare SOURCE FLAGS``, one trial at a time: scores by model, pairs, and contrasts of several models.

    Raises ``RuntimeError`` where the command fails, with the end of what it said.
    """
    signal.signal(signal.SIGTERM, _leave)  # so that what is below is ended too
    with _place() as run:
        words = ["compare", source, *flags, "--workers", "1", "--no-samples", "--no-refit", "--out", str(run)]
        command = [sys.executable, "-c", "from seqwise.textbook.comparing import below; below()", *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            try:
                said = process.stderr.read()
                process.wait()
            finally:
                process.terminate()
        if process.returncode:
            raise RuntimeError(f"seqwise compare {source} ended with exit code {process.returncode}: {said[-500:]}")
        result = read_json(run / "comparison.json")
        return kept(result) | {"contrasts": {name: contrast(run, result, weights) for name, weights in (contrasts or {}).items()}}


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    if folder := FOLDER.get():
        yield folder
    else:
        with tempfile.TemporaryDirectory() as place:
            yield Path(place) / "run"


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def below() -> None:
    """Entry of the process below: the command line, until the process that holds the other end of its input is gone."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    runpy.run_module("seqwise", run_name="__main__")


def _end_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


def kept(result: dict[str, Any]) -> dict[str, Any]:
    """The part of ``comparison.json`` that claims are judged by; a difference is first less second, turned so that more is better."""
    metric, sign = result["protocol"]["metric"], _sign(result)
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
    baselines = [model["name"] for model in result["models"] if model["kind"] == "baseline"]
    told = {"metric": metric, "higher_is_better": sign > 0, "replicates": replicates, "status": result["status"]}
    return told | {"scores": scores, "pairs": pairs, "baselines": baselines}


def _sign(result: dict[str, Any]) -> int:
    return 1 if result["protocol"]["higher_is_better"] else -1


def contrast(run: Path, result: dict[str, Any], weights: Weights) -> dict[str, Any] | None:
    """A weighted sum of models' scores, more is better, with its interval over replicates and test units as pairs have theirs.

    What diverged counts as the trivial baseline. None where a model has no scores.
    """
    protocol, scores = result["protocol"], load_file(run / "scores.safetensors")
    replicates = range(protocol["replicates"])
    if not {f"{name}/{replicate}" for name in weights for replicate in replicates} <= scores.keys():
        return None
    rows = [_sign(result) * np.sum([weight * scores[f"{name}/{r}"] for name, weight in weights.items()], axis=0) for r in replicates]
    found = mean_score(rows, folds=not protocol["crossed"], test_share=protocol["test_share"])
    return {"value": found.value, "ci95": found.ci95 and [float(end) for end in found.ci95]}


def gain(found: dict[str, Any], first: str, second: str) -> Estimate | None:
    """How much better the first did than the second, in the metric's unit; None where one of them has no score."""
    for pair in found["pairs"]:
        if {pair["first"], pair["second"]} == {first, second}:
            sign = 1 if pair["first"] == first else -1
            estimate = _estimate(found, sign * pair["gain"], pair["ci95"] and sorted(sign * x for x in pair["ci95"]))
            return unless_nothing_learned(estimate, found, first, second)
    return None


def contrasted(found: dict[str, Any], name: str, *pairs: tuple[str, str]) -> Estimate | None:
    """A contrast by its name.

    Args:
        pairs: of models; each must have learned something.
    """
    told = found["contrasts"].get(name)
    if told is None:
        return None
    estimate = _estimate(found, told["value"], told["ci95"])
    for pair in pairs:
        estimate = unless_nothing_learned(estimate, found, *pair)
    return estimate


def unless_nothing_learned(estimate: Estimate, found: dict[str, Any], *models: str) -> Estimate:
    """Without its interval where none of the models is better than a trivial baseline, so that their order says nothing."""
    best = no_worse_than(found, *models)
    return estimate if best is None else Estimate(estimate.value, samples=estimate.samples, why=f"nothing was learned: {best} is no worse")


def no_worse_than(found: dict[str, Any], *models: str) -> str | None:
    """The best trivial baseline, where no mean of these models is better than its mean."""
    sign = 1 if found["higher_is_better"] else -1
    means = {name: sign * score["mean"] for name, score in found["scores"].items()}
    best = max(sorted(TRIVIAL & set(found["baselines"]) & means.keys()), key=means.__getitem__, default=None)
    return None if best is None or any(means[name] > means[best] for name in models if name in means) else best


def score_of(found: dict[str, Any], name: str) -> Estimate | None:
    score = found["scores"].get(name)
    return _estimate(found, score["mean"], score["ci95"]) if score else None


def _estimate(found: dict[str, Any], value: float, ends: list[float] | None) -> Estimate:
    low, high = ends or (None, None)
    return Estimate(value, low, high, found["replicates"])
