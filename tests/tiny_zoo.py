"""Pretrained models made in seconds, published as those that the package comes with are."""

import contextlib
from pathlib import Path

import numpy as np

RIVER = ("the", "river", "runs", "down", "to", "sea", "and", "old", "men", "watch", "ships", "sail", "away", "at", "dawn")
MADE = {
    "rnn-made": {"model": "rnn"},
    "lstm-made": {"model": "lstm"},
    "gru-made": {"model": "gru"},
    "transformer-made": {"model": "transformer"},
    "lstm-made-mlm": {"model": "lstm", "objective": "masked-lm"},
    "transformer-made-mlm": {"model": "transformer", "objective": "masked-lm"},
}
SETTINGS = {"size": "30k", "tokenizer": "bpe:300", "context": 16, "batch": 8, "budget": "6ktokens", "evaluations": 4, "device": "cpu"}


def make_zoo(place: Path) -> None:
    """``run/NAME`` as pretraining leaves it and ``models/NAME`` as published, from a text that lies in ``place``."""
    from rich.console import Console

    import seqwise
    from seqwise.pretraining.shipping import publish

    rng = np.random.default_rng(0)
    (place / "river.txt").write_text("".join(" ".join(rng.choice(RIVER, rng.integers(4, 12))) + ".\n" for _ in range(900)))
    (place / "models").mkdir()
    with contextlib.chdir(place):
        for name, asked in MADE.items():
            folder, _ = seqwise.pretrain("river.txt", out=place / "run" / name, console=Console(quiet=True), **(SETTINGS | asked))
            publish(folder, place / "models" / name, f"seqwise pretrain river.txt --model={asked['model']}")
