"""Initialisation and heads, in which our Transformer and a LLaMA of its size differ, one at a time: shorter trainings on the zoo's tokens.

usage: python benchmarks/evidence.py --only zoo-terms, which goes on where it stopped
"""

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from figures import Bench, Figure, Findings
from torch import nn
from zoo_llama import METRIC, llama

from seqwise.comparison.trial import accelerator_for
from seqwise.core.files import read_json, write_json
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.pretraining.build import corpus_feed, model_config, training_config
from seqwise.pretraining.corpus import prepare
from seqwise.pretraining.options import PretrainOptions
from seqwise.training.checkpoint import drop_checkpoint
from seqwise.training.loop import Trainer
from seqwise.zoo.recipes import Recipe
from zoo import options_of, recipes

STEPS = 300
"""A whole schedule, over 2.5 million tokens."""
LLAMA = "llama"
VARIANTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "transformer": ("transformer", {}),
    LLAMA: ("transformer", {}),
    "transformer, linear layers start at 0.02": ("transformer", {"initializer_range": 0.02}),
    "transformer, four heads of 32": ("transformer", {"num_attention_heads": 4}),
    "lstm": ("lstm", {}),
    "lstm, linear layers start at 0.02": ("lstm", {"initializer_range": 0.02}),
}
"""Name -> family, and what differs in its model. A LLaMA's linear layers start at .02, ours at 1/sqrt(width): .088."""


def model_of(name: str, options: PretrainOptions, recipe: Recipe, tokenizer: Any) -> nn.Module:
    if name == LLAMA:
        return llama(options, recipe, tokenizer)
    config = model_config(options, tokenizer)
    for setting, value in VARIANTS[name][1].items():
        setattr(config, setting, value)
    return SeqwiseForCausalLM(config)


def curve_of(bench: Bench, name: str, recipe: Recipe) -> list[dict[str, Any]]:
    """Train one or continue it; from disk where it is there. One thread."""
    place = (bench.out / "runs" / "zoo-terms").resolve()
    folder = place / name.replace(",", "").replace(" ", "-")
    if (folder / "curve.json").exists():
        return read_json(folder / "curve.json")
    options = options_of(recipe)
    with contextlib.chdir(bench.data):
        tokenizer, parts = prepare(options, place, lambda text: print(f"  {text}", flush=True))
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model, feed = model_of(name, options, recipe, tokenizer), corpus_feed(options, tokenizer, parts)
    settings = training_config(options, bench.choose(STEPS, 6))
    trainer = Trainer(model, feed, settings, folder=folder / "checkpoint", accelerator=accelerator_for("cpu"))
    trainer.resume()
    progress = trainer.run(settings.steps)
    if progress.status != "ok":
        raise RuntimeError(f"the training of {name} is {progress.status} at step {progress.step}")
    print(f"  {name}: {progress.curve[-1][METRIC]:.3f}", flush=True)
    write_json(folder / "curve.json", progress.curve)
    drop_checkpoint(folder / "checkpoint")
    return progress.curve


def zoo_terms(bench: Bench) -> Findings:
    """Bits per byte after the same tokens; one seed."""
    bench.dataset("wikitext2")
    causal = {recipe.model: recipe for recipe in recipes(bench) if recipe.objective == "causal-lm"}
    curves = {name: curve_of(bench, name, causal[family]) for name, (family, _) in VARIANTS.items()}
    figures = [Figure(name=name, value=curve[-1][METRIC], unit="bits per byte") for name, curve in curves.items()]
    return Findings(figures, {"curves": curves, "steps": bench.choose(STEPS, 6)})
