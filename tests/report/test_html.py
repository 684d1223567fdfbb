import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Style,
    Table,
)
from seqwise.report.html import render

HOSTILE = '</section><script>alert("x")</script><img src=x onerror=alert(1)>&amp;'
VOID = {"meta", "link", "br", "img", "path", "line", "rect", "circle"}


class Reader(HTMLParser):
    """Collects tags and text; fails where elements do not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, _attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, _attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def everything(text: str) -> Document:
    table = Table((Column(text), Column("n", "right")), ((text, Cell(text, 2.0, text, True)), (text, "1"), (text, "3")), text)
    blocks = (
        Paragraph(text),
        Paragraph(text, muted=True),
        Bullets((text,)),
        Code(text),
        Quote(text, ((text, text),)),
        Facts(((text, text),)),
        table,
        Figure(text, "<svg></svg>", text, ((text, Style(1, 2)),), table),
        Callout("warning", text, text, text),
        Row((Callout("good", text, text), Paragraph(text))),
        Details(text, (table,)),
    )
    return Document(text, text, (Section("answer", "", text, blocks), Section("more", text, text, blocks)), text)


def test_all_text_is_escaped():
    reader = read(render(everything(HOSTILE)))
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert "".join(reader.text).count('alert("x")') >= 30


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_any_text_leaves_the_page_well_formed(text):
    assert read(render(everything(text))).tags.count("section") == 2


def test_nothing_is_loaded_from_elsewhere():
    page = render(everything("plain"))
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert not re.search(r"url\(|@import|https?:", page)
    assert "default-src 'none'" in page


def test_numbers_keep_their_units_on_one_line():
    page = render(Document("t", "s", (Section("a", "A", "took 0.62 ms at 85.1 % of 3 models"),)))
    for written in ("0.62\u00a0ms", "85.1\u00a0%", "3 models"):
        assert written in page


def test_contents_come_after_the_answer():
    page = render(everything("x"))
    assert page.index('id="answer"') < page.index("<nav") < page.index('id="more"')


def test_cells_must_match_columns():
    table = Table((Column("a"),), (("1", "2"),))
    with pytest.raises(ValueError, match="zip"):
        render(Document("t", "s", (Section("a", "A", blocks=(table,)),)))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_are_readable(theme):
    """WCAG 2.2: 4.5 to 1 for text, 3 to 1 for graphics."""
    css = files("seqwise.report").joinpath("page.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for name in ("ink", "soft", "accent", "good", "warn"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
        assert _contrast(colours[name], colours["page"]) >= 4.5, name
    for index in range(8):
        assert _contrast(colours[f"s{index}"], colours["paper"]) >= 3.0, index


def test_a_stacked_table_names_every_cell_and_keeps_its_roles():
    columns = (Column("claim", wide=True), Column("verdict"))
    page = render(Document("t", "s", (Section("a", "A", "", (Table(columns, (("so & so", "open"),), stacked=True),)),), ""))
    assert '<table class="stacked" role="table">' in page
    assert '<td class="left wide" data-title="claim" role="cell">so &amp; so</td>' in page
    plain = render(Document("t", "s", (Section("a", "A", "", (Table(columns, (("so", "open"),)),)),), ""))
    body = plain.partition("</style>")[2]
    assert "data-title" not in body
    assert "stacked" not in body
