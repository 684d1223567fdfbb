"""Language models on real text: WikiText-2 under a budget, and tinyshakespeare with nanoGPT's settings for a CPU."""

import math
from pathlib import Path
from typing import Any

from figures import Bench, Figure, Findings
from runs import accept, compare

NANOGPT = {"layers": 4, "width": 128, "context": 64, "batch": 12, "steps": 2000, "tokenizer": "characters", "size": 800_000}
NANOGPT_LOSS = 1.88
"""Nats per character on the last tenth of the text, as its README reports for this setting."""
MODELS = "transformer,lstm,gru,rnn,lstm+attention"


def wikitext(bench: Bench) -> Findings:
    """The four families on WikiText-2, with the n-gram model and xz beside them."""
    folder, run = bench.dataset("wikitext2"), bench.out / "runs" / "wikitext2-1h"
    files = {"validation": folder / "valid.txt.gz", "test": folder / "test.txt.gz"}
    budget = bench.choose("1h", "60s")
    result = compare(str(folder / "train.txt.gz"), run, task="text-generation", budget=budget, **files)
    check = accept("check_comparison.py", run)
    wall = result["environment"]["wall_seconds"] / result["protocol"]["budget_seconds"]
    figures = [
        Figure(name="wall over budget", value=wall, unit="ratio", wanted="<= 1.15"),
        *_bits(result),
        Figure(name="verdict text", value=result["verdict"]["text"]),
        Figure(name="check_comparison", value=check["outcome"], wanted="= passed"),
    ]
    return Findings(figures, {"verdict": result["verdict"], "acceptance": check})


def nanogpt(bench: Bench) -> Findings:
    """nanoGPT's small setting, its last tenth as the test, and recurrent models of the same size beside it."""
    whole = (bench.dataset("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    cut, place = int(0.9 * len(whole)), bench.out / "data"
    train, test = _write(place / "shakespeare-train.txt", whole[:cut]), _write(place / "shakespeare-test.txt", whole[cut:])
    count = {"replicates": bench.choose(3, 1), "configurations": bench.choose(4, 2), "steps": bench.choose(2000, 24)}
    settings: dict[str, Any] = NANOGPT | count
    result = compare(train, bench.out / "runs" / "nanogpt", task="text-generation", test=test, models=MODELS, **settings)
    figures = []
    for model in result["models"]:
        bits = model["scores"]["bits_per_byte"]
        # every character of this text is one byte
        loss, interval = bits["mean"] * math.log(2), tuple(bound * math.log(2) for bound in bits["ci95"])
        wanted = f"<= {NANOGPT_LOSS}" if model["name"] == "transformer" else None
        count = len(bits["per_replicate"])
        unit = "nats per character"
        figures.append(
            Figure(name=model["name"], value=loss, unit=unit, interval=interval, spread="95 % interval", samples=count, wanted=wanted)
        )
    return Findings(figures, {"verdict": result["verdict"]})


def _write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def _bits(result: dict[str, Any]) -> list[Figure]:
    found = []
    for model in result["models"]:
        for name, score in model["scores"].items():
            if name.startswith("bits_per_byte"):
                interval = score["ci95"] and tuple(score["ci95"])
                what, count = f"{model['name']}: {name.replace('_', ' ')}", len(score["per_replicate"])
                found.append(Figure(name=what, value=score["mean"], interval=interval, spread="95 % interval", samples=count))
    return found
