"""What only a report on translation has: translations side by side, and what the decoder reads of the source."""

from collections.abc import Mapping
from typing import Any

from seqwise.report import numbers
from seqwise.report.charts import MatrixCell, matrix_chart
from seqwise.report.document import Block, Callout, Facts, Figure, Quote, Section, Style

Result = Mapping[str, Any]


def sections(result: Result, styles: Mapping[str, Style]) -> list[Section]:
    """Translations of test sentences, alignments, and the signatures of the metrics.

    Args:
        result: a comparison's record; ``task_results`` holds ``examples``, ``alignments``, ``aligned_by`` and ``signatures``.
        styles: of every model; nothing here is drawn per model.
    """
    found = result.get("task_results") or {}
    return [_translations(found), _alignments(found), _signatures(found)]


def _translations(found: Mapping[str, Any]) -> Section:
    title, rows = "What the models write", found.get("examples")
    if not rows:
        why = "The run kept the data out of the report (--no-samples)."
        return Section("translations", title, "", (Callout("note", "No samples", "No translations are shown", why),))
    blocks = tuple(Quote(row["source"], (("reference", row["reference"]), *row["translations"].items())) for row in rows)
    return Section("translations", title, "Sentences of the test, evenly spaced, and what each model makes of them.", blocks)


def _alignments(found: Mapping[str, Any]) -> Section:
    title, rows = "What the decoder reads", found.get("alignments")
    if not rows:
        return Section("alignments", title)
    intro = (
        f"Each row is a token that {found['aligned_by']} writes; the stronger the colour, the more it then reads of that token of the"
        " source: the weights of its cross-attention, the mean over heads and blocks. Every row sums to 1. This describes; it explains no"
        " answer."
    )
    return Section("alignments", title, intro, tuple(_figure(row, place) for place, row in enumerate(rows, 1)))


def _figure(row: Mapping[str, Any], place: int) -> Figure:
    cells = [[_cell(row, i, j) for j in range(len(row["source"]))] for i in range(len(row["target"]))]
    title = f"Test sentence {place}: source across, translation down"
    strongest = [max(range(len(weights)), key=weights.__getitem__) for weights in row["weights"]]
    pairs = [f"{target} reads {row['source'][j]}" for target, j in zip(row["target"], strongest, strict=True)]
    svg = matrix_chart(title, numbers.listed(pairs), row["target"], row["source"], cells, row_name="translation", column_name="source")
    return Figure(title, svg)


def _cell(row: Mapping[str, Any], i: int, j: int) -> MatrixCell:
    weight = row["weights"][i][j]
    return MatrixCell("", weight**0.5, f"writing {row['target'][i]}, {weight:.0%} of what is read is {row['source'][j]}")


def _signatures(found: Mapping[str, Any]) -> Section:
    shown: tuple[Block, ...] = ()
    if found.get("signatures"):
        shown = (Facts(tuple((f"SacreBLEU signature of {name}", value) for name, value in found["signatures"].items())),)
    intro = (
        "BLEU and chrF of the whole test, as SacreBLEU computes them. BLEU is no mean over sentences: intervals and tests take each"
        " sentence's influence on it (infinitesimal jackknife); chrF has bootstrapped intervals."
    )
    return Section("metrics", "How translations are scored", intro if shown else "", shown)
