"""Whether padding changes an answer: 1, 4 and 16 times the length, on either side, alone and in batches, for every family."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import Bench, Figure, Findings
from inputs import demo_file
from runs import REAL_RUNS, compare

from seqwise.api import load
from seqwise.core.files import read_json
from seqwise.data.readers import read_texts

FACTORS = (1, 4, 16)
SIDES = ("right", "left")
BATCHES = (1, 64)
FAMILIES = {"rnn", "lstm", "gru", "transformer"}
BEST_RUNS = ("trec-45m", "trec-10m", "sst2-10m", "newsgroups20-1h")


def padding(bench: Bench) -> Findings:
    """Largest change of a probability, and changed answers, against each text alone and unpadded."""
    run, texts = _finished_run(bench)
    texts = texts[: bench.choose(256, 64)]
    result = read_json(run / "comparison.json")
    _, tokenizer = load(run)
    ids = [example or [tokenizer.unk_token_id] for example in _encode(tokenizer, texts)]
    cells = []
    for model in result["models"]:
        if model["kind"] == "trained" and model["status"] == "ok":
            cells += _family(model["name"], run / model["path"], ids)
    return Findings(_figures(cells, len(texts)), {"run": run.name, "texts": len(texts), "cells": cells})


def _finished_run(bench: Bench) -> tuple[Path, list[str]]:
    """A complete run with every family and its test texts; a small one is made where there is none."""
    for name in BEST_RUNS:
        run, chosen = bench.out / "runs" / name, REAL_RUNS[name]
        done = run / "comparison.json"
        if done.exists() and {m["name"] for m in read_json(done)["models"] if m["status"] == "ok"} >= FAMILIES:
            return run, read_texts(str(bench.dataset(chosen.dataset) / chosen.test), column="text")
    run, data = bench.out / "runs" / "padding", demo_file(bench)
    compare(str(data), run, size="30k", steps=bench.choose(240, 24), replicates=1, configurations=1)
    return run, read_texts(str(data), column="text")


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    encoded = tokenizer(texts, add_special_tokens=False, truncation=True, return_attention_mask=False)
    return encoded["input_ids"]


def _family(name: str, folder: Path, ids: list[list[int]]) -> list[dict[str, Any]]:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    alone = _probabilities(model, ids, factor=1, side="right", size=1)
    found = []
    for factor in FACTORS:
        for side in SIDES:
            for size in BATCHES:
                padded = _probabilities(model, ids, factor=factor, side=side, size=size)
                change = float(np.abs(padded - alone).max())
                changed = int((padded.argmax(1) != alone.argmax(1)).sum())
                cell = {"model": name, "factor": factor, "side": side, "batch": size}
                found.append(cell | {"largest_change": change, "changed_answers": changed})
    return found


def _probabilities(model: torch.nn.Module, ids: list[list[int]], *, factor: int, side: str, size: int) -> np.ndarray:
    """(U, C); every batch is padded to ``factor`` times its longest text."""
    rows = []
    for start in range(0, len(ids), size):
        batch = ids[start : start + size]
        columns = factor * max(map(len, batch))
        input_ids, mask = torch.zeros(len(batch), columns, dtype=torch.long), torch.zeros(len(batch), columns, dtype=torch.long)
        for row, example in enumerate(batch):
            place = slice(0, len(example)) if side == "right" else slice(columns - len(example), columns)
            input_ids[row, place], mask[row, place] = torch.tensor(example), 1
        with torch.inference_mode():
            rows.append(model(input_ids=input_ids, attention_mask=mask).logits.softmax(-1).numpy())
    return np.concatenate(rows)


def _figures(cells: list[dict[str, Any]], texts: int) -> list[Figure]:
    figures = []
    for name in dict.fromkeys(cell["model"] for cell in cells):
        own = [cell for cell in cells if cell["model"] == name]
        changed, change = sum(cell["changed_answers"] for cell in own), max(cell["largest_change"] for cell in own)
        figures.append(Figure(name=f"{name}: changed answers", value=changed, unit="count", samples=texts * len(own), wanted="<= 0"))
        figures.append(Figure(name=f"{name}: largest change of a probability", value=change, unit="probability", samples=texts * len(own)))
    return figures
