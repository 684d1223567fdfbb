"""A document as one HTML file that needs nothing else: no network, no fonts, no scripts that must run."""

import html
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from seqwise.report.document import (
    Bullets,
    Callout,
    Cell,
    Code,
    Column,
    Details,
    Document,
    Facts,
    Figure,
    Paragraph,
    Quote,
    Row,
    Section,
    Table,
)
from seqwise.report.numbers import MISSING
from seqwise.report.svg import swatch

_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|min|h|B|kB|MB|GB|k|M|G|points|nats)(?!\w))")


def escape(text: str) -> str:
    """Text as markup, with its numbers and their units kept on one line."""
    return html.escape(_UNIT.sub("\u00a0", text))


def render(document: Document) -> str:
    """The whole page; sections without a title come first, before the contents. All text is escaped; only drawings are taken as markup."""
    resources = files("seqwise.report")
    style, script = (resources.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    answer, rest = (
        "\n".join(_section(section) for section in document.sections if bool(section.title) is titled) for titled in (False, True)
    )
    # The policy allows what stands in the file itself and nothing from elsewhere.
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{escape(document.title)}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{escape(document.title)}</h1><p class="subtitle">{escape(document.subtitle)}</p></header>
<main>
{answer}
{_contents(document)}
{rest}
</main>
<footer><p>{escape(document.footer)}</p></footer>
<script>{script}</script>
</body>
</html>
"""


def _contents(document: Document) -> str:
    links = "".join(f'<a href="#{escape(section.id)}">{escape(section.title)}</a>' for section in document.sections if section.title)
    return f'<nav aria-label="Contents">{links}</nav>'


def _section(section: Section) -> str:
    title = f"<h2>{escape(section.title)}</h2>" if section.title else ""
    intro = f'<p class="intro">{escape(section.intro)}</p>' if section.intro else ""
    return f'<section id="{escape(section.id)}">{title}{intro}{_blocks(section.blocks)}</section>'


def _blocks(blocks: tuple[Any, ...]) -> str:
    return "\n".join(_RENDERERS[type(block)](block) for block in blocks)


def _paragraph(block: Paragraph) -> str:
    return f"<p{' class=muted' if block.muted else ''}>{escape(block.text)}</p>"


def _bullets(block: Bullets) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>"


def _code(block: Code) -> str:
    return f'<pre tabindex="0"><code>{escape(block.text)}</code></pre>'


def _quote(block: Quote) -> str:
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in block.facts)
    return f'<figure class="quote"><blockquote>{escape(block.text)}</blockquote><dl>{facts}</dl></figure>'


def _facts(block: Facts) -> str:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in block.rows)
    return f'<dl class="facts">{rows}</dl>'


def _callout(block: Callout) -> str:
    text = f"<p>{escape(block.text)}</p>" if block.text else ""
    label, headline = escape(block.label), escape(block.headline)
    return f'<div class="callout {block.kind}"><p class="label">{label}</p><p class="headline">{headline}</p>{text}</div>'


def _table(block: Table) -> str:
    caption = f"<caption>{escape(block.caption)}</caption>" if block.caption else ""
    head = "".join(f'<th scope="col" class="{_classes(column)}">{escape(column.title)}</th>' for column in block.columns)
    rows = "".join(_table_row(block, row) for row in block.rows)
    kinds = {"sortable": block.sortable and len(block.rows) > 2, "stacked": block.stacked}
    kind = " ".join(name for name, holds in kinds.items() if holds)
    opened = "<table" + (f' class="{kind}"' if kind else "") + _role(block, "table")
    content = f"{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll" tabindex="0">{opened}>{content}</table></div>'


def _role(block: Table, role: str) -> str:
    """Said where the style takes it away."""
    return f' role="{role}"' if block.stacked else ""


def _table_row(block: Table, row: tuple[str | Cell, ...]) -> str:
    cells = [cell if type(cell) is Cell else Cell(str(cell)) for cell in row]
    content = "".join(_table_cell(block, column, cell) for column, cell in zip(block.columns, cells, strict=True))
    return f"<tr{_role(block, 'row')}>{content}</tr>"


def _table_cell(block: Table, column: Column, cell: Cell) -> str:
    sort = "" if cell.sort is None else f' data-sort="{cell.sort:.10g}"'
    title = f' data-title="{escape(column.title)}"' if block.stacked else ""
    missing = " missing" if cell.text == MISSING else ""
    content = f"<strong>{escape(cell.text)}</strong>" if cell.strong else escape(cell.text)
    note = f"<small>{escape(cell.note)}</small>" if cell.note else ""
    return f'<td class="{_classes(column)}{missing}"{title}{sort}{_role(block, "cell")}>{content}{note}</td>'


def _classes(column: Column) -> str:
    return column.align + (" wide" if column.wide else "")


def _figure(block: Figure) -> str:
    with_line = 'class="l ' in block.svg
    entries = "".join(f"<li>{swatch(style, with_line=with_line)}{escape(label)}</li>" for label, style in block.legend)
    legend = f'<ul class="legend">{entries}</ul>' if entries else ""
    caption = f'<p class="caption">{escape(block.caption)}</p>' if block.caption else ""
    numbers = f"<details><summary>The numbers as a table</summary>{_table(block.table)}</details>" if block.table else ""
    heading = f"<figcaption>{escape(block.title)}</figcaption>"
    return f'<figure class="chart">{heading}{legend}<div class="scroll" tabindex="0">{block.svg}</div>{caption}{numbers}</figure>'


def _row(block: Row) -> str:
    return f'<div class="row">{_blocks(block.blocks)}</div>'


def _details(block: Details) -> str:
    opened = " open" if block.open else ""
    return f"<details{opened}><summary>{escape(block.summary)}</summary>{_blocks(block.blocks)}</details>"


_RENDERERS: dict[type, Callable[[Any], str]] = {
    Paragraph: _paragraph,
    Bullets: _bullets,
    Code: _code,
    Quote: _quote,
    Callout: _callout,
    Facts: _facts,
    Table: _table,
    Figure: _figure,
    Row: _row,
    Details: _details,
}
