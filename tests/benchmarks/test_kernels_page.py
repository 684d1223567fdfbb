import pytest

from seqwise.core.files import read_json


@pytest.fixture(scope="module")
def page(benchmark):
    return benchmark("kernels_page")


def cell(**told):
    return {"layer": "LSTM", "batch": 1, "threads": 1, "ratio": 2.0, "share": {"ours": 0.5, "torch": 0.25}} | told


def record(page, *ratios):
    return {"details": {"cells": [cell(width=width, ratio=ratio) for width, ratio in zip(page.WIDTHS, ratios, strict=True)]}}


def test_what_is_slower_than_torch_stands_out(page):
    *_, row = page.grid(record(page, 2.0, 1.0, 0.5, 1.5)).splitlines()
    assert row == "| 1 | LSTM | 1 | 2.00 (50%, 25%) | 1.00 (50%, 25%) | **0.50** (50%, 25%) | 1.50 (50%, 25%) |"


def test_the_page_shows_the_records(page):
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.made(text, lambda name: read_json(page.RECORDS / f"{name}.json")) == text
