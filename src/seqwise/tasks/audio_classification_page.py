"""What only a report on labelled recordings has: how recordings of each class look, and those that were taken for another."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.report import numbers
from seqwise.report.document import Block, Callout, Details, Figure, Paragraph, Section, Style
from seqwise.report.pictures import spectrograms
from seqwise.tasks.classification_page import classes

Result = Mapping[str, Any]

OPEN_FIGURES = 4
SCALE = "Time runs to the right, pitch upwards on the mel scale; the brighter, the louder."


def sections(result: Result, styles: Mapping[str, Style]) -> list[Section]:
    """The classes, recordings of each, and the mistakes of the best model.

    Args:
        result: a comparison's record; ``task_results`` holds ``labels``, ``confusion``, ``per_class``, ``examples`` and ``mistakes``,
            each of which may be missing.
        styles: of every model; nothing here is drawn per model.
    """
    found = result.get("task_results") or {}
    best = (result.get("best") or {}).get("name", "the best model")
    return [classes(found, best), _examples(found), _mistakes(found, best)]


def drawn(title: str, recordings: Sequence[Mapping[str, Any]], caption: str = "") -> Figure:
    """Recordings as ``spectrogram`` of the task describes them."""
    pictures = [(one["name"], one["seconds"], pixels(one)) for one in recordings]
    spoken = "Spectrograms of " + "; ".join(f"{one['name']}, {one['seconds']:.2f} seconds" for one in recordings)
    return Figure(title, spectrograms(title, spoken, pictures, recordings[0]["rate"] / 2), caption)


def pixels(recording: Mapping[str, Any]) -> list[bytes]:
    """Its rows, the highest band first."""
    levels, frames = base64.b64decode(recording["levels"]), recording["frames"]
    return [levels[band * frames : (band + 1) * frames] for band in reversed(range(recording["bands"]))]


def _examples(found: Mapping[str, Any]) -> Section:
    groups = [group for group in found.get("examples") or [] if group["recordings"]]
    title = "How the classes look"
    if not groups:
        return Section("recordings", title, "", (nothing("The run kept the data out of the report (--no-samples)."),))
    figures = [drawn(f"Class {group['label']}", group["recordings"], names(group["recordings"])) for group in groups]
    return Section("recordings", title, f"The first test recordings of each class. {SCALE}", first_open(figures, "classes"))


def _mistakes(found: Mapping[str, Any], best: str) -> Section:
    title, rows = "Real mistakes", found.get("mistakes")
    if not rows:
        return Section("mistakes", title, "", (nothing("The run kept the data out of the report, or there was no mistake to show."),))
    figures = [
        drawn(
            f"Class {row['truth']}, taken for {row['predicted']}",
            [row],
            f"{row['name']}. {best} was {numbers.share(row['confidence'], 0)} sure.",
        )
        for row in rows
    ]
    intro = f"{best} was sure of these and wrong. Some may be mistakes in the data."
    return Section("mistakes", title, "", (Paragraph(intro), *first_open(figures, "mistakes")))


def first_open(figures: Sequence[Figure], what: str) -> tuple[Block, ...]:
    """The first figures, and the others behind a click."""
    rest = figures[OPEN_FIGURES:]
    return (*figures[:OPEN_FIGURES], *([Details(f"{len(rest)} more {what}", tuple(rest))] if rest else []))


def names(recordings: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(one["name"] for one in recordings)


def nothing(why: str) -> Callout:
    return Callout("note", "No samples", "No recordings are shown", why)
