"""Models that come from outside of a comparison: any Hugging Face folder in safetensors, with its own tokenizer."""

import dataclasses
import hashlib
import math
from pathlib import Path
from typing import Any, ClassVar

from seqwise.core.errors import UserError, first_line
from seqwise.models.accounting import ParameterCount, count_of_model
from seqwise.zoo.shipped import folder_or_shipped, shipped_names

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model")
FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
MOST_MISSING = 0.1
"""Share of the body's tensors that may be missing: a pooler, say, that another head had no use for."""
LONGEST_NAMES = ("max_position_embeddings", "n_positions")


@dataclasses.dataclass(frozen=True)
class External:
    """What a comparison needs to know of a model that it did not make.

    Args:
        name: of the contender.
        folder: where its files lie.
        sha256: over its weights, configuration and tokenizer.
        count: parameters; the tables of embeddings apart.
        flops: floating-point operations of the matrix products for one token, forwards, attention scores left out.
        longest: tokens that it can read; infinite where there is no limit.
        fresh: its architecture and tokenizer alone are taken; training starts from fresh weights.
    """

    name: str
    folder: str
    sha256: str
    count: ParameterCount
    flops: float
    longest: float
    fresh: bool = False

    body: ClassVar[str] = "modern"

    def values(self) -> dict[str, Any]:
        """What names it in a trial."""
        return {"external": self.folder, "sha256": self.sha256, "body": self.body} | ({"fresh": True} if self.fresh else {})


def find(source: str) -> Path:
    """The folder of ``hf:FOLDER``, of a run folder the model in it; that of a pretrained model of the package; or one fetched from the hub.

    Raises :class:`UserError` where there is no such folder or model, or it has no safetensors or no tokenizer.
    """
    name = source.removeprefix("hf:")
    here = Path(name).is_dir() or name in shipped_names()
    folder = _model_in(folder_or_shipped(name)) if here else _fetch(source, name)
    if not (folder / "config.json").exists():
        raise UserError(f"{source} has no config.json", expected="a folder of a Hugging Face model, or a name on the hub")
    if not any((folder / file).exists() for file in WEIGHTS):
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        why = f"{source} has its weights as {pickled[0]}, a pickle, which is never opened" if pickled else f"{source} has no weights"
        raise UserError(why, expected="model.safetensors", fix="save it again with save_pretrained(..., safe_serialization=True)")
    if not any((folder / file).exists() for file in TOKENIZERS):
        raise UserError(
            f"{source} has no tokenizer", expected="tokenizer.json beside the weights", fix="tokenizer.save_pretrained(...) there"
        )
    return folder


def _model_in(folder: Path) -> Path:
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


def load_tokenizer(folder: Path | str) -> Any:
    """Raises :class:`UserError` where it cannot be loaded or tells no offsets."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever a damaged file makes the libraries raise
        raise UserError(f"the tokenizer in {folder} cannot be loaded: {error}", fix="save it again with save_pretrained") from error
    if not tokenizer.is_fast:
        raise UserError(f"the tokenizer in {folder} is a slow one", expected="tokenizer.json, of a fast tokenizer")
    return tokenizer


def longest_input(config: Any) -> float:
    """Tokens that a model can read, by its configuration; infinite for ours without a table of learned positions."""
    if config.model_type == "seqwise" and config.position_embedding != "learned":
        return math.inf
    return next((float(value) for name in LONGEST_NAMES if type(value := getattr(config, name, None)) is int), math.inf)


def pad_token(tokenizer: Any) -> int:
    """What fills up short rows: the tokenizer's own, else its end of text, else 0."""
    return next((token for token in (tokenizer.pad_token_id, tokenizer.eos_token_id) if token is not None), 0)


def load_external(folder: Path | str, auto_class: str, *, dropout: float | None = None, fresh: bool = False, **changes: Any) -> Any:
    """The model in float32. Its head is fresh where the folder has none, or one for other labels.

    Args:
        auto_class: of transformers, by name.
        dropout: for every dropout rate that its configuration has and ``changes`` does not name.
        fresh: all its weights are.
        changes: further settings of its configuration.

    Raises :class:`UserError` for weights of another architecture.
    """
    import torch
    import transformers

    tokenizer, auto = load_tokenizer(folder), getattr(transformers, auto_class)
    try:
        saved = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, **changes)
        for name, value in vars(config).items() if dropout is not None else ():
            if "drop" in name and type(value) is float and name not in changes:
                setattr(config, name, dropout)
        config.pad_token_id, config.dtype = pad_token(tokenizer), torch.float32
        if fresh:
            return auto.from_config(config)
        model, info = auto.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except Exception as error:  # whatever a damaged or foreign file makes the libraries raise
        raise UserError(f"{folder} cannot be loaded as {auto_class}: {first_line(error)}", expected="a model of that kind") from error
    _check_weights(model, info, folder, swapped="SequenceClassification" in auto_class)
    if saved.id2label != config.id2label:
        _swap_head(model, auto.from_config(config))
    return model


def _check_weights(model: Any, info: dict[str, Any], folder: Path | str, *, swapped: bool) -> None:
    """Raises :class:`UserError` where too many tensors of the body are not in the folder, or of another shape.

    Args:
        info: what loading told.
        swapped: whether the head may be fresh.
    """
    lacking = [*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])]
    own = [name for name in model.state_dict() if name.startswith(f"{model.base_model_prefix}.")]
    body = [name for name in lacking if name in own]
    head = [] if swapped else [name for name in lacking if name not in body]
    misshapen = any(name in own for name, *_ in info["mismatched_keys"])
    if len(body) > MOST_MISSING * len(own) or head or misshapen:
        raise UserError(
            f"{folder} holds weights of another architecture: {len(body + head)} are missing, {(body + head)[0]} among them",
            expected=f"the weights of {type(model).__name__}, as its config.json says",
        )


def _swap_head(model: Any, other: Any) -> None:
    """Everything outside of the body as it is in ``other``."""
    body = f"{model.base_model_prefix}."
    model.load_state_dict({name: value for name, value in other.state_dict().items() if not name.startswith(body)}, strict=False)


def inspect(name: str, source: str, auto_class: str, *, fresh: bool = False, **changes: Any) -> External:
    """Look at a model from outside. Raises :class:`UserError` as the parts do, and for one that sees the future."""
    folder = find(source)
    model = load_external(folder, auto_class, **changes)
    causal = "CausalLM" in auto_class
    if causal and not is_causal(model):
        raise UserError(f"{source} sees the tokens that it is to predict", expected="a causal language model, as GPT-2 or LLaMA")
    count = count_of_model(model)
    head = model.get_output_embeddings().weight.numel() if causal else 0
    flops = 2.0 * (count.non_embedding + head)
    return External(name, str(folder), content_hash(folder), count, flops, longest_input(model.config), fresh)


def is_causal(model: Any) -> bool:
    """Whether another last token leaves the logits before it as they were."""
    import torch

    ids = torch.arange(2, 10).remainder(model.config.vocab_size).unsqueeze(0)
    other = ids.clone()
    other[0, -1] = (other[0, -1] + 1) % model.config.vocab_size
    with torch.inference_mode():
        first, second = (model.eval()(input_ids=value).logits[0, :-1] for value in (ids, other))
    return torch.allclose(first, second, atol=1e-5)


def content_hash(folder: Path) -> str:
    """SHA-256 over weights, configuration and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in FILES for path in folder.glob(pattern)):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
