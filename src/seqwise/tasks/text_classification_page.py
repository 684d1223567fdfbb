"""What only a report on text classification has: the classes, and real mistakes."""

from collections.abc import Mapping
from typing import Any

from seqwise.report import numbers
from seqwise.report.document import Block, Callout, Details, Paragraph, Quote, Section, Style
from seqwise.tasks.classification_page import classes

Result = Mapping[str, Any]

SHOWN_TEXTS = 12
LONGEST_TEXT = 600


def sections(result: Result, styles: Mapping[str, Style]) -> list[Section]:
    """The classes and the mistakes of the best model.

    Args:
        result: a comparison's record; ``task_results`` holds ``labels``, ``confusion`` (rows are the truth), ``per_class``,
            ``mistakes`` and ``disagreements``, each of which may be missing.
        styles: of every model; nothing here is drawn per model.
    """
    found = result.get("task_results") or {}
    best = (result.get("best") or {}).get("name", "the best model")
    return [classes(found, best), _mistakes(found, best)]


def _mistakes(found: Mapping[str, Any], best: str) -> Section:
    confident, split = found.get("mistakes"), found.get("disagreements")
    title = "Real mistakes"
    if not confident and not split:
        note = Callout(
            "note",
            "No samples",
            "No texts are shown",
            "The run kept the data out of the report (--no-samples), or there was no mistake to show.",
        )
        return Section("mistakes", title, "", (note,))
    blocks: list[Block] = []
    if confident:
        shown = [_mistake(row) for row in confident[:SHOWN_TEXTS]]
        blocks += [Paragraph(f"{best} was sure of these and wrong. Some may be mistakes in the data."), *_first_open(shown)]
    if split:
        blocks.append(
            Details(
                f"Where the models disagree ({min(len(split), SHOWN_TEXTS)} examples)",
                tuple(_disagreement(row) for row in split[:SHOWN_TEXTS]),
            )
        )
    return Section("mistakes", title, "", tuple(blocks))


def _first_open(quotes: list[Quote]) -> list[Block]:
    rest = [Details(f"{len(quotes) - 4} more", tuple(quotes[4:]))] if len(quotes) > 4 else []
    return [*quotes[:4], *rest]


def _mistake(row: Mapping[str, Any]) -> Quote:
    return Quote(
        _cut(row["text"]), (("true", row["truth"]), ("answered", row["predicted"]), ("sure", numbers.share(row.get("confidence"), 0)))
    )


def _disagreement(row: Mapping[str, Any]) -> Quote:
    return Quote(_cut(row["text"]), (("true", row["truth"]), *((name, answer) for name, answer in row["predictions"].items())))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + "…"
