"""Baselines of translation: what they learn, and that what is saved answers the same."""

import pytest

from seqwise.tasks import TASKS
from seqwise.tasks.translation_baselines import Copy, Dictionary, MostFrequent, ibm_model_1
from tiny import WORDS, word_pairs

SOURCES, TARGETS = word_pairs(300)


def test_the_dictionary_finds_the_words_whatever_their_order():
    assert Dictionary.fit(SOURCES, TARGETS).known == WORDS


def test_ibm_model_1_does_what_its_equation_says():
    """Two rounds on the example of the house and the book, done by hand with the word for none."""
    sources, targets = [["das", "Haus"], ["das", "Buch"], ["ein", "Buch"]], [["the", "house"], ["the", "book"], ["a", "book"]]
    vocabulary = ["the", "house", "book", "a"]
    likely = {(f, e): 1.0 for e in ("", "das", "Haus", "Buch", "ein") for f in vocabulary}
    for _ in range(2):
        counts = dict.fromkeys(likely, 0.0)
        for read, written in zip(sources, targets, strict=True):
            for f in written:
                whole = sum(likely[f, e] for e in ("", *read))
                for e in ("", *read):
                    counts[f, e] += likely[f, e] / whole
        likely = {(f, e): counts[f, e] / sum(counts[g, e] for g in vocabulary) for f, e in counts}
    by_hand = {e: max(vocabulary, key=lambda f, e=e: likely[f, e]) for e in ("das", "Haus", "Buch", "ein")}
    assert ibm_model_1(sources, targets, rounds=2) == by_hand == {"das": "the", "Haus": "house", "Buch": "book", "ein": "a"}


def test_unknown_words_stay_and_marks_stand_where_they_should():
    assert Dictionary({"red": "rot", "dog": "Hund"}).translate(["Red dog, Rex!", ""]) == ["rot Hund, Rex!", ""]


def test_the_others():
    assert MostFrequent.fit(["a", "b", "c"], ["x", "y", "x"]).translate(["d", "e"]) == ["x", "x"]
    assert Copy.fit(["a"], ["b"]).translate(["c", "d"]) == ["c", "d"]


@pytest.mark.parametrize("name", list(TASKS["translation"].baselines))
def test_saved_and_loaded_they_translate_the_same(name, tmp_path):
    model = TASKS["translation"].baselines[name].fit(SOURCES, TARGETS)
    model.save(tmp_path)
    assert type(model).load(tmp_path).translate(SOURCES[:20]) == model.translate(SOURCES[:20])
