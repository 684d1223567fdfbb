"""The page of claims shows its record."""

import pytest

from seqwise.core.files import read_json


@pytest.fixture(scope="module")
def page(benchmark):
    return benchmark("claims_page")


def test_the_page_shows_the_record(page):
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.made(text, read_json(page.RECORD)) == text


def test_every_claim_and_every_disagreement_stands_there(page):
    text, result = page.PAGE.read_text(encoding="utf-8"), read_json(page.RECORD)
    assert all(claim["summary"] in text for claim in result["claims"])
    found = result["agreement"]
    assert found["of"] - found["agreeing"] == len(found["disagreements"])
    assert all(row["quantity"] in text for row in found["disagreements"])
