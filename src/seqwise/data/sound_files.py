"""Where recordings and what is known of them come from: a manifest, a folder of class folders, a file, or a demo."""

import contextlib
import csv
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqwise.core.errors import UserError
from seqwise.data.columns import SPLIT_VALUES, column_of, guess_target, split_column, usual_target
from seqwise.data.delimited import TARGET_NAMES
from seqwise.data.readers import as_label, as_text
from seqwise.data.sound import Clip, Recordings, decode_sound, is_sound, read_sound
from seqwise.data.tables import FORMATS, Table, read_table

FILE_NAMES = ("file", "path", "audio", "file_name", "filename", "audio_path", "wav", "clip", "recording")
TEXT_NAMES = ("text", "transcript", "transcription", "sentence", "words", "normalized_text")
SPEAKER_NAMES = ("speaker", "speaker_id", "client_id", "spk", "talker")
MANIFESTS = ("metadata.csv", "manifest.csv", "metadata.tsv", "manifest.tsv", "metadata.jsonl", "manifest.jsonl")
"""Names of a manifest inside a folder."""
DEMOS = {"demo:vowels": "labels", "demo:vowel-strings": "texts"}
SAMPLE = 100
LOOKED_AT = 4096
"""Bytes of a table that a guess reads."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoundColumns:
    """Which columns of a manifest are what; None where it is to be guessed.

    Args:
        answer: of the label or the transcript.
    """

    answer: str | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class SoundFile:
    """The recordings of one source.

    Args:
        answers: a label or a transcript each; empty where it says nothing of them.
        given, groups: per clip; None where the source says nothing of them.
        column: what the answers are called.
    """

    source: str
    sha256: str
    clips: list[Clip]
    answers: list[str]
    column: str
    given: list[str] | None = None
    groups: list[str] | None = None
    notes: tuple[str, ...] = ()


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
        manifest = next((path / name for name in MANIFESTS if (path / name).is_file()), None)
        if manifest is not None:
            return _manifest(str(manifest), kind, columns, answered)
        if columns.group:
            raise UserError(f"--group has no meaning for {source}, a folder without a manifest", fix="leave it out, or write a manifest")
        return _folder(path, kind, answered)
    if is_sound(source):
        if answered:
            raise UserError(f"{source} is a single recording", expected="a manifest with answers, or a folder of class folders")
        clip = read_sound(path)
        return SoundFile(source, _hash([clip]), [clip], [""], "label")
    return _manifest(source, kind, columns, answered)


def sound_kind(source: str) -> str | None:
    """ "labels" or "texts" where a source is one of recordings, by a look at its first lines or folders; None where it is not."""
    if source in DEMOS:
        return DEMOS[source]
    path = Path(source)
    if path.is_dir():
        manifest = next((path / name for name in MANIFESTS if (path / name).is_file()), None)
        if manifest is not None:
            return sound_kind(str(manifest))
        return "labels" if any(is_sound(found.name) for found in _in_folders(path)) else None
    if not path.is_file():
        return None
    columns = _first_rows(path)
    if not any(values and all(is_sound(value.strip()) for value in values) for values in columns.values()):
        return None
    names = {name.casefold() for name in columns}
    return "texts" if names & set(TEXT_NAMES) and not names & set(TARGET_NAMES) else "labels"


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
    return SoundFile(source, _hash(clips, *answers), clips, answers, "vowel" if kind == "labels" else "text", None, speakers, notes)


def _hash(clips: Sequence[Clip], *words: str) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for clip in clips:
        digest.update(f"{clip.name} {clip.rate}".encode() + clip.samples.tobytes())
    return digest.hexdigest()


def _in_folders(root: Path) -> list[Path]:
    """The files in the folders of a folder, and in theirs."""
    return sorted(found for found in [*root.glob("*/*"), *root.glob("*/*/*")] if found.is_file())


def _folder(root: Path, kind: str, answered: bool) -> SoundFile:
    """CLASS/x.wav, or SPLIT/CLASS/x.wav; without answers any sound files."""
    if kind == "texts" and answered:
        raise UserError(f"{root} has no manifest with transcripts", expected=f"a table such as {MANIFESTS[0]} in it: columns file and text")
    if not answered:
        paths = sorted(path for path in root.rglob("*") if path.is_file() and is_sound(path.name))
    else:
        paths = [path for path in _in_folders(root) if is_sound(path.name)]
    if not paths:
        raise UserError(f"{root} holds no sound files", expected="a folder for each class with wav or flac files in it")
    parts = [path.relative_to(root).parts for path in paths]
    split = answered and all(len(part) == 3 and part[0].casefold() in SPLIT_VALUES for part in parts)
    if answered and not split and any(len(part) != 2 for part in parts):
        odd = next(path for path, part in zip(paths, parts, strict=True) if len(part) != 2)
        raise UserError(
            f"{root}: {odd.relative_to(root)} lies too deep", expected="CLASS/file.wav, or train/CLASS/file.wav and test/CLASS/..."
        )
    clips = [dataclasses.replace(read_sound(path), name=str(path.relative_to(root))) for path in paths]
    answers = [part[-2] if answered else "" for part in parts]
    given = [SPLIT_VALUES[part[0].casefold()] for part in parts] if split else None
    notes = ("the label is the folder that a recording lies in",) if answered else ()
    return SoundFile(str(root), _hash(clips, *answers), clips, answers, "folder", given, None, notes)


def _manifest(source: str, kind: str, columns: SoundColumns, answered: bool) -> SoundFile:
    suffix = Path(source.removesuffix(".gz")).suffix.lower()
    if not source.startswith("hf:") and suffix not in FORMATS:
        known = f"a manifest ending in {' '.join(FORMATS)}, a folder of class folders, or a wav or flac file"
        raise UserError(f"{source} has no known kind of recordings (suffix '{suffix}')", expected=known)
    table = read_table(source)
    for name in (columns.answer, columns.group):
        if name is not None:
            column_of(table, name)
    file, split = _file_column(table), split_column(table)
    speaker = next((name for name in table.columns if name.casefold() in SPEAKER_NAMES), None)
    taken = [file, split, columns.group, speaker]
    answer = columns.answer or (_text_column(table, answered) if kind == "texts" else _label_column(table, taken, answered))
    notes = [f"recordings are those of column '{file}'"] + ([f"{kind} are those of column '{answer}'"] if answer else [])
    if split:
        notes.append(f"splits are those of column '{split}'")
    elif speaker and not columns.group and answered:
        notes.append(f"a speaker may be in several splits; --group {speaker} keeps each in one")
    clips = _read(table, file)
    answers = _answers(table, answer, kind, answered)
    given = [SPLIT_VALUES[str(value).strip().casefold()] for value in table.columns[split]] if split else None
    groups = None
    if columns.group:
        groups = [as_label(value) or f"row {row} of {source}" for row, value in enumerate(table.columns[columns.group], 1)]
    sha256 = hashlib.sha256(f"{table.sha256} {_hash(clips)}".encode()).hexdigest()
    return SoundFile(source, sha256, clips, answers, answer or kind, given, groups, (*table.notes, *notes))


def _file_column(table: Table) -> str:
    """A column with a usual name, else the first one, whose values end as sound files do."""
    sounding = [name for name, values in table.columns.items() if values and all(is_sound(str(value).strip()) for value in values[:SAMPLE])]
    usual = [name for name in table.columns if name.casefold() in FILE_NAMES]
    if not sounding and not usual:
        raise UserError(
            f"{table.source} has no column of sound files",
            expected=f"a column such as 'file' with names ending in {' '.join(SOUND_ENDINGS)}",
            fix=f"columns: {', '.join(table.columns)}",
        )
    return next((name for name in usual if name in sounding), (sounding or usual)[0])


SOUND_ENDINGS = (".wav", ".flac")


def _text_column(table: Table, answered: bool) -> str | None:
    found = next((name for usual in TEXT_NAMES for name in table.columns if name.casefold() == usual), None)
    if found is None and answered:
        listed = ", ".join(table.columns)
        raise UserError(
            f"{table.source} has no column of transcripts", expected="a column 'text'", fix=f"name it with --text (columns: {listed})"
        )
    return found


def _label_column(table: Table, taken: list[str | None], answered: bool) -> str | None:
    return guess_target(table, taken) if answered else usual_target(table, taken)


def _answers(table: Table, column: str | None, kind: str, answered: bool) -> list[str]:
    if column is None:
        return [""] * len(table)
    values = table.columns[column]
    found = [as_label(value) if kind == "labels" else clean(as_text(value, table.source, column)) for value in values]
    if answered and not all(found):
        row = found.index("") + 1
        raise UserError(
            f"{table.source}: column '{column}' is empty in data row {row}",
            expected="a label in every row" if kind == "labels" else "a transcript in every row",
            fix="fill it in, or take the row out",
        )
    return found


def clean(text: str) -> str:
    """A transcript with single spaces between its words; | is taken for one, since tokenizers of CTC write it so."""
    return " ".join(text.replace("|", " ").split())


def _read(table: Table, column: str) -> list[Clip]:
    recordings, found = Recordings(Path(table.source).parent, table.source), []
    for row, value in enumerate(table.columns[column], 1):
        name = str(value or "").strip()
        if not name:
            raise UserError(
                f"{table.source}: column '{column}' is empty in data row {row}", expected="the name of a sound file in every row"
            )
        found.append(decode_sound(recordings.read(name, row), name, table.source))
    return found
