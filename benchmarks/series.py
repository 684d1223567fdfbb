"""Time series of the UCR and UEA archives, each family beside the published accuracy of the nearest neighbour."""

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
    for model, score in scores.items():
        interval, count = score["ci95"] and tuple(score["ci95"]), len(score["per_replicate"])
        figures.append(
            Figure(name=f"{name}: {model}", value=score["mean"], interval=interval, spread="95 % interval", unit="accuracy", samples=count)
        )
    figures.append(Figure(name=f"{name}: check_comparison", value=check["outcome"], wanted="= passed"))
    return Findings(figures, {"verdict": result["verdict"], "acceptance": check})
