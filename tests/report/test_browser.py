"""The page in a real browser: nothing sticks out on a phone, nothing fails, nothing is fetched."""

import importlib.util
import os
import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from seqwise.comparison.page import render_report
from seqwise.report.document import Column, Document, Section, Table
from seqwise.report.html import render

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium to open a page")

_spec = importlib.util.spec_from_file_location("report_fixtures", Path(__file__).with_name("fixtures.py"))
fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fixtures)

MEASURE = """
const frame = document.getElementById("frame");
frame.onload = () => {
  const page = frame.contentDocument;
  for (const details of page.querySelectorAll("details")) details.open = true;
  const elements = [...page.querySelectorAll("body *")].filter((e) => !e.closest(".scroll"));
  const drawings = [...page.querySelectorAll("#answer .drawing")];
  const found = {
    width: page.documentElement.scrollWidth,
    rightmost: Math.ceil(Math.max(...elements.map((e) => e.getBoundingClientRect().right))),
    cells: Math.ceil(Math.max(0, ...[...page.querySelectorAll("td")].map((e) => e.getBoundingClientRect().right))),
    shown: drawings.filter((e) => e.getBoundingClientRect().width > 0).length,
    sorters: page.querySelectorAll("th button").length,
    fetched: frame.contentWindow.performance.getEntriesByType("resource").length,
  };
  document.body.dataset.found = Object.entries(found).map(([key, value]) => `${key}=${value}`).join(" ");
};
frame.srcdoc = document.currentScript.dataset.page;
"""


def open_page(page: str, width: int, folder: Path) -> tuple[dict[str, int], str]:
    """What the browser measures in a frame of this width, and what it writes to its log."""
    wrapper = folder / "wrapper.html"
    frame = f'<iframe id="frame" style="border:0;width:{width}px;height:800px"></iframe>'
    script = f'<script data-page="{escape(page)}">{MEASURE}</script>'
    wrapper.write_text(f"<!doctype html><body>{frame}{script}", encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
    ]
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run([CHROMIUM, *options, wrapper.as_uri()], capture_output=True, text=True, timeout=60, env=environment, check=True)
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return {key: int(value) for key, value in (pair.split("=") for pair in found[1].split())}, done.stderr


def test_a_page_that_breaks_the_rules_is_noticed(tmp_path):
    page = '<!doctype html><body><div style="width:900px">wide</div><script>missing()</script>'
    found, log = open_page(page, 390, tmp_path)
    assert found["rightmost"] > 390
    assert "CONSOLE" in log


@pytest.mark.parametrize(("variant", "width"), [("complete", 390), ("many classes", 390), ("complete", 1280)])
def test_page_fits_its_width(variant, width, tmp_path):
    found, log = open_page(render_report(fixtures.VARIANTS[variant]()), width, tmp_path)
    assert found["width"] <= width
    assert found["rightmost"] <= width
    assert found["shown"] == 1
    assert found["sorters"] > 10
    assert found["fetched"] == 0
    assert "CONSOLE" not in log


def test_tables_of_sentences_stand_row_under_row_on_a_phone(tmp_path):
    columns = (Column("claim", wide=True), Column("verdict", wide=True))
    rows = (("a statement that is as long as statements are, and longer than a phone is wide", "undecided: too little was tried"),) * 3
    for stacked in (True, False):
        page = render(Document("t", "s", (Section("a", "A", "", (Table(columns, rows, stacked=stacked),)),), ""))
        found, _ = open_page(page, 390, tmp_path)
        assert (found["cells"] <= 390) == stacked
