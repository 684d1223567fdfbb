"""A finished model in use: a run's recommendation, a model folder, or a baseline folder; texts in, probabilities out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import read_json

TOKENS_PER_BATCH = 8192


class Predictor(Protocol):
    """Answers texts with the probabilities (U, C) of ``labels``."""

    labels: tuple[str, ...]
    name: str

    def probabilities(self, texts: Sequence[str]) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class NeuralPredictor:
    """A Hugging Face folder with its tokenizer."""

    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    name: str

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        from seqwise.data.batching import encode
        from seqwise.tasks.text_classification import TextClassification

        tokens, _ = encode(self.tokenizer, list(texts), [0] * len(texts), self.tokenizer.model_max_length)
        return TextClassification().outputs(self.model, tokens)


@dataclasses.dataclass(frozen=True)
class BaselinePredictor:
    """A baseline saved as JSON and safetensors."""

    model: Any
    labels: tuple[str, ...]
    name: str

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.model.predict(list(texts))


def load_model(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a Hugging Face folder, through the Auto classes.

    Raises :class:`UserError` for a folder that is damaged or holds no classifier; weights are read from safetensors only.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).exists():
            raise UserError(f"{folder} has no {name}", expected="a model folder as a comparison leaves it in best/", fix="give a run folder or a model folder")
    try:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever a damaged file makes the libraries raise
        raise UserError(f"{folder} cannot be loaded: {error}", fix="train it again, or take a backup: the files are damaged or of another kind") from error
    return model.eval(), tokenizer


def load_predictor(source: str) -> Predictor:
    """A predictor from a run folder (its recommendation), a model folder or a baseline folder."""
    folder = Path(source)
    if not folder.is_dir():
        raise UserError(f"there is no folder {source}", expected="a run folder of compare or train, or a model folder")
    if (folder / "comparison.json").exists():
        result = read_json(folder / "comparison.json")
        return load_predictor(str(folder / _recommended_folder(result)))
    if (folder / "baseline.json").exists():
        return _load_baseline(folder)
    model, tokenizer = load_model(folder)
    labels = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
    return NeuralPredictor(model, tokenizer, labels, folder.name)


def _recommended_folder(result: dict[str, Any]) -> str:
    recommendation = result["verdict"]["recommendation"]
    if recommendation["kind"] == "baseline" or result["best"] is None:
        return "baseline"
    return result["best"]["path"]


def _load_baseline(folder: Path) -> BaselinePredictor:
    from seqwise.tasks import TASKS

    stored = read_json(folder / "baseline.json")
    try:
        model = TASKS[stored["task"]].baselines[stored["name"]].load(folder)
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{folder} cannot be loaded: {error}", fix="train it again: the files are damaged") from error
    return BaselinePredictor(model, tuple(stored["labels"]), stored["name"])
