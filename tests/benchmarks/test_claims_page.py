"""The page of claims shows its record."""

import pytest

from seqwise.core.files import read_json


@pytest.fixture(scope="module")
def page(benchmark):
    return benchmark("claims_page")


def test_the_page_shows_the_record(page):
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.made(text, read_json(page.RECORD)) == text


def test_a_disagreement_is_listed_with_what_stands_between(page):
    row = {"claim": "scaling", "quantity": "bits", "published": "a above b", "here": "1 and 2", "why": "small models"}
    table = page.agreement({"agreement": {"agreeing": 2, "of": 3, "ci95": [0.2, 0.94], "disagreements": [row]}})
    assert table.startswith("2 of 3 published orders of two models come out the same here (20% to 94%).")
    assert table.splitlines()[-1] == "| scaling | bits | a above b | 1 and 2 | small models |"
