"""A pretrained model made ready to ship: in half precision, what that costs, its card and its record; whole or not at all."""

import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json, write_text
from seqwise.data.token_file import TokenFile, TokenWindows, write_tokens
from seqwise.pretraining.corpus import pieces_of
from seqwise.pretraining.options import PretrainOptions
from seqwise.pretraining.shipping_card import shipping_card
from seqwise.training.objectives import OBJECTIVES
from seqwise.training.pretrain import CorpusFeed

MOST_BYTES = 5_000_000
"""Of a folder."""
DTYPE = torch.float16
"""Of the file. Weights are far below its largest number, and it rounds an eighth as much as bfloat16 does."""
PROBES = {"causal-lm": "The history of the city begins in the", "masked-lm": "It is the largest city in the United [MASK] ."}
PROBED = 20
WEIGHTS = "model.safetensors"


def publish(run: Path, target: Path, command: str) -> dict[str, Any]:
    """Make the folder ``target`` from a finished pretraining; returns its ``record.json``.

    ``config.json`` says float32, so that ``from_pretrained`` computes in float32 where no dtype is asked for. What the validation part was
    read from has to be there still.

    Args:
        run: as ``seqwise pretrain`` leaves it.
        target: replaced where it exists; its name is the model's.
        command: that makes the model again, in place of the one that was typed, which names folders of one machine.

    Raises :class:`UserError` for weights that half precision cannot hold and for a folder of more than ``MOST_BYTES``.
    """
    record = read_json(run / "pretrain.json")
    record["environment"]["command"] = command
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as place:
        folder = Path(place) / target.name
        shutil.copytree(run / "model", folder)
        save_file(in_half(load_file(run / "model" / WEIGHTS), target.name), folder / WEIGHTS, metadata={"format": "pt"})
        (folder / WEIGHTS).chmod(0o644)
        record |= {"name": target.name, **_measured(record, run / "model", folder), "weight_bytes": (folder / WEIGHTS).stat().st_size}
        write_json(folder / "record.json", record)
        write_text(folder / "README.md", shipping_card(record))
        size = sum(path.stat().st_size for path in folder.iterdir())
        if size > MOST_BYTES:
            raise UserError(f"{target.name} has {size:,} bytes", expected=f"at most {MOST_BYTES:,}", fix="a smaller size or vocabulary")
        if target.exists():
            os.replace(target, Path(place) / "before")
        os.replace(folder, target)
    return record


def in_half(tensors: Mapping[str, torch.Tensor], name: str, dtype: torch.dtype = DTYPE) -> dict[str, torch.Tensor]:
    """Raises :class:`UserError` where a number becomes infinite."""
    found = {key: value.to(dtype).contiguous() for key, value in tensors.items()}
    broken = [key for key, value in found.items() if not value.isfinite().all()]
    if broken:
        raise UserError(f"{name}: {broken[0]} does not fit into {dtype}", expected=f"numbers below {torch.finfo(dtype).max:,.0f}")
    return found


def _measured(record: Mapping[str, Any], whole: Path, half: Path) -> dict[str, Any]:
    """The score of both files on the validation part, and what the float32 one says of a short text."""
    from transformers import AutoTokenizer

    options = PretrainOptions.from_dict(record["options"])
    tokenizer = AutoTokenizer.from_pretrained(whole, local_files_only=True)
    model_class = OBJECTIVES[options.objective].model_class
    first, second = (model_class.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval() for folder in (whole, half))
    with tempfile.TemporaryDirectory(prefix="seqwise-") as place:
        held_out = write_tokens(pieces_of(options, "validation"), tokenizer, Path(place) / "validation.tokens")
        if held_out.sha256 != record["corpus"]["validation"]["sha256"]:
            raise UserError("the validation part is not what the model was scored on", fix="pretrain again, on the text that is there now")
        scores = [_score(model, options, tokenizer, held_out)[record["metric"]] for model in (first, second)]
    probes = [probe(model, tokenizer, PROBES[options.objective]) for model in (first, second)]
    return {
        "precision": {
            "dtype": str(DTYPE).removeprefix("torch."),
            "float32": scores[0],
            "file": scores[1],
            "largest_logit_difference": float((probes[0] - probes[1]).abs().max()),
        },
        "probe": {"text": PROBES[options.objective], **_best(probes[0], tokenizer)},
    }


def _score(model: Any, options: PretrainOptions, tokenizer: Any, held_out: TokenFile) -> dict[str, float]:
    windows = TokenWindows(held_out, options.context, options.batch, options.seed)
    with torch.inference_mode():
        return CorpusFeed(windows, held_out, OBJECTIVES[options.objective](tokenizer)).validate(model)


def probe(model: Any, tokenizer: Any, text: str) -> torch.Tensor:
    """Logits (V,) at the mask of a text, or after the last token of one without."""
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    masks = (ids[0] == tokenizer.mask_token_id).nonzero()
    with torch.inference_mode():
        return model(input_ids=ids).logits[0, int(masks[0]) if len(masks) else -1].float()


def _best(logits: torch.Tensor, tokenizer: Any) -> dict[str, Any]:
    values, ids = logits.topk(min(PROBED, len(logits)))
    return {
        "tokens": ids.tolist(),
        "written": [tokenizer.decode([token]) for token in ids.tolist()],
        "logits": values.tolist(),
        "largest_logit": float(logits.abs().max()),
        "share_of_best": math.exp(float(logits.log_softmax(-1).max())),
    }
