"""The zoo made: each recipe's own command run to its end, then its model put into the package in half precision, with card and record."""

import contextlib
from pathlib import Path
from typing import Any

from figures import Bench, Figure, Findings
from runs import finish, seqwise

from seqwise.core.files import read_json, sha256_of
from seqwise.predictor import quiet_libraries
from seqwise.pretraining.options import PretrainOptions
from seqwise.pretraining.shipping import MOST_BYTES, publish
from seqwise.zoo.recipes import RECIPES, Recipe
from seqwise.zoo.shipped import MODELS

QUICK = {
    "corpus": "wikitext2/test.txt.gz",
    "tokenizer": "bpe:1000",
    "size": "30k",
    "layers": 2,
    "width": 32,
    "context": 64,
    "batch": 8,
    "tokens": 12_000,
}
UNITS = {"bits_per_byte": "bits per byte", "masked_loss": "nats per hidden token"}


def recipes(bench: Bench) -> list[Recipe]:
    """What is made, at a size that only shows that it runs where that is asked for."""
    return [recipe.replace(**bench.choose({}, QUICK)) for recipe in RECIPES.values()]


def options_of(recipe: Recipe) -> PretrainOptions:
    return PretrainOptions.from_dict({"source": recipe.corpus} | recipe.options())


def run_folder(bench: Bench, recipe: Recipe) -> Path:
    return (bench.out / "runs" / f"zoo-{recipe.name}").resolve()


def pretrained(bench: Bench, recipe: Recipe) -> dict[str, Any]:
    """Run or continue a recipe's command in the folder of data sets; returns ``pretrain.json``.

    Raises ``RuntimeError`` where the command fails, or what is there was made by another recipe.
    """
    run = run_folder(bench, recipe)
    if not (run / "pretrain.json").exists():
        finish([seqwise(), *recipe.arguments(), "--out", str(run)], run.with_name(f"{run.name}.log"), folder=bench.data)
    record = read_json(run / "pretrain.json")
    if record["options"] != options_of(recipe).to_dict():
        raise RuntimeError(f"{run} was made by another recipe; remove it to have it made again")
    return record


def zoo(bench: Bench) -> Findings:
    """Every model of the zoo; killed anywhere, the same step goes on. With ``--quick`` the package is left as it is."""
    bench.dataset("wikitext2")
    quiet_libraries()
    place = bench.choose(MODELS, (bench.out / "zoo").resolve())
    place.mkdir(parents=True, exist_ok=True)
    figures, details = [], {}
    for recipe in recipes(bench):
        pretrained(bench, recipe)
        run = run_folder(bench, recipe)
        with contextlib.chdir(bench.data):
            record = publish(run, place / recipe.name, recipe.command())
        print(f"  {recipe.name}: {record['metric']} {record['precision']['file']:.4f}", flush=True)
        figures += _figures(record)
        details[recipe.name] = record
    files = {sha256_of(place / name / "tokenizer.json") for name in details}
    texts = {record["corpus"]["train"]["sha256"] for record in details.values()}
    figures.append(Figure(name="different tokenizers", value=len(files), unit="count", wanted="= 1"))
    figures.append(Figure(name="different training texts", value=len(texts), unit="count", wanted="= 1"))
    return Findings(figures, details)


def _figures(record: dict[str, Any]) -> list[Figure]:
    name, unit, found = record["name"], UNITS[record["metric"]], record["precision"]
    return [
        Figure(name=f"{name}: validation", value=found["file"], unit=unit),
        Figure(name=f"{name}: cost of {found['dtype']}", value=found["file"] - found["float32"], unit=unit, wanted="< 0.001"),
        Figure(name=f"{name}: weights", value=record["weight_bytes"], unit="bytes", wanted=f"< {MOST_BYTES}"),
        Figure(name=f"{name}: training", value=record["train_seconds"], unit="s"),
    ]
