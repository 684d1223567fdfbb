"""The example runs from its first cell to its last, and what it pushes is what it saved."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import seqwise
from hub_server import TOKEN, running_hub

EXAMPLE = Path(__file__).parents[2] / "examples" / "lstm_tiny.py"
ALLOWED = ("Use 'content=",)
"""How warnings of other libraries begin: huggingface_hub uploads large files by an argument that its HTTP client no longer likes."""
WARNINGS = [part for text in ALLOWED for part in ("-W", f"ignore:{text}:DeprecationWarning")]


def run(arguments, **environment):
    program = [sys.executable, "-W", "error", *WARNINGS, EXAMPLE, *map(str, arguments)]
    done = subprocess.run(program, capture_output=True, text=True, env=os.environ | environment, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("model", [[], ["--model", seqwise.path("gru-tiny")]], ids=["the default", "a folder"])
def test_from_a_pretrained_model_to_a_shared_one(model, tmp_path):
    with running_hub() as hub:
        address = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "cache")}
        said = run([*model, "--epochs", 1, "--push-to", "someone/lstm-docstrings"], **address)
    score, trivial = map(float, re.search(r"accuracy (\S+), most frequent class (\S+)", said).groups())
    assert score > 2 * trivial
    (saved, *answer), again = (
        re.search(r"saved in (\S+): (\S+) (\S+)", said).groups(),
        re.search(r"loaded as \S+: (\S+) (\S+)", said).groups(),
    )
    assert answer == list(again)
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(hub.repositories["someone/lstm-docstrings"])
    pushed = hub.write("someone/lstm-docstrings", tmp_path / "pushed")
    inputs = AutoTokenizer.from_pretrained(pushed)(
        ["Parse a document.", "Wait for a task to end, then go on."], padding=True, return_tensors="pt"
    )
    logits = [AutoModelForSequenceClassification.from_pretrained(folder)(**inputs).logits for folder in (saved, pushed)]
    assert torch.equal(*logits)
