"""Where recordings and what is known of them come from: a manifest, a folder of class folders, a file, or a demo."""

import contextlib
import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError
from seqwise.data.columns import SPLIT_VALUES
from seqwise.data.delimited import TARGET_NAMES
from seqwise.data.sound import is_sound, read_sound
from seqwise.data.sound_manifest import TEXT_NAMES, SoundColumns, SoundFile, clips_hash, read_manifest

__all__ = ["SoundColumns", "SoundFile", "read_sounds", "sound_kind"]

MANIFESTS = ("metadata.csv", "manifest.csv", "metadata.tsv", "manifest.tsv", "metadata.jsonl", "manifest.jsonl")
"""Names of a manifest inside a folder."""
DEMOS = {"demo:vowels": "labels", "demo:vowel-strings": "texts"}
LOOKED_AT = 4096
"""Bytes of a table that a guess reads."""


def read_sounds(source: str, kind: str, columns: SoundColumns, *, answered: bool = True, column: str | None = None) -> SoundFile:
    """Read recordings with what is known of them.

    Args:
        source: a manifest (any table with a column of sound files, which lie beside it or in a zip file beside it), a folder with such
            a manifest or of class folders, a sound file, or a demo.
        kind: "labels" or "texts".
        answered: whether every recording must have an answer.
        column: of the answers, where ``columns`` names none.

    Raises :class:`UserError` naming file and row for what is missing, damaged or unlabelled.
    """
    source, path = str(source), Path(source)
    columns = dataclasses.replace(columns, answer=columns.answer or column)
    if source.startswith("demo:"):
        return _demo(source, kind)
    if path.is_dir():
        if (manifest := _manifest_in(path)) is not None:
            return read_manifest(str(manifest), kind, columns, answered)
        if columns.group:
            raise UserError(f"--group has no meaning for {source}, a folder without a manifest", fix="leave it out, or write a manifest")
        return _folder(path, kind, answered)
    if is_sound(source):
        if answered:
            raise UserError(f"{source} is a single recording", expected="a manifest with answers, or a folder of class folders")
        clip = read_sound(path)
        return SoundFile(source, clips_hash([clip]), [clip], [""], "label")
    return read_manifest(source, kind, columns, answered)


def sound_kind(source: str) -> str | None:
    """Whether a source is one of recordings with "labels" or "texts", by a look at its first rows or folders; None where of neither."""
    if source in DEMOS:
        return DEMOS[source]
    path = Path(source)
    if path.is_dir():
        if (manifest := _manifest_in(path)) is not None:
            return sound_kind(str(manifest))
        return "labels" if any(is_sound(found.name) for found in _in_folders(path)) else None
    if not path.is_file():
        return None
    columns = _first_rows(path)
    if not any(values and all(is_sound(value.strip()) for value in values) for values in columns.values()):
        return None
    names = {name.casefold() for name in columns}
    return "texts" if names & set(TEXT_NAMES) and not names & set(TARGET_NAMES) else "labels"


def _manifest_in(folder: Path) -> Path | None:
    return next((folder / name for name in MANIFESTS if (folder / name).is_file()), None)


def _first_rows(path: Path) -> dict[str, list[str]]:
    """The columns of a table's first rows, as far as a look tells; empty for what is no table."""
    with path.open("rb") as file:
        lines = file.read(LOOKED_AT).decode("utf-8-sig", "replace").splitlines()
    rows: list[dict[str, Any]] = []
    if path.suffix.lower() in (".csv", ".tsv"):
        rows = list(csv.DictReader(lines, dialect="excel" if path.suffix.lower() == ".csv" else "excel-tab"))
    elif path.suffix.lower() == ".jsonl":
        with contextlib.suppress(ValueError):
            rows = [row for row in map(json.loads, lines[:1]) if isinstance(row, dict)]
    whole = rows[:-1] or rows  # the look may end inside a row
    return {name: [str(row[name]) for row in whole if row.get(name)] for name in (rows[0] if rows else ()) if name}


def _demo(source: str, kind: str) -> SoundFile:
    from seqwise.data import vowels

    if DEMOS.get(source) != kind:
        fitting = ", ".join(name for name, known in DEMOS.items() if known == kind)
        raise UserError(f"{source} holds no recordings with {kind}", expected=fitting)
    clips, answers, speakers = vowels.single() if kind == "labels" else vowels.strings()
    notes = ("vowels synthesised here; no speaker is in two splits",)
    return SoundFile(source, clips_hash(clips, *answers), clips, answers, "vowel" if kind == "labels" else "text", None, speakers, notes)


def _in_folders(root: Path) -> list[Path]:
    """The files anywhere in a folder."""
    return sorted(found for found in root.rglob("*") if found.is_file())


def _folder(root: Path, kind: str, answered: bool) -> SoundFile:
    """CLASS/x.wav, or SPLIT/CLASS/x.wav; without answers any sound files."""
    if kind == "texts" and answered:
        raise UserError(f"{root} has no manifest with transcripts", expected=f"a table such as {MANIFESTS[0]} in it: columns file and text")
    paths = [path for path in _in_folders(root) if is_sound(path.name)]
    if not paths:
        raise UserError(f"{root} holds no sound files", expected="a folder for each class with wav or flac files in it")
    parts = [path.relative_to(root).parts for path in paths]
    split = answered and all(len(part) == 3 and part[0].casefold() in SPLIT_VALUES for part in parts)
    if answered and not split and any(len(part) != 2 for part in parts):
        odd = next(path for path, part in zip(paths, parts, strict=True) if len(part) != 2)
        raise UserError(
            f"{root}: {odd.relative_to(root)} lies in no class folder, or too deep",
            expected="CLASS/file.wav, or train/CLASS/file.wav and test/CLASS/...",
            fix="move it, or list the files in a manifest",
        )
    clips = [dataclasses.replace(read_sound(path), name=str(path.relative_to(root))) for path in paths]
    answers = [part[-2] if answered else "" for part in parts]
    given = [SPLIT_VALUES[part[0].casefold()] for part in parts] if split else None
    notes = ("the label is the folder that a recording lies in",) if answered else ()
    return SoundFile(str(root), clips_hash(clips, *answers), clips, answers, "folder", given, None, notes)
