"""What a user takes away: ``best/`` and ``baseline/``, written whole or not at all."""

import os
import shutil
from pathlib import Path
from typing import Any

from seqwise.comparison.card import model_card
from seqwise.comparison.folder import RunFolder
from seqwise.core.files import write_json, write_text


def _replace_folder(new: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    os.replace(new, old)


def deliver_best(folder: RunFolder, result: dict[str, Any], model: dict[str, Any]) -> None:
    """The model's best replicate as a Hugging Face folder with tokenizer and model card."""
    temporary = folder.path / ".best"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(folder.path / model["path"], temporary)
    tokenizer = folder.replicate(model["best_replicate"]) / "tokenizer"
    shutil.copytree(tokenizer, temporary, dirs_exist_ok=True)
    write_text(temporary / "README.md", model_card(result, model["name"]))
    _replace_folder(temporary, folder.path / "best")


def deliver_baseline(folder: RunFolder, model: dict[str, Any], task: str, labels: list[str]) -> None:
    """A baseline as JSON and safetensors."""
    temporary = folder.path / ".baseline"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(folder.path / model["path"], temporary)
    write_json(temporary / "baseline.json", {"task": task, "name": model["name"], "labels": labels})
    _replace_folder(temporary, folder.path / "baseline")
