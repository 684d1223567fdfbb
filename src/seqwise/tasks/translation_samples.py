"""What a report shows of translators besides scores: what they write, and what they read as they write it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqwise.data.pair_set import encode_pairs
from seqwise.tasks.task import Task, Told
from seqwise.tasks.translation_scores import BLEU, bleu, counted_in, signatures

SHOWN, DRAWN = 8, 2
LONGEST_DRAWN = 24
"""Tokens of a side of a drawn alignment."""


def samples(task: Task, told: Told) -> dict[str, Any]:
    """``examples``: test pairs with every model's translation; ``alignments`` of some of them; both None without samples."""
    kind = counted_in(told.outputs[told.best])
    found: dict[str, Any] = {"signatures": signatures(kind), "examples": None, "alignments": None, "aligned_by": None}
    if told.examples is None:
        return found
    pairs = [told.examples[place] for place in np.unique(np.linspace(0, len(told.examples) - 1, SHOWN).astype(int))]
    folders = {name: folder for name, folder in told.folders.items() if folder.exists()}
    written = {name: _translations(task, folder, pairs) for name, folder in folders.items()}
    found["examples"] = [
        {"source": source, "reference": target, "translations": {name: texts[place] for name, texts in written.items()}}
        for place, (source, target) in enumerate(pairs)
    ]
    attending = _attending(task, folders)
    if attending:
        found["aligned_by"] = max(attending, key=lambda name: bleu(told.outputs[name][:, BLEU]))
        found["alignments"] = _alignments(task, folders[found["aligned_by"]], told.examples)
    return found


def _attending(task: Task, folders: Mapping[str, Path]) -> list[str]:
    configs = {name: task.config_class.from_pretrained(folder) for name, folder in folders.items()}
    return [name for name, config in configs.items() if config.cross_attention]


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _translations(task: Task, folder: Path, pairs: Sequence[tuple[str, str]]) -> list[str]:
    from seqwise.tasks.translation import translate

    tokenizer = _tokenizer(folder)
    sources, targets = zip(*pairs, strict=True)
    return translate(task.load(folder), encode_pairs(tokenizer, sources, targets, tokenizer.model_max_length)[0])


def _alignments(task: Task, folder: Path, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Of the first test pairs that are short enough to draw: tokens of the source, of the translation, and weights."""
    from seqwise.models.seq2seq import alignment

    model, tokenizer, found = task.load(folder), _tokenizer(folder), []
    for source, _ in pairs:
        ids = tokenizer(source, return_tensors="pt").input_ids
        if len(found) == DRAWN or not 2 <= ids.shape[1] <= LONGEST_DRAWN:
            continue
        with torch.inference_mode():
            written = model.generate(ids, do_sample=False, num_beams=1)
        if written.shape[1] - 1 <= LONGEST_DRAWN:
            weights = alignment(model, ids, written[:, :-1])
            tokens = [[_shown(tokenizer, token) for token in row] for row in (ids[0].tolist(), written[0, 1:].tolist())]
            found.append({"source": tokens[0], "target": tokens[1], "weights": [[round(w, 4) for w in row] for row in weights.tolist()]})
        if len(found) == DRAWN:
            break
    return found


def _shown(tokenizer: Any, token: int) -> str:
    """A token as people can read it; one that ends the text, or is a part of a character, by its name."""
    if token == tokenizer.eos_token_id:
        return "end"
    text = tokenizer.decode([token], clean_up_tokenization_spaces=False)
    return text.replace(" ", "␣") if text.strip("\ufffd") else tokenizer.convert_ids_to_tokens(token)
