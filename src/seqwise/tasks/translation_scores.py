"""BLEU, chrF and exact matches, from counts of each sentence that add up; BLEU is SacreBLEU's, case kept."""

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

ORDERS, CHARACTERS, BETA = 4, 6, 2
"""n-grams of words in BLEU; n-grams of characters in chrF, and how many times as much recall counts as precision."""
LOSS, TOKENS, EXACT = 0, 1, 2
"""Columns of the answers: nats of the reference, its tokens, 1 where the translation is the reference to the letter."""
BLEU = slice(3, 3 + 2 * ORDERS + 2)
"""n-grams that match and n-grams in all, for each n, then words of translation and of reference."""
CHRF = slice(BLEU.stop, BLEU.stop + 3 * CHARACTERS)
"""n-grams of characters of the translation, of the reference, and in both."""
WIDTH = CHRF.stop


WORDS, LETTERS = "13a", "char"
"""How SacreBLEU divides a text; letters where most references have too few words for BLEU, which then would always be 0."""


@functools.cache
def _bleu(kind: str = WORDS) -> Any:
    from sacrebleu.metrics import BLEU as SacreBLEU

    return SacreBLEU(tokenize=kind)


def tokenization(references: Sequence[str]) -> str:
    """Words, or letters where most references have fewer words than the longest n-gram: names, words, scripts without spaces."""
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    words = Tokenizer13a()
    return LETTERS if len(references) and np.median([len(words(text).split()) for text in references]) < ORDERS else WORDS


def signatures(kind: str) -> dict[str, str]:
    """What SacreBLEU prints, so that others may measure the same (Post 2018, arXiv:1804.08771)."""
    from sacrebleu.metrics import CHRF as SacreChrF

    found = {}
    for name, metric in (("bleu", _bleu(kind)), ("chrf", SacreChrF())):
        metric.corpus_score(["a"], [["a"]])
        found[name] = str(metric.get_signature())
    return found


def score_rows(translations: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """(U, W), one row of counts per sentence; loss and tokens are NaN."""
    rows, metric = np.full((len(references), WIDTH), np.nan), _bleu(tokenization(references))
    for row, said, meant in zip(rows, translations, references, strict=True):
        score = metric.corpus_score([said], [[meant]])
        row[EXACT] = said.strip() == meant.strip()
        row[BLEU] = [*score.counts, *score.totals, score.sys_len, score.ref_len]
        row[CHRF] = _character_counts(said, meant)
    return rows


def _character_counts(said: str, meant: str) -> list[int]:
    """Without spaces. n-grams longer than the reference count for nothing, as in SacreBLEU."""
    ours, theirs = "".join(said.split()), "".join(meant.split())
    found: list[list[int]] = [[], [], []]
    for n in range(1, CHARACTERS + 1):
        a, b = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (ours, theirs))
        for counts, value in zip(found, (a.total() if b else 0, b.total(), (a & b).total()), strict=True):
            counts.append(value)
    return found[0] + found[1] + found[2]


def counted_in(rows: np.ndarray) -> str:
    """By which tokenization rows (U, W) were counted: of letters a reference has as many as characters."""
    return LETTERS if rows[:, BLEU][:, -1].sum() == rows[:, CHRF][:, CHARACTERS].sum() else WORDS


def bleu(counts: np.ndarray) -> float:
    """Corpus BLEU, 0 to 100 (Papineni et al. 2002), of counts (U, 10)."""
    total = counts.sum(0).astype(int).tolist()
    matched, every, (said, meant) = total[:ORDERS], total[ORDERS : 2 * ORDERS], total[2 * ORDERS :]
    return float(_bleu().compute_bleu(matched, every, said, meant, smooth_method="exp").score)


def chrf(counts: np.ndarray) -> float:
    """Corpus chrF2, 0 to 100 (Popovic 2015), of counts (U, 18)."""
    said, meant, both = counts.sum(0).reshape(3, CHARACTERS)
    known = (said > 0) & (meant > 0)
    if not known.any():
        return 0.0
    precision, recall = (both[known] / said[known]).mean(), (both[known] / meant[known]).mean()
    if precision + recall == 0:
        return 0.0
    return float(100 * (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall))


def bleu_by_sentence(counts: np.ndarray) -> np.ndarray:
    """(U,), what each sentence has to do with corpus BLEU; the mean is corpus BLEU.

    BLEU is a smooth function of sums over sentences. To first order sentence i moves it by its influence, U times the gradient times the
    sentence's own counts (the infinitesimal jackknife, Jaeckel 1972), so that variances and intervals of means hold for it.
    """
    value, total = bleu(counts), counts.sum(0)
    influence = np.zeros(len(counts))
    for n in range(ORDERS):
        matched, every = total[n], total[ORDERS + n]
        if every > 0:  # without a match the precision is smoothed, and only its denominator moves
            share = counts[:, n] / matched if matched else 1 / len(counts)
            influence += (share - counts[:, ORDERS + n] / every) / ORDERS
    said, meant = total[-2:]
    if 0 < said < meant:  # the brevity penalty, exp(1 - meant / said)
        influence += meant / said * (counts[:, -2] / said - counts[:, -1] / meant)
    return value + value * len(counts) * influence
