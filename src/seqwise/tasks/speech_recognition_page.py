"""What only a report on recognition of speech has: what was said beside what was heard, and which words are taken for others."""

from collections.abc import Mapping
from typing import Any

from seqwise.report import numbers
from seqwise.report.document import Block, Cell, Column, Figure, Section, Style, Table
from seqwise.report.pictures import alignment, spectrograms
from seqwise.tasks.audio_classification_page import SCALE, first_open, nothing, pixels

Result = Mapping[str, Any]

NOTHING = "(nothing)"


def sections(result: Result, styles: Mapping[str, Style]) -> list[Section]:
    """Recordings with what was said and heard, and the most frequent errors of the best model.

    Args:
        result: a comparison's record; ``task_results`` holds ``first``, ``worst`` and ``confusions``, each of which may be missing.
        styles: of every model; nothing here is drawn per model.
    """
    found = result.get("task_results") or {}
    best = (result.get("best") or {}).get("name", "the best model")
    return [_heard(found, best), _worst(found, best), _confusions(found, best)]


def _heard(found: Mapping[str, Any], best: str) -> Section:
    title, rows = "What was said and what was heard", found.get("first")
    if not rows:
        return Section("heard", title, "", (nothing("The run kept the data out of the report (--no-samples)."),))
    blocks: list[Block] = [block for row in rows for block in (_picture(row), _words(row, named=False))]
    return Section("heard", title, f"The first test recordings, as {best} hears them. {SCALE} Orange: an error.", tuple(blocks))


def _worst(found: Mapping[str, Any], best: str) -> Section:
    if not found.get("worst"):
        return Section("worst", "The worst transcripts")
    figures = [_words(row) for row in found["worst"]]
    intro = f"The test recordings with the most errors per word of {best}; a transcript may itself be wrong."
    return Section("worst", "The worst transcripts", intro, first_open(figures, "transcripts"))


def _picture(row: Mapping[str, Any]) -> Figure:
    title = row["name"]
    spoken = f"Spectrogram of {row['name']}, {row['seconds']:.2f} seconds"
    return Figure(title, spectrograms(title, spoken, [(row["name"], row["seconds"], pixels(row))], row["rate"] / 2))


def _words(row: Mapping[str, Any], *, named: bool = True) -> Figure:
    said, heard = (" ".join(pair[place] for pair in row["words"] if pair[place]) or NOTHING for place in (0, 1))
    wrong = sum(a != b for a, b in row["words"])
    count = numbers.plural(wrong, "error") if wrong else "no error"
    title = f"{row['name']}: {count}" if named else numbers.capital(count)
    return Figure(title, alignment(title, f"Said: {said}. Heard: {heard}.", [tuple(pair) for pair in row["words"]]))


def _confusions(found: Mapping[str, Any], best: str) -> Section:
    rows = found.get("confusions")
    if not rows:
        return Section("confusions", "Which words are taken for others")
    columns = (Column("said", wide=True), Column("heard", wide=True), Column("times", "right"))
    body = tuple((row["said"] or NOTHING, row["heard"] or NOTHING, Cell(f"{row['count']:,}", row["count"])) for row in rows)
    intro = f"The most frequent errors of {best} on the test data."
    return Section("confusions", "Which words are taken for others", intro, (Table(columns, body),))
