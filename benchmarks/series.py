"""Time series: the UCR and UEA archives beside the nearest neighbour's published accuracy, ETTh1 beside linear models'."""

from typing import Any

from figures import Bench, Figure, Findings
from runs import accept, compare

REFERENCES = {"ItalyPowerDemand": 0.955, "GunPoint": 0.913, "BasicMotions": 0.675}
"""Of 1-NN with Euclidean distance: as the archive tells it, BasicMotions with normalised values (Bagnall et al. 2018, arXiv:1811.00075)."""
BEHIND = 0.03


def ucr(bench: Bench, *, name: str) -> Findings:
    """One data set on its official test, ten minutes."""
    folder, run = bench.dataset(f"ucr_{name}"), bench.out / "runs" / f"ucr-{name}"
    result = compare(str(folder / f"{name}_TRAIN.ts.gz"), run, budget=bench.choose("10m", "30s"))
    check = accept("check_comparison.py", run)
    scores = {model["name"]: model["scores"]["accuracy"] for model in result["models"] if "accuracy" in model["scores"]}
    trained = [model["name"] for model in result["models"] if model["family"] != "baseline" and model["name"] in scores]
    best = max(scores[model]["mean"] for model in trained)
    figures = [Figure(name=f"{name}: best family", value=best, unit="accuracy", wanted=f">= {REFERENCES[name] - BEHIND:.3f}")]
    figures += model_figures(name, scores, "accuracy")
    figures.append(Figure(name=f"{name}: check_comparison", value=check["outcome"], wanted="= passed"))
    return Findings(figures, {"verdict": result["verdict"], "acceptance": check})


ETTH1 = {"repeat-last": "1.294", "ridge": "0.374 to 0.386"}
"""Mean squared errors at a horizon of 96 as published: the last value, and linear models (Zeng et al. 2022, arXiv:2205.13504)."""


def etth1(bench: Bench) -> Findings:
    """Hourly measurements of a transformer station, four days foretold from four days, with the usual split."""
    run = bench.out / "runs" / "etth1"
    settings = {"context": 96, "horizon": 96, "split": "8640:2880:2880"}
    result = compare(str(bench.dataset("etth1") / "ETTh1.csv.gz"), run, budget=bench.choose("30m", "60s"), **settings)
    check = accept("check_comparison.py", run)
    scores = {model["name"]: model["scores"]["mse"] for model in result["models"] if "mse" in model["scores"]}
    figures = model_figures("etth1", scores, "mse")
    figures.append(Figure(name="etth1: check_comparison", value=check["outcome"], wanted="= passed"))
    return Findings(figures, {"verdict": result["verdict"], "acceptance": check, "published": ETTH1})


def model_figures(name: str, scores: dict[str, Any], unit: str) -> list[Figure]:
    """One for every model, with its interval over replicates and units."""
    found = []
    for model, score in scores.items():
        interval, count = score["ci95"] and tuple(score["ci95"]), len(score["per_replicate"])
        found.append(
            Figure(name=f"{name}: {model}", value=score["mean"], interval=interval, spread="95 % interval", unit=unit, samples=count)
        )
    return found
