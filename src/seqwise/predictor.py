"""A finished model in use: a run's recommendation, a model folder, or a baseline folder; texts in, probabilities out."""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import read_json

MODEL_FOLDER = "a model folder as a comparison leaves it in best/"
LONGEST = 4096
"""Tokens of a text for a model from outside that names no limit."""
AUTO_CLASSES = {
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "CausalLM": "AutoModelForCausalLM",
    "LMHeadModel": "AutoModelForCausalLM",
}
"""By the end of an architecture's name."""


def quiet_libraries() -> None:
    """Keep the libraries' own progress bars and notices out of ours."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    if "transformers" in sys.modules:
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()


class Predictor(Protocol):
    """Answers examples with the probabilities (U, C) of ``labels``.

    Attributes:
        task: the tag of the task, which says what an example is: a text, or the values (T, C) of a series.
        channels: names of the channels of a series, in order; None where an example has none.
    """

    labels: tuple[str, ...]
    name: str
    task: str
    channels: tuple[str, ...] | None

    def probabilities(self, examples: Sequence[Any]) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class NeuralPredictor:
    """A Hugging Face folder with its tokenizer."""

    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    name: str
    task: ClassVar[str] = "text-classification"
    channels: ClassVar[None] = None

    def probabilities(self, examples: Sequence[str]) -> np.ndarray:
        from seqwise.data.batching import encode, encode_special
        from seqwise.models.external import longest_input
        from seqwise.tasks.text_classification import TextClassification

        longest = int(min(self.tokenizer.model_max_length, longest_input(self.model.config), LONGEST))
        if self.model.config.model_type == "seqwise":
            tokens, _ = encode(self.tokenizer, list(examples), [0] * len(examples), longest)
        else:
            tokens = encode_special(self.tokenizer, list(examples), [0] * len(examples), longest, self.model.config.pad_token_id)
        return TextClassification().outputs(self.model, tokens)


@dataclasses.dataclass(frozen=True)
class SeriesPredictor:
    """A Hugging Face folder of a model that reads numbers."""

    model: Any
    labels: tuple[str, ...]
    name: str
    task: ClassVar[str] = "time-series-classification"

    @property
    def channels(self) -> tuple[str, ...] | None:
        names = self.model.config.channel_names
        return tuple(names) if names else None

    def probabilities(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        """Raises :class:`UserError` for series with another number of channels, or longer than a table of learned positions."""
        from seqwise.data.batching import SequenceSet
        from seqwise.models.external import longest_input
        from seqwise.tasks.series_classification import TimeSeriesClassification

        channels, longest = self.model.config.num_input_channels, longest_input(self.model.config)
        for number, values in enumerate(examples, 1):
            if values.ndim != 2 or values.shape[1] != channels or len(values) > longest:
                most = "" if longest == float("inf") else f", of at most {longest:.0f} steps"
                raise UserError(f"series {number} has the shape {values.shape}", expected=f"(steps, {channels}){most}")
        rows = [np.asarray(values, np.float32) for values in examples]
        return TimeSeriesClassification().outputs(self.model, SequenceSet.from_arrays(rows, [0] * len(rows)))


@dataclasses.dataclass(frozen=True)
class BaselinePredictor:
    """A baseline saved as JSON and safetensors."""

    model: Any
    labels: tuple[str, ...]
    name: str
    task: str
    channels: tuple[str, ...] | None

    def probabilities(self, examples: Sequence[Any]) -> np.ndarray:
        return self.model.predict(list(examples))


def load_model(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a Hugging Face folder, through the Auto classes; no tokenizer where the model reads numbers.

    Raises :class:`UserError` for a folder that is damaged or holds neither classifier nor language model; weights are read from
    safetensors only.
    """
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    auto = getattr(transformers, auto_class(folder))
    try:
        model, info = auto.from_pretrained(folder, use_safetensors=True, local_files_only=True, output_loading_info=True)
        if info["missing_keys"]:
            raise ValueError(f"model.safetensors lacks {', '.join(sorted(info['missing_keys'])[:3])}")
        tokens = getattr(model.config, "num_input_channels", None) is None
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True) if tokens else None
    except Exception as error:  # whatever a damaged file makes the libraries raise
        raise UserError(
            f"{folder} cannot be loaded: {error}", fix="train it again, or take a backup: the files are damaged or of another kind"
        ) from error
    return model.eval(), tokenizer


def auto_class(folder: Path) -> str:
    """Raises :class:`UserError` where a file is missing or the model answers nothing that is asked here."""
    _require(folder, "config.json", "model.safetensors")
    config = _read(folder / "config.json")
    if config.get("num_input_channels") is None:
        _require(folder, "tokenizer.json")
    architecture, *_ = config.get("architectures") or ["model without a head"]
    for ending, auto in AUTO_CLASSES.items():
        if architecture.endswith(ending):
            return auto
    raise UserError(f"{folder} holds a {architecture}", expected="a classifier or a causal language model")


def _require(folder: Path, *names: str) -> None:
    for name in names:
        if not (folder / name).exists():
            raise UserError(f"{folder} has no {name}", expected=MODEL_FOLDER, fix="give a run folder or a model folder")


def _read(path: Path) -> dict[str, Any]:
    """A JSON object. Raises :class:`UserError` where the file holds none."""
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}", fix="train it again, or take a backup") from error
    if type(found) is not dict:
        raise UserError(f"{path} is damaged: no JSON object", fix="train it again, or take a backup")
    return found


def load_predictor(source: str) -> Predictor:
    """A predictor from a run folder (its recommendation), a model folder or a baseline folder."""
    folder = Path(source)
    if not folder.is_dir():
        raise UserError(f"there is no folder {source}", expected="a run folder of compare or train, or a model folder")
    if (folder / "comparison.json").exists():
        return load_predictor(str(folder / _recommended_folder(folder)))
    if (folder / "baseline.json").exists():
        return _load_baseline(folder)
    model, tokenizer = load_model(folder)
    if model.can_generate():
        raise UserError(f"{source} holds a language model, which labels nothing", fix="`seqwise generate` writes with it")
    labels = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
    return NeuralPredictor(model, tokenizer, labels, folder.name) if tokenizer else SeriesPredictor(model, labels, folder.name)


def _recommended_folder(run: Path) -> str:
    result = _read(run / "comparison.json")
    try:
        recommendation, best = result["verdict"]["recommendation"], result["best"]
        if recommendation["kind"] == "baseline" or best is None:
            return "baseline"
        if recommendation["model"] == best["name"]:
            return best["path"]
        return next(model["path"] for model in result["models"] if model["name"] == recommendation["model"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{run / 'comparison.json'} is damaged: no recommendation in it", fix="run the comparison again") from error


def _load_baseline(folder: Path) -> BaselinePredictor:
    from safetensors import SafetensorError

    from seqwise.tasks import TASKS

    stored = _read(folder / "baseline.json")
    if stored.get("task") == "text-generation":
        raise UserError(f"{folder} holds a baseline of language models, which labels nothing", fix="`seqwise generate` writes with best/")
    try:
        model = TASKS[stored["task"]].baselines[stored["name"]].load(folder)
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise UserError(f"{folder} cannot be loaded: {error}", fix="train it again: the files are damaged") from error
    channels = tuple(stored["channels"]) if stored.get("channels") else None
    return BaselinePredictor(model, tuple(stored["labels"]), stored["name"], stored["task"], channels)
