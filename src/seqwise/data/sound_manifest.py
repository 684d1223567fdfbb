"""A manifest: a table with a column of sound files, which lie beside it or in a zip file beside it."""

import dataclasses
import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from seqwise.core.errors import UserError
from seqwise.data.columns import SPLIT_VALUES, column_of, guess_target, split_column, usual_target
from seqwise.data.readers import as_label, as_text
from seqwise.data.sound import Clip, Recordings, decode_sound, is_sound
from seqwise.data.tables import FORMATS, Table, read_table

FILE_NAMES = ("file", "path", "audio", "file_name", "filename", "audio_path", "wav", "clip", "recording")
TEXT_NAMES = ("text", "transcript", "transcription", "sentence", "words", "normalized_text")
SPEAKER_NAMES = ("speaker", "speaker_id", "client_id", "spk", "talker")
SAMPLE = 100
"""Rows that a guess looks at."""


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


def clips_hash(clips: Sequence[Clip], *words: str) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for clip in clips:
        digest.update(f"{clip.name} {clip.rate}".encode() + clip.samples.tobytes())
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class _Choice:
    """The columns in use and what is said about their choice."""

    file: str
    answer: str | None
    group: str | None
    split: str | None
    notes: tuple[str, ...]


def read_manifest(source: str, kind: str, columns: SoundColumns, answered: bool) -> SoundFile:
    """See :func:`~seqwise.data.sound_files.read_sounds`."""
    suffix = Path(source.removesuffix(".gz")).suffix.lower()
    if not source.startswith("hf:") and suffix not in FORMATS:
        known = f"a manifest ending in {' '.join(FORMATS)}, a folder of class folders, or a wav or flac file"
        raise UserError(f"{source} has no known kind of recordings (suffix '{suffix}')", expected=known)
    table = read_table(source)
    chosen = _choose(table, kind, columns, answered)
    clips = _read(table, chosen.file)
    return SoundFile(
        source=source,
        sha256=hashlib.sha256(f"{table.sha256} {clips_hash(clips)}".encode()).hexdigest(),
        clips=clips,
        answers=_answers(table, chosen.answer, kind, answered),
        column=chosen.answer or kind,
        given=[SPLIT_VALUES[str(value).strip().casefold()] for value in table.columns[chosen.split]] if chosen.split else None,
        groups=_groups(table, chosen.group) if chosen.group else None,
        notes=(*table.notes, *chosen.notes),
    )


def _choose(table: Table, kind: str, columns: SoundColumns, answered: bool) -> _Choice:
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
    return _Choice(file, answer, columns.group, split, tuple(notes))


def _groups(table: Table, name: str) -> list[str]:
    """A row without a group is its own."""
    return [as_label(value) or f"row {row} of {table.source}" for row, value in enumerate(table.columns[name], 1)]


def _file_column(table: Table) -> str:
    """A column with a usual name, else the first one, whose values end as sound files do."""
    sounding = [name for name, values in table.columns.items() if values and all(is_sound(str(value).strip()) for value in values[:SAMPLE])]
    usual = [name for name in table.columns if name.casefold() in FILE_NAMES]
    if not sounding and not usual:
        raise UserError(
            f"{table.source} has no column of sound files",
            expected="a column such as 'file' with names that end in .wav or .flac",
            fix=f"columns: {', '.join(table.columns)}",
        )
    return next((name for name in usual if name in sounding), (sounding or usual)[0])


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
    """A transcript with composed characters (NFC) and single spaces; | is taken for one, since tokenizers of CTC write it so."""
    return " ".join(unicodedata.normalize("NFC", text).replace("|", " ").split())


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
