"""The corpus as a training reads it: a tokenizer, and the tokens of two parts on disk."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError
from seqwise.data.pretraining_tokenizer import train_pretraining_tokenizer
from seqwise.data.streams import check_exact
from seqwise.data.text_stream import Piece, spread_sample, stream_text
from seqwise.data.token_file import TokenFile, divided, write_tokens
from seqwise.models.external import load_tokenizer
from seqwise.pretraining.options import PretrainOptions

LEARNED = 5_000_000
"""Characters that byte pairs are learned from, about: more take longer and change few of 4,096 entries."""
MANY = 100
"""Pieces from which on whole ones are held out."""
PARTS = ("train", "validation")
CHECKED = 500_000
"""Characters held out, about, that have to come back from a given tokenizer to the letter."""
NEEDED = {"causal-lm": ("eos_token_id",), "masked-lm": ("eos_token_id", "mask_token_id")}


def prepare(options: PretrainOptions, folder: Path, say: Callable[[str], None]) -> tuple[Any, dict[str, TokenFile]]:
    """Tokenizer and tokens of "train" and "validation", made where they are not there yet.

    Args:
        folder: for ``tokenizer/`` and ``cache/``.
        say: tells a person what is being done.

    Raises :class:`UserError` for a corpus or tokenizer that cannot be read, or lacks what the objective needs.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    tokenizer = _tokenizer(options, folder / "tokenizer", say)
    found = {}
    for part in PARTS:
        path = folder / "cache" / f"{part}.tokens"
        if not path.with_suffix(".json").exists():
            say(f"encoding the {part} part of {options.source}")
            write_tokens(pieces_of(options, part), tokenizer, path)
        found[part] = TokenFile.open(path)
    if len(found["validation"]) <= options.context:
        raise UserError(
            f"{len(found['validation']):,} tokens are left for validation",
            expected=f"more than one window of {options.context}",
            fix="name a file with --validation, or give more text",
        )
    return tokenizer, found


def pieces_of(options: PretrainOptions, part: str) -> Iterator[Piece]:
    """The text of a part: what is named for validation, else a fiftieth, or of a small corpus a tenth."""
    if options.validation is not None:
        return stream_text(options.source if part == "train" else options.validation, options.text)
    pieces = stream_text(options.source, options.text)
    first = list(itertools.islice(pieces, MANY))
    if len(first) < MANY:
        return iter(_small(first, part))
    return divided(itertools.chain(first, pieces), part)


def _small(pieces: list[Piece], part: str) -> list[Piece]:
    """The last tenth of the characters of each piece for validation, cut at a line, else at a space."""
    found = []
    for piece in pieces:
        wanted = len(piece.text) * 9 // 10
        line, space = (piece.text.rfind(mark, wanted // 2, wanted) + 1 for mark in ("\n", " "))
        place = line or space or wanted
        text = piece.text[:place] if part == "train" else piece.text[place:]
        found += [Piece(text, last=True)] if text.strip() else []
    return found


def _tokenizer(options: PretrainOptions, folder: Path, say: Callable[[str], None]) -> Any:
    """That of the run; what was given is copied, and may change afterwards."""
    if not folder.exists():
        made = _trained(options, say) if options.tokenizer_folder is None else _given(options)
        temporary = folder.with_name(f".{folder.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        made.save_pretrained(temporary)
        temporary.replace(folder)
    return load_tokenizer(folder)


def _trained(options: PretrainOptions, say: Callable[[str], None]) -> Any:
    say(f"learning a tokenizer of {options.tokenizer_size:,} entries")
    sample = spread_sample(pieces_of(options, "train"), LEARNED)
    return train_pretraining_tokenizer(sample, options.tokenizer_size, options.context)


def _given(options: PretrainOptions) -> Any:
    """A tokenizer from a folder. Raises :class:`UserError` where it cannot be read, lacks a token, or loses text that is to be scored."""
    found = load_tokenizer(options.tokenizer_folder)
    for name in NEEDED[options.objective]:
        if getattr(found, name, None) is None:
            raise UserError(f"the tokenizer in {options.tokenizer} has no {name.removesuffix('_id')}", expected="one that ends texts")
    if options.objective == "causal-lm":
        for text in spread_sample(pieces_of(options, "validation"), CHECKED):
            check_exact(found, text, f"the tokenizer in {options.tokenizer}")
    return found
