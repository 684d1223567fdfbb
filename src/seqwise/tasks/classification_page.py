"""What reports on every kind of classification have: which classes are confused."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.report import numbers
from seqwise.report.charts import MatrixCell, matrix_chart
from seqwise.report.document import Block, Cell, Column, Details, Figure, Paragraph, Section, Table

DRAWN_CLASSES = 24
SHOWN_PAIRS = 10
LONG_NAME = 20
"""Characters from which on the name of a class may take several lines."""


def classes(found: Mapping[str, Any], best: str) -> Section:
    labels, confusion = found.get("labels") or [], found.get("confusion") or []
    blocks: list[Block] = []
    if confusion:
        blocks += _confusion_blocks(labels, confusion)
    if found.get("per_class"):
        table = _per_class_table(found["per_class"])
        blocks.append(table if len(table.rows) <= 8 else Details("Precision, recall and F1 of every class", (table,)))
    intro = f"The answers of {best}, the model saved in best/, on the test data."
    return Section("classes", "Which classes are confused", intro, tuple(blocks))


def _confusion_blocks(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[Block]:
    pairs = _confused_pairs(labels, confusion)
    shown = _most_confused(confusion)
    title = "Confusion matrix"
    caption = "Rows are the true classes, columns the answers. Stronger colour: a larger share of the row. Blue is right, orange is wrong."
    if len(shown) < len(labels):
        caption += f" The {len(shown)} classes with the most mistakes of {len(labels)}."
    rows = [labels[i] for i in shown]
    cells = [[_confusion_cell(labels, confusion, i, j) for j in shown] for i in shown]
    spoken = "Most confused: " + "; ".join(f"{truth} taken for {answer}, {count} times" for truth, answer, count, _ in pairs[:5])
    svg = matrix_chart(title, spoken, rows, rows, cells, row_name="true class", column_name="answer")
    return [Figure(title, svg, caption), *_pair_blocks(pairs)]


def _most_confused(confusion: Sequence[Sequence[int]]) -> list[int]:
    """The classes to draw, in their order: all of them, or those with the most mistakes."""
    wrong = [sum(row) + sum(other[i] for other in confusion) - 2 * row[i] for i, row in enumerate(confusion)]
    return sorted(sorted(range(len(confusion)), key=lambda i: -wrong[i])[:DRAWN_CLASSES])


def _confusion_cell(labels: Sequence[str], confusion: Sequence[Sequence[int]], i: int, j: int) -> MatrixCell:
    count, total = confusion[i][j], sum(confusion[i]) or 1
    tip = f"{labels[i]} answered as {labels[j]}: {count:,} of {total:,} ({numbers.share(count / total)})"
    return MatrixCell(f"{count:,}" if count else "", count / total if i == j else -math.sqrt(count / total), tip)


def _confused_pairs(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[tuple[str, str, int, float]]:
    pairs = [
        (labels[i], labels[j], count, count / sum(row))
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(pairs, key=lambda pair: -pair[2])


def _pair_blocks(pairs: Sequence[tuple[str, str, int, float]]) -> list[Block]:
    if not pairs:
        return [Paragraph("No mistake was made.")]
    wide = max(len(name) for pair in pairs[:SHOWN_PAIRS] for name in pair[:2]) > LONG_NAME
    columns = (Column("true class", wide=wide), Column("taken for", wide=wide), Column("times", "right"), Column("share", "right"))
    rows = tuple(
        (truth, answer, Cell(f"{count:,}", count), Cell(numbers.share(part), part)) for truth, answer, count, part in pairs[:SHOWN_PAIRS]
    )
    return [Table(columns, rows, "The most frequent mistakes, and their share of the true class")]


def _per_class_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = (Column("class", wide=True), *(Column(title, "right") for title in ("precision", "recall", "F1", "test examples")))
    caption = "Precision: how often an answer of this class is right. Recall: how many of the class are found. F1: the balance of both."
    return Table(columns, tuple(_per_class_row(row) for row in rows), caption)


def _per_class_row(row: Mapping[str, Any]) -> tuple[str | Cell, ...]:
    scores = [Cell(numbers.share(row[key]), row[key]) for key in ("precision", "recall", "f1")]
    return (row["label"], *scores, Cell(numbers.whole(row["support"]), row["support"]))
