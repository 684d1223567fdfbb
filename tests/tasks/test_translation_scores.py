"""Scores from counts of sentences are SacreBLEU's scores of the corpus, and what decides has their mean and their variance."""

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.tasks.translation_scores import (
    BLEU,
    CHRF,
    EXACT,
    bleu,
    bleu_by_sentence,
    chrf,
    counted_in,
    score_rows,
    signatures,
    tokenization,
)

WORDS = ["a", "the", "dog", "cat", "runs", "sees", "Big", "red,", "2020-05-01", "."]
SENTENCE = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
FULL = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(SENTENCE, FULL), min_size=1, max_size=8))
def test_sums_of_counts_give_sacrebleu(pairs):
    said, meant = map(list, zip(*pairs, strict=True))
    rows = score_rows(said, meant)
    expected = sacrebleu.corpus_bleu(said, [meant], tokenize=tokenization(meant)).score
    assert bleu(rows[:, BLEU]) == pytest.approx(expected, abs=1e-9)
    assert chrf(rows[:, CHRF]) == pytest.approx(sacrebleu.corpus_chrf(said, [meant]).score, abs=1e-9)
    assert rows[:, EXACT].tolist() == [a.strip() == b.strip() for a, b in pairs]
    assert bleu_by_sentence(rows[:, BLEU]).mean() == pytest.approx(bleu(rows[:, BLEU]), abs=1e-9)


def corpus(count: int, wrong: float, seed: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    meant = [list(rng.choice(WORDS, rng.integers(6, 14))) for _ in range(count)]
    said = [[str(rng.choice(WORDS)) if rng.random() < wrong else word for word in row if rng.random() > 0.05] for row in meant]
    return [" ".join(row) for row in said], [" ".join(row) for row in meant]


def test_influences_are_those_of_leaving_a_sentence_out():
    counts = score_rows(*corpus(200, 0.3, 0))[:, BLEU]
    whole, values = bleu(counts), bleu_by_sentence(counts)
    pseudo = np.array([200 * whole - 199 * bleu(np.delete(counts, i, 0)) for i in range(200)])
    assert np.corrcoef(pseudo, values)[0, 1] > 0.999
    np.testing.assert_allclose(pseudo.std(), values.std(), rtol=0.02)


def test_the_standard_error_is_that_of_the_bootstrap():
    ours, theirs = (score_rows(*corpus(300, wrong, 1))[:, BLEU] for wrong in (0.3, 0.35))
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, 300, 300) for _ in range(500)]
    spread = np.std([bleu(ours[rows]) - bleu(theirs[rows]) for rows in draws])
    by_sentence = (bleu_by_sentence(ours) - bleu_by_sentence(theirs)).std(ddof=1) / 300**0.5
    assert by_sentence == pytest.approx(spread, rel=0.12)


def test_nothing_right_is_zero_everywhere():
    rows = score_rows(["", "x y"], ["a dog", "the cat"])
    assert bleu_by_sentence(rows[:, BLEU]).tolist() == [0.0, 0.0]
    assert chrf(rows[:, CHRF]) == 0.0


def test_short_references_are_counted_by_letters():
    """Of words, BLEU would be 0 whatever is said: there are no four in a row."""
    references = ["Anna", "Peter", "São Paulo", "東京都庁"]
    rows = score_rows(references, references)
    assert (tokenization(references), counted_in(rows), bleu(rows[:, BLEU])) == ("char", "char", pytest.approx(100))
    assert "tok:char" in signatures("char")["bleu"]
    sentences = ["the old man and the sea", "a river runs through it all"]
    assert (tokenization(sentences), counted_in(score_rows(sentences, sentences))) == ("13a", "13a")
    assert "tok:13a" in signatures("13a")["bleu"]


def test_a_sentence_without_a_match_has_influence_too():
    rows = score_rows(["a b c d e f", "x y z u v w q"], ["a b k d e m", "x y r u p w q"])[:, BLEU]
    assert rows[:, 3].sum() == 0
    assert bleu_by_sentence(rows).std() > 0
    assert bleu_by_sentence(rows).mean() == pytest.approx(bleu(rows))
