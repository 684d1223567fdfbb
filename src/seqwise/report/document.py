"""What a report is made of: a document of sections of blocks. Nothing here knows HTML or a task."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Column:
    """A table column. Numbers go right, words left; ``wide`` text may wrap."""

    title: str
    align: Literal["left", "right"] = "left"
    wide: bool = False


@dataclass(frozen=True)
class Cell:
    """A table cell. ``sort`` orders the column where the shown text cannot; ``strong`` marks the best or chosen value."""

    text: str
    sort: float | None = None
    note: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Style:
    """How one series is told apart: by colour, by marker shape and by dash, so that no single one is needed.

    Args:
        colour: index into the palette, 0 to 7.
        marker: index into the marker shapes, 0 to 7.
        dash: an SVG ``stroke-dasharray``; empty for a solid line.
    """

    colour: int = 0
    marker: int = 0
    dash: str = ""


@dataclass(frozen=True)
class Paragraph:
    text: str
    muted: bool = False


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class Quote:
    """A text of the user's data with the facts about it."""

    text: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Facts:
    """Names and values, one below the other."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of strings or :class:`Cell`; every row has one cell per column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple["str | Cell", ...], ...]
    caption: str = ""
    sortable: bool = True
    stacked: bool = False
    """Of sentences rather than numbers: on a phone one row stands under the other, every cell under its title."""


@dataclass(frozen=True)
class Figure:
    """A drawing with its title, legend and, for those who cannot or would not look, its numbers as a table.

    Args:
        svg: an ``<svg>`` element made by :mod:`seqwise.report.charts`.
        legend: (label, style) pairs.
    """

    title: str
    svg: str
    caption: str = ""
    legend: tuple[tuple[str, Style], ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Callout:
    """A boxed statement: ``good`` and ``warning`` are also told apart by their label, not by colour alone."""

    kind: Literal["verdict", "good", "note", "warning"]
    label: str
    headline: str
    text: str = ""


@dataclass(frozen=True)
class Row:
    """Blocks side by side where the page is wide enough."""

    blocks: tuple["Block", ...]


@dataclass(frozen=True)
class Details:
    """Blocks that open on a click; printed open."""

    summary: str
    blocks: tuple["Block", ...]
    open: bool = False


Block = Paragraph | Bullets | Code | Quote | Facts | Table | Figure | Callout | Row | Details


@dataclass(frozen=True)
class Section:
    """``id`` is the anchor; an empty ``title`` leaves the section out of the contents."""

    id: str
    title: str
    intro: str = ""
    blocks: tuple[Block, ...] = field(default=())


@dataclass(frozen=True)
class Document:
    title: str
    subtitle: str
    sections: tuple[Section, ...]
    footer: str = ""
