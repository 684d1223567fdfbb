"""Data that every installation has."""

import collections

import pytest

from seqwise.data.demos import MAX_WORDS, PAGE, SOURCES, docs, docstrings
from seqwise.data.readers import load_corpus
from seqwise.data.tables import read_table


@pytest.fixture(scope="module")
def table():
    return read_table("demo:docstrings")


def test_docstrings(table):
    counts = collections.Counter(table.columns["label"])
    assert set(counts) == set(SOURCES)
    assert 1500 <= len(table) <= 4000
    assert min(counts.values()) >= 50
    for text, label in zip(table.columns["text"], table.columns["label"], strict=True):
        assert label.lower() not in text.lower()
        assert 4 <= len(text.split()) <= MAX_WORDS


def test_pages_of_sources():
    table = read_table("demo:sources")
    assert set(table.columns["label"]) == set(SOURCES)
    assert 500 <= len(table) <= 3000
    assert {len(text) for text in table.columns["text"]} == {PAGE}
    for text, label in zip(table.columns["text"], table.columns["label"], strict=True):
        assert label.lower() not in text.lower()


def test_docstrings_are_a_corpus_and_do_not_change(table):
    corpus = load_corpus("demo:docstrings")
    assert (corpus.text_column, corpus.target_column, corpus.source) == ("text", "label", "demo:docstrings")
    assert list(corpus.texts) == table.columns["text"]
    assert list(corpus.labels) == table.columns["label"]


def test_what_has_learned_from_the_documentation_has_not_seen_the_labelled_strings():
    text = " ".join(" ".join(docs().columns["text"]).split())
    asked = [row for row in docstrings().columns["text"] if len(row) > 80 and "_" not in row]
    assert len(asked) > 300
    assert sum(row in text for row in asked) / len(asked) < 0.02
