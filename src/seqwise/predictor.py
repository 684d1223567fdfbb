"""A finished model in use: a run's recommendation, a model folder, or a baseline folder."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqwise.core.errors import UserError
from seqwise.core.files import read_json
from seqwise.models.origin import made_for, model_in
from seqwise.tasks.series_panels import ABOUT, series_facts
from seqwise.zoo.shipped import folder_or_shipped

if TYPE_CHECKING:
    from seqwise.tasks.use import Use

MODEL_FOLDER = "a model folder as a comparison leaves it in best/"
AUTO_CLASSES = {
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "ForAudioClassification": "AutoModelForAudioClassification",
    "ForCTC": "AutoModelForCTC",
    "CausalLM": "AutoModelForCausalLM",
    "LMHeadModel": "AutoModelForCausalLM",
    "ForMaskedLM": "AutoModelForMaskedLM",
    "ForPrediction": "AutoModelForTimeSeriesPrediction",
    "ForSeq2SeqLM": "AutoModelForSeq2SeqLM",
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


def load_model(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a Hugging Face folder, through the Auto classes; of sound the feature extractor or the processor instead,
    of series what the folder says of those it was trained on.

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
        kind = preprocessor_class(model.config)
        tokenizer = getattr(transformers, kind).from_pretrained(folder, local_files_only=True) if kind else series_facts(folder / ABOUT)
    except Exception as error:  # whatever a damaged file makes the libraries raise
        raise UserError(
            f"{folder} cannot be loaded: {error}", fix="train it again, or take a backup: the files are damaged or of another kind"
        ) from error
    return model.eval(), tokenizer


def preprocessor_class(config: Any) -> str | None:
    """The Auto class of what prepares a model's input; None where it reads a series as it is."""
    architecture = config.architectures[0]
    if architecture.endswith("ForCTC"):
        return "AutoProcessor"
    if architecture.endswith("ForAudioClassification"):
        return "AutoFeatureExtractor"
    return "AutoTokenizer" if getattr(config, "num_input_channels", None) is None else None


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
    raise UserError(f"{folder} holds a {architecture}", expected="a classifier, a translator or a language model")


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


def load_predictor(source: str) -> "Use":
    """What a run folder recommends, a model folder or a baseline folder holds, ready to answer."""
    from seqwise.tasks import USES

    folder = folder_or_shipped(source)
    if (folder / "comparison.json").exists():
        return load_predictor(str(folder / _recommended_folder(folder)))
    if (folder / "baseline.json").exists():
        return _load_baseline(folder)
    model, preprocessor = load_model(model_in(folder))
    task = task_of(model.config)
    if task not in USES:
        raise UserError(f"{source} holds a language model, which labels nothing", fix=how_to_use(model.config))
    return USES[task].of_model(model, preprocessor, folder.name)


def task_of(config: Any) -> str:
    """Which task a model was made for, by its architecture and its input."""
    return made_for({"architectures": config.architectures, "num_input_channels": getattr(config, "num_input_channels", None)})


def how_to_use(config: Any) -> str:
    """What uses a model that somebody asked something else of."""
    if config.architectures[0].endswith("ForMaskedLM"):
        return 'pipeline("fill-mask") of transformers fills masks with it'
    return "`seqwise generate` writes with it" if task_of(config) == "text-generation" else "`seqwise predict` uses it"


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


def _load_baseline(folder: Path) -> "Use":
    from safetensors import SafetensorError

    from seqwise.tasks import TASKS, USES

    stored = _read(folder / "baseline.json")
    if stored.get("task") == "text-generation":
        raise UserError(f"{folder} holds a baseline of language models, which labels nothing", fix="`seqwise generate` writes with best/")
    try:
        model = TASKS[stored["task"]].baselines[stored["name"]].load(folder)
        return USES[stored["task"]].of_baseline(model, stored, stored["name"])
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise UserError(f"{folder} cannot be loaded: {error}", fix="train it again: the files are damaged") from error
