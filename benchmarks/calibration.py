"""Whether the procedure keeps its word where the truth is known: equal models, and labels that say nothing."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from figures import Bench, Figure, Findings, share
from inputs import demo_file, shuffled_file
from runs import compare

from seqwise.comparison.finals import read_finals
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.scores import ScoreTable
from seqwise.comparison.verdict import decide
from seqwise.core.files import read_json
from seqwise.tasks import TASKS
from seqwise.tasks.task import Task

DECISIONS = ("winner", "tie", "undecided", "nothing learned")
REPLICATES = 6
"""Replicates per model of a resampled comparison, as in a standard run."""


def aa_bank(bench: Bench) -> Findings:
    """A bank of replicates of one model, each a whole procedure; A/A comparisons are drawn from it without replacement.

    The difference of two disjoint draws has exactly the variance that two fresh sets of replicates would have, so the share of winners
    estimates the error of the first kind. Comparisons share replicates by chance; the mean number is recorded.
    """
    size, comparisons = bench.choose((40, 2000), (12, 100))
    run, data = bench.out / "runs" / "aa-bank", demo_file(bench)
    options = {"models": "a=lstm", "size": "30k", "replicates": size, "configurations": bench.choose(2, 1), "seed": bench.seed}
    result = compare(str(data), run, steps=bench.choose(600, 48), **options)
    task: Task = TASKS[result["task"]]()
    scores = _bank_scores(task, run, size)
    rng = np.random.default_rng(bench.seed)
    alpha = result["protocol"]["alpha"]
    draws = [rng.permutation(size)[: 2 * REPLICATES] for _ in range(comparisons)]
    tables = (_table(task, scores, draw[:REPLICATES], draw[REPLICATES:]) for draw in draws)
    decisions = [decide(table, alpha=alpha) for table in tables]
    counts = Counter(decision.decision for decision in decisions)
    accuracies = [float(rows.mean()) for rows in scores["a"]]
    return Findings(
        [
            share("winners among A/A comparisons", counts["winner"], comparisons, wanted="<= 0.07"),
            share("pairs called better or worse", sum(_apart(decision) for decision in decisions), comparisons),
            share("ties", counts["tie"], comparisons),
            Figure(name="replicates in the bank", value=size, unit="count"),
            Figure(name="replicates that two comparisons share", value=_shared(draws), unit=f"of {2 * REPLICATES}"),
            Figure(name="accuracy of a replicate", value=float(np.mean(accuracies)), unit="accuracy", samples=size),
            Figure(name="standard deviation over replicates", value=float(np.std(accuracies, ddof=1)), unit="accuracy", samples=size),
        ],
        {"decisions": dict(counts), "accuracies": accuracies, "alpha": alpha, "replicates_per_model": REPLICATES},
    )


def _bank_scores(task: Task, run: Path, size: int) -> dict[str, list[np.ndarray]]:
    """Per-unit scores of the model and of the trivial baseline, one array (U,) per replicate."""
    finals = read_finals(RunFolder(run), read_json(run / "plan.json")["trials"], list(range(size)), task.trivial)
    found = {
        name: [task.unit_scores(*pair) for pair in zip(finals[name].outputs, finals[name].truths, strict=True)]
        for name in ("a", task.trivial)
    }
    reported = {model["name"]: model["scores"] for model in read_json(run / "comparison.json")["models"]}
    np.testing.assert_allclose([rows.mean() for rows in found["a"]], reported["a"][task.metric]["per_replicate"])
    return found


def _table(task: Task, scores: dict[str, list[np.ndarray]], one: np.ndarray, other: np.ndarray) -> ScoreTable:
    return ScoreTable(
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        margin=task.margin,
        scores={"a": [scores["a"][i] for i in one], "b": [scores["a"][i] for i in other]},
        baselines={task.trivial: [scores[task.trivial][i] for i in one]},
        trivial=task.trivial,
    )


def _apart(decision: Any) -> bool:
    return any(row["decision"] in ("better", "worse") for row in decision.pairwise)


def _shared(draws: list[np.ndarray]) -> float:
    """The mean number of replicates that consecutive comparisons have in common."""
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in itertools.pairwise(draws)]))


def aa_end_to_end(bench: Bench) -> Findings:
    """One architecture under two names, from the command to the verdict, with another seed each time; replicates are folds."""
    seeds = range(bench.seed, bench.seed + bench.choose(20, 2))
    options = {"models": "a=lstm,b=lstm", "size": "30k", "replicates": 6, "configurations": 1, "steps": bench.choose(240, 24)}
    rows = []
    for seed in seeds:
        result = compare("demo:docstrings", bench.out / "runs" / "aa-end-to-end" / f"seed-{seed}", **options, seed=seed)
        rows.append(_row(seed, result))
        print("  " + _line(rows[-1]), flush=True)
    counts = Counter(row["decision"] for row in rows)
    figures = [share(f"decision: {decision}", counts[decision], len(rows)) for decision in DECISIONS]
    return Findings(figures, {"comparisons": rows, "options": options})


def _line(row: dict[str, Any]) -> str:
    low, high = row["ci95"]
    return f"seed {row['seed']}: {row['decision']} {' '.join(row['winners'])}, a - b = {row['difference']:+.4f} ({low:+.4f} to {high:+.4f})"


def _row(seed: int, result: dict[str, Any]) -> dict[str, Any]:
    """A line of the table of decisions, the difference said as a minus b."""
    pair, verdict = result["pairwise"][0], result["verdict"]
    sign = 1 if pair["a"] == "a" else -1
    interval = sorted(sign * bound for bound in pair["ci95"])
    row = {"seed": seed, "decision": verdict["decision"], "winners": verdict["winners"]}
    return row | {"difference": sign * pair["difference"], "ci95": interval, "p": pair["p"], "text": verdict["text"]}


def shuffled(bench: Bench) -> Findings:
    """Shuffled labels, every family: the verdict should be that nothing was learned."""
    options = {"size": "30k", "replicates": 3, "configurations": 1, "steps": bench.choose(180, 24), "seed": bench.seed}
    result = compare(str(shuffled_file(bench)), bench.out / "runs" / "shuffled", **options)
    verdict, metric = result["verdict"], result["protocol"]["metric"]
    scores = {model["name"]: model["scores"][metric] for model in result["models"] if model["scores"]}
    figures = [Figure(name="verdict", value=verdict["decision"], wanted="= nothing learned")]
    for name, score in scores.items():
        interval = score["ci95"] and tuple(score["ci95"])
        figures.append(Figure(name=name, value=score["mean"], unit=metric, interval=interval, spread="95 % interval"))
    return Findings(figures, {"verdict": verdict, "options": options})
