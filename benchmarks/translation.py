"""Translation: dates of many languages in three minutes, and Multi30k (English to German), with and without attention."""

import json
import subprocess
import sys
from pathlib import Path

from figures import Bench, Figure, Findings
from runs import accept, compare

MODELS = "lstm,lstm+attention,transformer"
RESCORE = """
import json, sys
import pyarrow.parquet, sacrebleu, seqwise
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

pairs = pyarrow.parquet.read_table(sys.argv[2]).to_pydict()
model, tokenizer, written = AutoModelForSeq2SeqLM.from_pretrained(sys.argv[1]).eval(), AutoTokenizer.from_pretrained(sys.argv[1]), []
for start in range(0, len(pairs["en"]), 50):
    inputs = tokenizer(pairs["en"][start : start + 50], return_tensors="pt", padding=True, truncation=True)
    written += tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)
print(json.dumps(sacrebleu.corpus_bleu(written, [pairs["de"]]).score))
"""
"""What anybody would write to use the model that a run hands over."""


def dates(bench: Bench) -> Findings:
    """``demo:dates`` under ``--budget quick``."""
    run = bench.out / "runs" / "dates-quick"
    result = compare("demo:dates", run, models=MODELS, budget=bench.choose("quick", "40s"))
    wall = result["environment"]["wall_seconds"]
    return Findings([Figure(name="wall", value=wall, unit="s", wanted="<= 180"), *_scores(result, "exact_match")], result["verdict"])


def multi30k(bench: Bench) -> Findings:
    """Multi30k on its test of 2016, two hours; the model that is handed over is scored again by other means."""
    folder, run = bench.dataset("multi30k_en_de"), bench.out / "runs" / "multi30k-2h"
    files = {"validation": folder / "validation.parquet", "test": folder / "test_2016_flickr.parquet"}
    budget = bench.choose("2h", "90s")
    result = compare(str(folder / "train.parquet"), run, task="translation", models=MODELS, budget=budget, **files)
    check, again = accept("check_comparison.py", "--families", MODELS, run), _rescored(run / "best", files["test"])
    figures = [
        Figure(
            name="wall over budget", value=result["environment"]["wall_seconds"] / result["protocol"]["budget_seconds"], wanted="<= 1.15"
        ),
        *_scores(result, "bleu"),
        Figure(name="BLEU of best/", value=result["best"]["scores"]["bleu"], unit="BLEU"),
        Figure(name="difference when scored again", value=abs(again - result["best"]["scores"]["bleu"]), unit="BLEU", wanted="<= 0.05"),
        Figure(name="verdict text", value=result["verdict"]["text"]),
        Figure(name="check_comparison", value=check["outcome"], wanted="= passed"),
    ]
    return Findings(figures, {"verdict": result["verdict"], "acceptance": check})


def _rescored(model: Path, test: Path) -> float:
    words = [sys.executable, "-c", RESCORE, str(model), str(test)]
    return float(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))


def _scores(result: dict, metric: str) -> list[Figure]:
    found = []
    for model in result["models"]:
        score = model["scores"].get(metric)
        if score:
            interval, count = score["ci95"] and tuple(score["ci95"]), len(score["per_replicate"])
            found.append(
                Figure(name=model["name"], value=score["mean"], unit=metric, interval=interval, spread="95 % interval", samples=count)
            )
    return found
