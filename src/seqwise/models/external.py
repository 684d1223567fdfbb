"""Models that come from outside of a comparison: any Hugging Face folder in safetensors, with its own tokenizer."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from seqwise.core.errors import UserError, first_line
from seqwise.models.accounting import ParameterCount, count_of_model
from seqwise.models.origin import OURS, content_hash, find

TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model")
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
        settings: of its configuration, that follow from the data it is now trained on.
        config: the whole of it, where seqwise made the model.
    """

    name: str
    folder: str
    sha256: str
    count: ParameterCount
    flops: float
    longest: float
    fresh: bool = False
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    config: Any = None

    body: ClassVar[str] = "modern"

    @property
    def small(self) -> bool:
        """Whether it has fewer than ten million parameters without embeddings."""
        return self.count.non_embedding < 10_000_000

    def values(self) -> dict[str, Any]:
        """What names it in a trial."""
        own = {"fresh": self.fresh, "small": self.small, "settings": dict(self.settings)}
        return {"external": self.folder, "sha256": self.sha256, "body": self.body} | {name: value for name, value in own.items() if value}


def load_tokenizer(folder: Path | str, *, fast: bool = True) -> Any:
    """Raises :class:`UserError` where there is none, or it cannot be loaded, or it is a slow one where a fast one is asked for."""
    from transformers import AutoTokenizer

    if not any((Path(folder) / file).exists() for file in TOKENIZERS):
        raise UserError(
            f"{folder} has no tokenizer", expected="tokenizer.json beside the weights", fix="tokenizer.save_pretrained(...) there"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever a damaged file makes the libraries raise
        what = f"the tokenizer in {folder} cannot be loaded: {first_line(error)}"
        raise UserError(what, fix="save it again with save_pretrained") from error
    if fast and not tokenizer.is_fast:
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
    """The model in float32. Its head is fresh where the folder has none, or one for other labels or another vocabulary.

    Args:
        auto_class: of transformers, by name.
        dropout: for every dropout rate that its configuration has and ``changes`` does not name.
        fresh: all its weights are.
        changes: further settings of its configuration. A ``vocab_size`` among them is that of another vocabulary, whatever its size.

    Raises :class:`UserError` for weights of another architecture.
    """
    import torch
    import transformers

    auto = getattr(transformers, auto_class)
    try:
        saved = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, **changes)
        for name, value in vars(config).items() if dropout is not None else ():
            if "drop" in name and type(value) is float and name not in changes:
                setattr(config, name, dropout)
        config.dtype = torch.float32
        if reads_tokens(config):
            config.pad_token_id = pad_token(load_tokenizer(folder))
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
    except UserError:
        raise
    except Exception as error:  # whatever a damaged or foreign file makes the libraries raise
        raise UserError(f"{folder} cannot be loaded as {auto_class}: {first_line(error)}", expected="a model of that kind") from error
    other = "vocab_size" in changes
    _check_weights(model, info, folder, swapped=other or "Classification" in auto_class)
    if other or saved.id2label != config.id2label:
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
    allowed = 0 if model.config.model_type in OURS else MOST_MISSING * len(own)
    if len(body) > allowed or head or misshapen:
        raise UserError(
            f"{folder} holds weights of another architecture: {', '.join((body + head)[:3])} missing ({len(body + head)} in all)",
            expected=f"the weights of {type(model).__name__}, as its config.json says",
        )


def _swap_head(model: Any, other: Any) -> None:
    """Everything outside of the body as it is in ``other``."""
    body = f"{model.base_model_prefix}."
    model.load_state_dict({name: value for name, value in other.state_dict().items() if not name.startswith(body)}, strict=False)


def inspect(
    name: str, source: str, auto_class: str, *, fresh: bool = False, adapted: Mapping[str, Any] = MappingProxyType({}), **changes: Any
) -> External:
    """Look at a model from outside. Raises :class:`UserError` as the parts do, and for one that sees the future.

    Args:
        adapted, changes: settings that follow from the data, and those of the head.
    """
    folder = find(source)
    model = load_external(folder, auto_class, fresh=fresh, **changes, **adapted)
    causal = "CausalLM" in auto_class
    if causal and not is_causal(model):
        raise UserError(f"{source} sees the tokens that it is to predict", expected="a causal language model, as GPT-2 or LLaMA")
    if reads_tokens(model.config):
        _check_vocabulary(source, model, load_tokenizer(folder))
    count = count_of_model(model)
    head = model.get_output_embeddings().weight.numel() if causal else 0
    flops = 2.0 * (count.non_embedding + head)
    config = model.config if model.config.model_type in OURS else None
    return External(name, str(folder), content_hash(folder), count, flops, longest_input(model.config), fresh, adapted, config)


def reads_tokens(config: Any) -> bool:
    return getattr(config, "num_input_channels", None) is None


def _check_vocabulary(source: str, model: Any, tokenizer: Any) -> None:
    """Raises :class:`UserError` for tokens without an embedding, and for one of our models where entries are left that it was trained with.

    Others may have more rows than entries: many round them up.
    """
    rows, entries = model.get_input_embeddings().weight.shape[0], len(tokenizer)
    ours = model.config.model_type == "seqwise"
    if entries > rows or (ours and entries < rows):
        raise UserError(
            f"the tokenizer of {source} has {entries:,} entries, the model's embedding {rows:,}",
            expected="as many as the embedding has rows" if ours else "no more entries than the embedding has rows",
            fix="the tokenizer that the model was trained with, or model.resize_token_embeddings(len(tokenizer))",
        )


def is_causal(model: Any) -> bool:
    """Whether another last token leaves the logits before it as they were."""
    import torch

    ids = torch.arange(2, 10).remainder(model.config.vocab_size).unsqueeze(0)
    other = ids.clone()
    other[0, -1] = (other[0, -1] + 1) % model.config.vocab_size
    with torch.inference_mode():
        first, second = (model.eval()(input_ids=value).logits[0, :-1] for value in (ids, other))
    return torch.allclose(first, second, atol=1e-5)
