"""Where a model from outside of a comparison lies, and what it was made for: known from its configuration, before anything is loaded."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError, first_line
from seqwise.core.files import read_json
from seqwise.zoo.shipped import folder_or_shipped, shipped_names

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
OURS = ("seqwise", "seqwise_seq2seq")
"""Model types that seqwise makes."""
BARE, FILLING = "feature-extraction", "fill-mask"
"""What a model without a head is for, and one of masks: no tasks of a comparison."""
ENDINGS = {
    "ForAudioClassification": "audio-classification",
    "ForCTC": "automatic-speech-recognition",
    "ForSequenceClassification": "text-classification",
    "ForSeq2SeqLM": "translation",
    "ForConditionalGeneration": "translation",
    "ForPrediction": "time-series-forecasting",
    "ForMaskedLM": FILLING,
    "CausalLM": "text-generation",
    "LMHeadModel": "text-generation",
}
"""The task of a model by the end of its architecture's name, as the Hugging Face library calls tasks."""
TRANSFERS = {"text-classification": ("text-generation", FILLING, BARE)}
"""The tasks whose models, besides its own, a task can go on from."""
ELSEWHERE = ("text-classification", "text-generation")
"""The tasks of models that seqwise has not made."""


def find(source: str) -> Path:
    """The folder of ``hf:FOLDER``, of a run folder the model in it; that of a pretrained model of the package; or one fetched from the hub.

    Raises :class:`UserError` where there is no such folder or model, or it has no safetensors.
    """
    name = source.removeprefix("hf:")
    here = Path(name).is_dir() or name in shipped_names()
    folder = model_in(folder_or_shipped(name)) if here else _fetch(source, name)
    if not (folder / "config.json").exists():
        raise UserError(f"{source} has no config.json", expected="a folder of a Hugging Face model, or a name on the hub")
    if not any((folder / file).exists() for file in WEIGHTS):
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        why = f"{source} has its weights as {pickled[0]}, a pickle, which is never opened" if pickled else f"{source} has no weights"
        raise UserError(why, expected="model.safetensors", fix="save it again with save_pretrained(..., safe_serialization=True)")
    return folder


def model_in(folder: Path) -> Path:
    """The trained model of a run folder of ``compare``, ``train``, ``finetune`` or ``pretrain``; any other folder itself."""
    known = {"comparison.json": "best", "pretrain.json": "model"}
    return next((folder / model for record, model in known.items() if (folder / record).exists()), folder)


def _fetch(source: str, name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES)))
    except Exception as error:  # no such name, no network, no access: the library has a class for each
        raise UserError(
            f"{source} is neither a folder here nor to be had from the hub ({first_line(error)})", fix="check the name and the network"
        ) from error


def saved_settings(folder: Path) -> dict[str, Any]:
    """What ``config.json`` says. Raises :class:`UserError` where it is damaged."""
    path = folder / "config.json"
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be loaded: {first_line(error)}", fix="take a backup, or save the model again") from error
    if type(found) is not dict:
        raise UserError(f"{path} cannot be loaded: it holds no JSON object", fix="take a backup, or save the model again")
    return found


def made_for(settings: Mapping[str, Any]) -> str:
    """The task of a model by its configuration; ``feature-extraction`` for one without a head that is known."""
    told = settings.get("architectures")
    architecture = told[0] if isinstance(told, list) and told and isinstance(told[0], str) else ""
    task = next((task for ending, task in ENDINGS.items() if architecture.endswith(ending)), BARE)
    return "time-series-classification" if task == "text-classification" and settings.get("num_input_channels") else task


def check_task(source: str, folder: Path, task: str) -> None:
    """Raises :class:`UserError` for a model that cannot go on to a task: one of ours of another task, or one from elsewhere."""
    settings = saved_settings(folder)
    made, kind = made_for(settings), settings.get("model_type")
    if kind not in OURS and task not in ELSEWHERE:
        raise UserError(
            f"{source} is a {kind} model that seqwise has not made, and those have no part in {task}",
            expected=f"a model that seqwise trained for {task}; those from elsewhere are for {' and '.join(ELSEWHERE)}",
        )
    possible = (task, *TRANSFERS.get(task, ()))
    if kind in OURS and made not in possible:
        raise UserError(
            f"{source} was made for {made} and cannot go on to {task}",
            expected=f"a model of {' or '.join(possible)}",
            fix="another model" if made in (BARE, FILLING) else f"another model, or --task {made} where the data are of that kind",
        )


def content_hash(folder: Path) -> str:
    """SHA-256 over weights, configuration and what prepares the input."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in FILES for path in folder.glob(pattern)):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
