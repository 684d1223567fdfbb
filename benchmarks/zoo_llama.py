"""A LLaMA of the Hugging Face library beside the zoo: as large, on the same tokens in the same order, by the same loop."""

import contextlib
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from figures import Bench, Figure, Findings, median
from pipeline import timed
from transformers import LlamaConfig, LlamaForCausalLM
from zoo_speed import trainer_of

from seqwise.comparison.sizes import FEED_FORWARD_RATIO, TOLERANCE
from seqwise.core.files import read_json, write_json
from seqwise.models.accounting import count_of_model
from seqwise.pretraining.build import corpus_feed, training_config
from seqwise.pretraining.corpus import prepare
from seqwise.pretraining.options import PretrainOptions
from seqwise.training.checkpoint import drop_checkpoint
from seqwise.training.loop import Trainer
from seqwise.zoo.recipes import Recipe
from seqwise.zoo.shipped import MODELS
from zoo import options_of, pretrained, recipes

HEAD = 32
"""Width of an attention head of the LLaMA; our Transformer of this size has heads of 64."""
METRIC = "bits_per_byte"


def llama_config(target: int, *, layers: int, vocabulary: int, context: int) -> LlamaConfig:
    """The one with the most usual proportions among those whose non-embedding parameters lie within 1 % of ``target``.

    Per layer 4 D^2 of attention, 3 D F of the feed-forward and 2 D of the norms, and D of the last norm. Raises ``RuntimeError`` where
    there is none.
    """
    found = []
    for width in range(HEAD, 4096, HEAD):
        rest = (target - width) / layers - 4 * width**2 - 2 * width
        inner = round(rest / (3 * width))
        count = layers * (4 * width**2 + 3 * width * inner + 2 * width) + width
        if inner > 0 and abs(count / target - 1) <= TOLERANCE:
            found.append((abs(inner / width - FEED_FORWARD_RATIO), width, inner))
    if not found:
        raise RuntimeError(f"no LLaMA of {layers} layers has {target:,} parameters without embeddings")
    _, width, inner = min(found)
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=width // HEAD,
        max_position_embeddings=context,
        tie_word_embeddings=True,
    )


def llama(options: PretrainOptions, recipe: Recipe, tokenizer: Any) -> LlamaForCausalLM:
    """With fresh weights, as large as a model of the zoo."""
    config = llama_config(options.target_parameters, layers=recipe.layers, vocabulary=len(tokenizer), context=recipe.context)
    config.pad_token_id, config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    return LlamaForCausalLM(config)


def llama_trainer(bench: Bench, recipe: Recipe, folder: Path, like: dict[str, Any]) -> Trainer:
    """Ready to train on what ``like``, the record of a causal model of the zoo, was trained on, or to go on."""
    options = options_of(recipe)
    with contextlib.chdir(bench.data):
        tokenizer, parts = prepare(options, folder, lambda text: print(f"  {text}", flush=True))
    if parts["train"].sha256 != like["corpus"]["train"]["sha256"]:
        raise RuntimeError("the training text is no longer that of the zoo")
    torch.set_num_threads(like["environment"]["threads"])
    torch.manual_seed(options.seed)
    feed, training = corpus_feed(options, tokenizer, parts), training_config(options, like["steps"])
    accelerator = Accelerator(cpu=like["environment"]["device"] == "cpu", mixed_precision=like["environment"]["precision"])
    trainer = Trainer(llama(options, recipe, tokenizer), feed, training, folder=folder / "checkpoint", accelerator=accelerator)
    trainer.resume()
    return trainer


def train_llama(bench: Bench, recipe: Recipe, like: dict[str, Any]) -> dict[str, Any]:
    """Train or continue it; returns its record, from disk where it is there."""
    folder = (bench.out / "runs" / "zoo-llama").resolve()
    if (folder / "record.json").exists():
        return read_json(folder / "record.json")
    trainer = llama_trainer(bench, recipe, folder, like)
    progress = trainer.run(trainer.config.steps)
    if progress.status != "ok":
        raise RuntimeError(f"the training of the LLaMA is {progress.status} at step {progress.step}")
    count = count_of_model(trainer.bare_model)
    record = {
        "name": "llama",
        "options": options_of(recipe).to_dict(),
        "architecture": trainer.bare_model.config.to_diff_dict(),
        "parameters": {"total": count.total, "embedding": count.embedding, "non_embedding": count.non_embedding},
        "corpus": like["corpus"],
        **{name: getattr(progress, name) for name in ("curve", "best", "tokens", "seconds", "train_seconds")},
        "threads": torch.get_num_threads(),
    }
    write_json(folder / "record.json", record)
    drop_checkpoint(folder / "checkpoint")
    return record


def record_of(bench: Bench, recipe: Recipe) -> dict[str, Any]:
    """Of a model of the zoo, as it is shipped; a quick one is trained here."""
    if bench.quick:
        return pretrained(bench, recipe)
    record = read_json(MODELS / recipe.name / "record.json")
    if record["options"] != options_of(recipe).to_dict():
        raise RuntimeError(f"{recipe.name} was made by another recipe: make the step zoo first")
    return record


def at_step(curve: list[dict[str, Any]], step: float) -> float | None:
    """The score after so many steps, on the straight line between two evaluations; None before the first and after the last one."""
    steps = [point["step"] for point in curve]
    if not steps[0] <= step <= steps[-1]:
        return None
    return float(np.interp(step, steps, [point[METRIC] for point in curve]))


def step_seconds(running: dict[str, Trainer], rounds: int) -> dict[str, list[float]]:
    """Of whole training steps, every model once a round, the order turned: trainings one after the other met other loads."""
    samples: dict[str, list[float]] = {name: [] for name in running}
    for trainer in running.values():
        trainer.model.train()
        timed(trainer)
    for turn in range(rounds):
        for name in list(running) if turn % 2 else list(running)[::-1]:
            samples[name].append(timed(running[name])[1])
    return samples


def zoo_llama(bench: Bench) -> Findings:
    """Bits per byte of every causal model at equal tokens, and at equal seconds: those that the fastest needs for all tokens."""
    bench.dataset("wikitext2")
    causal = [recipe for recipe in recipes(bench) if recipe.objective == "causal-lm"]
    records = {recipe.name: record_of(bench, recipe) for recipe in causal}
    transformer = next(recipe for recipe in causal if recipe.model == "transformer")
    records["llama"] = train_llama(bench, transformer, records[transformer.name])
    like = records[transformer.name]
    running = {recipe.name: trainer_of(bench, recipe) for recipe in causal}
    running["llama"] = llama_trainer(bench, transformer, (bench.out / "runs" / "zoo-llama").resolve(), like)
    samples = step_seconds(running, bench.choose(15, 2))
    seconds = {name: statistics.median(values) for name, values in samples.items()}
    fastest = min(seconds, key=seconds.__getitem__)
    figures = [Figure(name="equal seconds", value=seconds[fastest] * like["steps"], unit=f"s of training, in which {fastest} reads all")]
    for name, record in records.items():
        reached = like["steps"] * seconds[fastest] / seconds[name]
        figures += [
            Figure(name=f"{name}: parameters without embeddings", value=record["parameters"]["non_embedding"], unit="count"),
            median(f"{name}: a step of {like['tokens_per_step']:,} tokens, one thread", samples[name], "s"),
            Figure(name=f"{name}: at equal tokens ({record['tokens']:,})", value=record["curve"][-1][METRIC], unit="bits per byte"),
            Figure(name=f"{name}: at equal seconds, interpolated", value=at_step(record["curve"], reached), unit="bits per byte"),
        ]
    curves = {name: record["curve"] for name, record in records.items()}
    return Findings(figures, {"curves": curves, "llama": records["llama"], "step seconds": samples})
