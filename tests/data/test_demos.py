"""Data that every installation has."""

import collections

import pytest

from seqwise.data.demos import MAX_WORDS, SOURCES
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


def test_docstrings_are_a_corpus_and_do_not_change(table):
    corpus = load_corpus("demo:docstrings")
    assert (corpus.text_column, corpus.target_column, corpus.source) == ("text", "label", "demo:docstrings")
    assert list(corpus.texts) == table.columns["text"]
    assert list(corpus.labels) == table.columns["label"]
