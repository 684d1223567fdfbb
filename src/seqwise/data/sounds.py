"""Recordings with labels or transcripts from one source, or from separate ones for training, validation and test."""

import collections
import dataclasses
import functools
import hashlib

import numpy as np

from seqwise.core.config import fingerprint
from seqwise.core.errors import UserError
from seqwise.data.readers import MIN_EXAMPLES, check_classes, single_notes
from seqwise.data.sound_files import SoundColumns, SoundFile, read_sounds

LOWEST_RATE, HIGHEST_RATE = 2_000, 16_000
"""Samples per second: below the one mel filters lie between the lines of a spectrum, beyond the other speech says no more."""


@dataclasses.dataclass(frozen=True)
class SoundCorpus:
    """Recordings at one rate, numbered 0 to n-1 through all sources in the order train, validation, test.

    All of them are kept in memory: 230 MB for an hour at 16,000 Hz.

    Args:
        names: as their source calls them.
        waves: samples (n,) of each, float32.
        rate: samples per second of all: the most frequent one of the training part, within 2,000 to 16,000.
        answers: a label or a transcript each.
        groups: what must not be divided between splits, or None.
        given: per recording "train", "validation" or "test" where the user fixed it, else "".
        classes: sorted labels of the training part; of transcripts none.
        characters: of the transcripts of the training part, sorted.
    """

    names: tuple[str, ...]
    waves: tuple[np.ndarray, ...]
    rate: int
    answers: tuple[str, ...]
    groups: tuple[str, ...] | None
    given: tuple[str, ...]
    source: str
    sha256: str
    target_column: str
    classes: tuple[str, ...]
    characters: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.waves)

    @property
    def labels(self) -> tuple[str, ...]:
        """By which splits are stratified: transcripts are all of one kind."""
        return self.answers if self.classes else ("",) * len(self)

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """By which duplicates are found: the samples."""
        return tuple(hashlib.sha256(wave.tobytes()).hexdigest() for wave in self.waves)


def load_sounds(
    source: str,
    kind: str,
    *,
    validation: str | None = None,
    test: str | None = None,
    columns: SoundColumns | None = None,
    for_training: bool = True,
) -> SoundCorpus:
    """Read recordings and bring them to one rate.

    Args:
        source, kind: see :func:`~seqwise.data.sound_files.read_sounds`.
        validation, test: separate sources.
        for_training: demand what training needs: 10 recordings and, of labels, two classes.

    Raises :class:`UserError` as :func:`~seqwise.data.sound_files.read_sounds` does, for a ``split`` column beside separate sources,
    an unknown label, a single class or fewer than 10 recordings.
    """
    columns = columns or SoundColumns()
    main = read_sounds(source, kind, columns)
    parts = [(main, "")]
    for split, other in (("validation", validation), ("test", test)):
        if other is not None:
            if main.given is not None:
                raise UserError(f"{source} has splits of its own", fix=f"leave out --{split}, or that column")
            found = read_sounds(other, kind, columns, column=main.column if main.column != "folder" else None)
            if found.given is not None:
                raise UserError(f"{other} has splits of its own", expected="recordings of one split", fix="leave out that column")
            parts.append((found, split))
    return _corpus(str(source), kind, parts, columns, for_training)


def _corpus(source: str, kind: str, parts: list[tuple[SoundFile, str]], columns: SoundColumns, for_training: bool) -> SoundCorpus:
    files, alone = [file for file, _ in parts], len(parts) == 1
    given = [split for file, name in parts for split in file.given or [name or ("" if alone else "train")] * len(file.clips)]
    answers = tuple(answer for file in files for answer in file.answers)
    clips = [clip for file in files for clip in file.clips]
    pool = [i for i, split in enumerate(given) if split in ("", "train")]
    if for_training and len(pool) < MIN_EXAMPLES:
        raise UserError(f"{source} has {len(pool)} training recordings", expected=f"{MIN_EXAMPLES} or more (hundreds to learn anything)")
    counts = collections.Counter(answers[i] for i in pool) if kind == "labels" else collections.Counter()
    if for_training and kind == "labels":
        check_classes(counts, [(file.source, file.answers) for file in files], files[0].column, "data row", files[0].column != "folder")
    usual = collections.Counter(clips[i].rate for i in pool or range(len(clips))).most_common(1)[0][0]
    rate = min(max(usual, LOWEST_RATE), HIGHEST_RATE)
    return SoundCorpus(
        names=tuple(clip.name for clip in clips),
        waves=tuple(clip.at(rate) for clip in clips),
        rate=rate,
        answers=answers,
        groups=tuple(group for file in files for group in file.groups or ()) if files[0].groups else None,
        given=tuple(given),
        source=source,
        sha256=fingerprint([[file.sha256 for file in files], dataclasses.asdict(columns), kind], 64),
        target_column=files[0].column,
        classes=tuple(sorted(counts)),
        characters=tuple(sorted({character for i in pool for character in answers[i]})) if kind == "texts" else (),
        notes=(*files[0].notes, *sound_notes(clips, rate), *single_notes(counts)),
    )


def sound_notes(clips: list, rate: int) -> tuple[str, ...]:
    """What was done to the recordings before they could be compared."""
    notes = [f"{sum(clip.seconds for clip in clips) / 60:.1f} minutes of sound at {rate:,} Hz"]
    several = sum(clip.channels > 1 for clip in clips)
    if several:
        notes.append(f"{several} of {len(clips)} recordings have several channels, which were averaged")
    others = collections.Counter(clip.rate for clip in clips if clip.rate != rate)
    if others:
        listed = ", ".join(f"{count} of {other:,} Hz" for other, count in sorted(others.items()))
        notes.append(f"recordings resampled to {rate:,} Hz: {listed}")
    return tuple(notes)
