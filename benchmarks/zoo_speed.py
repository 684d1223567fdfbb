"""Pretraining speed: tokens per second and share of the matrix-product peak of each family, and what its input takes of a step."""

import contextlib
import statistics
from typing import Any

import torch
from figures import Bench, Figure, Findings, median
from gate import NO_GATE, require_gate
from pipeline import timed

from seqwise.comparison.cost import matmul_peak
from seqwise.comparison.trial import accelerator_for
from seqwise.models.accounting import training_flops
from seqwise.pretraining.build import build_trainer
from seqwise.pretraining.corpus import prepare
from seqwise.training.loop import Trainer
from seqwise.zoo.recipes import Recipe
from zoo import options_of, recipes

SIZES = ("1m", "10m")
ENDLESS = 10**9
"""Steps of a schedule whose evaluations are never reached here."""


def trainer_of(bench: Bench, recipe: Recipe) -> Trainer:
    """Ready to train on the corpus of the zoo, and writing nothing; for one thread."""
    torch.set_num_threads(1)
    folder = (bench.out / "runs" / "zoo-speed").resolve()
    with contextlib.chdir(bench.data):
        tokenizer, parts = prepare(options_of(recipe), folder, lambda text: print(f"  {text}", flush=True))
    return build_trainer(options_of(recipe), tokenizer, parts, accelerator=accelerator_for("cpu"), folder=None, steps=ENDLESS)


def trainers(bench: Bench) -> dict[str, Trainer]:
    """One of each causal family and size."""
    causal = [recipe for recipe in recipes(bench) if recipe.objective == "causal-lm"]
    sized = [(size, recipe.replace(size=size, width=None)) for size in bench.choose(SIZES, ("30k", "100k")) for recipe in causal]
    return {f"{recipe.model}, {size}": trainer_of(bench, recipe) for size, recipe in sized}


def measure(running: dict[str, Trainer], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Of whole steps, forwards, backwards and optimizer, every model once a round, the order turned, the peak before each."""
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in running}
    for trainer in running.values():
        trainer.model.train()
        timed(trainer)
    for turn in range(rounds):
        for name in list(running) if turn % 2 else list(running)[::-1]:
            trainer = running[name]
            context, config = trainer.feed.windows.context, trainer.bare_model.config
            peak = statistics.median(matmul_peak() for _ in range(3))
            made, seconds, rows = timed(trainer)
            work = rows * training_flops(config, context, vocabulary_head=True)
            rate, share = rows * context / seconds, work / seconds / peak
            samples[name].append({"seconds": seconds, "tokens_per_second": rate, "share": share, "input": made / seconds, "peak": peak})
    return samples


def zoo_speed(bench: Bench, *, gated: bool = True) -> Findings:
    """One thread. Raises :class:`~figures.Skipped` where the conformance tests fail, or the data are not there."""
    gate = require_gate(bench) if gated else NO_GATE
    bench.dataset("wikitext2")
    samples = measure(trainers(bench), bench.choose(7, 2))
    peaks = [row["peak"] / 1e9 for rows in samples.values() for row in rows]
    figures: list[Figure] = [median("matrix-product peak", peaks, "GFLOP/s")]
    for name, rows in samples.items():
        figures.append(median(f"{name}: tokens per second", [row["tokens_per_second"] for row in rows], "1/s"))
        figures.append(median(f"{name}: share of the peak", [row["share"] for row in rows], "share"))
        figures.append(median(f"{name}: share of a step that the input takes", [row["input"] for row in rows], "share", "< 0.03"))
    details: dict[str, Any] = {"gate": gate, "samples": samples}
    return Findings(figures, details)
