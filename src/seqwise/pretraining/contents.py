"""What a pretraining was begun with, by content: it goes on with the same text and the same given tokenizer, or not at all."""

import platform
from pathlib import Path

from seqwise.core.config import fingerprint
from seqwise.core.errors import UserError
from seqwise.core.files import sha256_of
from seqwise.data.corpora import text_files
from seqwise.data.text_stream import sources_of
from seqwise.models.external import TOKENIZERS
from seqwise.pretraining.options import PretrainOptions

LARGE = 100_000_000
"""Bytes from which on size and time stand for what a file holds."""
TOKENIZER_FILES = (*TOKENIZERS, "added_tokens.json", "merges.txt", "special_tokens_map.json")


def contents_of(options: PretrainOptions) -> dict[str, str]:
    """Fingerprints of the sources, by name, and of the given tokenizer. Raises :class:`UserError` for a file that cannot be read."""
    sources = [*sources_of(options.source), *(sources_of(options.validation) if options.validation else ())]
    found = {source: fingerprint(_source(source)) for source in sources}
    folder = options.tokenizer_folder
    if folder is not None:
        found[f"the tokenizer {options.tokenizer}"] = fingerprint(_files(folder, TOKENIZER_FILES))
    return found


def _source(source: str) -> list[list[str | int]] | str:
    """Of a demo, which is made of the installed Python, its version; of what is fetched, nothing but its name is known."""
    kind, _, name = source.partition(":")
    if kind == "demo":
        return platform.python_version()
    path = Path(name if kind == "hf" else source)
    if kind == "hf" and path.is_dir():
        return _files(path, sorted(file.relative_to(path).as_posix() for file in path.rglob("*")))
    if path.is_dir():
        return _files(path, text_files(path))
    return _files(path.parent, [path.name])


def _files(folder: Path, names: list[str] | tuple[str, ...]) -> list[list[str | int]]:
    """Name and content of those that are there; what is missing is told where it is read."""
    return [[name, *_content(folder / name)] for name in names if (folder / name).is_file()]


def _content(path: Path) -> list[str | int]:
    try:
        about = path.stat()
        return [about.st_size, about.st_mtime_ns] if about.st_size > LARGE else [sha256_of(path)]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", fix="check its permissions") from error
