"""What a user takes away: ``best/`` and ``baseline/``, written whole or not at all."""

import os
import shutil
from pathlib import Path
from typing import Any

from seqwise.comparison.card import model_card
from seqwise.comparison.folder import RunFolder
from seqwise.core.files import write_json, write_text
from seqwise.tasks.task import Task


def _replace_folder(new: Path, old: Path) -> None:
    aside = old.with_name(f".{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        os.replace(old, aside)
    os.replace(new, old)
    shutil.rmtree(aside, ignore_errors=True)


def deliver(folder: RunFolder, result: dict[str, Any], task: Task) -> None:
    """``best/``: the best trained model as a Hugging Face folder with a card; ``baseline/``: the baseline that is ahead, or the first."""
    models = {model["name"]: model for model in result["models"]}
    if result["best"]:
        _deliver_best(folder, result)
    ahead = result["verdict"]["baseline_ahead"]
    name = ahead["name"] if ahead else next(name for name in task.baselines if name != task.trivial and name not in task.yardsticks)
    if result["verdict"]["recommendation"]["kind"] == "baseline":
        name = result["verdict"]["recommendation"]["model"]
    if models[name]["path"]:
        _deliver_baseline(folder, models[name], task.tag, result["data"]["card"])


def _deliver_best(folder: RunFolder, result: dict[str, Any]) -> None:
    temporary = folder.path / ".best"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(folder.path / result["best"]["from"], temporary)
    write_text(temporary / "README.md", model_card(result, result["best"]["name"]))
    _replace_folder(temporary, folder.path / "best")


def _deliver_baseline(folder: RunFolder, model: dict[str, Any], task: str, card: dict[str, Any]) -> None:
    temporary = folder.path / ".baseline"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(folder.path / model["path"], temporary)
    about = {"labels": list(card.get("classes", [])), "channels": card.get("channels")}
    write_json(temporary / "baseline.json", {"task": task, "name": model["name"]} | about)
    _replace_folder(temporary, folder.path / "baseline")
