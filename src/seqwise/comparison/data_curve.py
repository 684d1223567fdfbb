"""Quality against the amount of training data: power laws per model, and where the fits support it, where two of them would cross.

A law e(n) = a n^-b of the error (Hestness et al. 2017, arXiv:1712.00409) is fitted to each replicate by least squares on logarithms, so
that intervals come from whole replicates. What lies beyond the data is marked as extrapolation.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import stdtrit

from seqwise.comparison.finals import clipped, mean_estimate
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.statistics import FEWEST_REPLICATES
from seqwise.tasks.task import Task, load_outputs

FEWEST_POINTS = 3
REACH = 100.0
"""How many times the data a crossing may lie beyond them and still be told."""


def points_of(task: Task, folder: RunFolder, plan: Mapping[str, Any], name: str, replicates: list[int], data: Any) -> list[dict[str, Any]]:
    """The scores of a model trained on each share of the data, smaller ones first; all replicates or none of a share."""
    jobs = [job for job in plan["trials"] if job["kind"] == "fraction" and job["model"] == name and job["replicate"] in replicates]
    found = []
    for fraction in sorted({job["fraction"] for job in jobs}):
        mine = [job["fingerprint"] for job in jobs if job["fraction"] == fraction]
        places = [folder.trial(fingerprint) / "test.safetensors" for fingerprint in mine]
        if len(places) != len(replicates) or not all(place.exists() for place in places):
            continue
        unit = [task.unit_scores(*load_outputs(place)) for place in places]
        estimate = clipped(mean_estimate(unit, data), *task.range_of(task.metric))
        found.append({"fraction": fraction} | estimate | {"per_replicate": [float(row.mean()) for row in unit]})
    return found


def fit(errors: np.ndarray, sizes: np.ndarray) -> np.ndarray | None:
    """Coefficients (R, 2) of log e = c0 + c1 log n for errors (R, P) at sizes (P,); None where there is too little to fit."""
    if errors.shape[1] < FEWEST_POINTS or errors.shape[0] < FEWEST_REPLICATES or not (errors > 0).all():
        return None
    design = np.column_stack([np.ones(len(sizes)), np.log(sizes)])
    return np.linalg.lstsq(design, np.log(errors).T, rcond=None)[0].T


def half_width(values: np.ndarray) -> np.ndarray:
    """Of the 95 % t interval of the mean over replicates (R, ...)."""
    return stdtrit(len(values) - 1, 0.975) * values.std(0, ddof=1) / np.sqrt(len(values))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and 95 % t interval over replicates (R,)."""
    mean, half = float(values.mean()), float(half_width(values))
    return mean, mean - half, mean + half


def crossing(one: np.ndarray, other: np.ndarray, size: float) -> dict[str, Any] | None:
    """Where two fits meet beyond ``size``, if their slopes surely differ and it lies within 100 times the data.

    The interval holds every size at which the 95 % interval of the difference of the fits contains zero; its upper end is None where
    that does not end within reach.
    """
    difference = one - other
    _, low, high = interval(difference[:, 1])
    if low <= 0 <= high:
        return None
    grid = np.log(size) + np.linspace(0, np.log(REACH), 400)
    values = difference[:, :1] + difference[:, 1:] * grid
    mean, half = values.mean(0), half_width(values)
    turned = np.flatnonzero(np.diff(np.sign(mean)))
    if not len(turned) or np.sign(mean[0]) == 0:
        return None
    unsure = np.flatnonzero(np.abs(mean) <= half)
    sizes = np.exp(grid)
    upper = None if not len(unsure) or unsure[-1] == len(grid) - 1 else float(sizes[unsure[-1]])
    return {"at": float(sizes[turned[0]]), "low": float(sizes[unsure[0]]) if len(unsure) else None, "high": upper}


def data_curve(models: list[dict[str, Any]], size: int, *, perfect: float | None) -> dict[str, Any] | None:
    """Fits and crossings of the models that were trained on several shares; None where none was.

    Args:
        models: entries of a result with ``by_data``.
        size: what the whole training data count, in examples or bytes.
        perfect: the highest score, from which errors are counted; None where the score is an error.
    """
    shown = {model["name"]: model["by_data"] for model in models if len(model.get("by_data") or []) > 1}
    if not shown:
        return None
    coefficients = {}
    for name, rows in shown.items():
        scores = np.array([row["per_replicate"] for row in rows]).T
        errors = scores if perfect is None else perfect - scores
        coefficients[name] = fit(errors, np.array([row["fraction"] * size for row in rows]))
    fits = {name: _described(found) for name, found in coefficients.items() if found is not None}
    met = {(a, b): crossing(coefficients[a], coefficients[b], size) for a, b in itertools.combinations(fits, 2)}
    return {
        "size": size,
        "fits": fits,
        "crossings": [{"a": a, "b": b, "extrapolated": True} | found for (a, b), found in met.items() if found],
    }


def _described(coefficients: np.ndarray) -> dict[str, Any]:
    scale, slope = interval(coefficients[:, 0]), interval(-coefficients[:, 1])
    return {"log_scale": scale[0], "exponent": slope[0], "exponent_ci95": list(slope[1:])}
