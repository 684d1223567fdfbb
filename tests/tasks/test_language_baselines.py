"""Probabilities add up to 1 and are those of a plain implementation; a saved baseline says the same."""

import collections
import gzip
import lzma
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.tasks.language_baselines import NGram, Unigram, Xz, discounts

VOCABULARY = 6
SHOWN = 5
"""Tokens up to which training text goes: token 5 is never seen."""
tokens = st.lists(st.integers(0, SHOWN - 1), min_size=1, max_size=120).map(lambda found: np.array(found, np.int32))
contexts = st.lists(st.integers(0, VOCABULARY - 1), max_size=8)


class PlainKneserNey:
    """Interpolated modified Kneser-Ney of one order, with dictionaries, as it stands in the paper."""

    def __init__(self, text, vocab_size, order):
        self.vocab_size = vocab_size
        grams = {n: [tuple(text[i : i + n]) for i in range(len(text) - n + 1)] for n in range(1, order + 1)}
        self.counts = {n: collections.Counter(gram[1:] for gram in set(grams[n + 1])) for n in range(1, order)}
        self.counts[order] = collections.Counter(grams[order])
        self.discounts = {n: self._discounts(list(counts.values())) for n, counts in self.counts.items()}

    @staticmethod
    def _discounts(counts):
        n1, n2, n3, n4 = (counts.count(k) for k in (1, 2, 3, 4))
        if n1 and n2 and n3 and n4:
            y = n1 / (n1 + 2 * n2)
            found = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
            if min(found) > 0:
                return found
        return [0.5, 1, 1.5]

    def probability(self, context, token):
        if len(context) >= max(self.counts):
            context = context[len(context) - max(self.counts) + 1 :]
        lower = self.probability(context[1:], token) if context else 1 / self.vocab_size
        order = len(context) + 1
        following = {gram[-1]: count for gram, count in self.counts[order].items() if gram[:-1] == tuple(context)}
        if not following:
            return lower
        taken = {word: self.discounts[order][min(count, 3) - 1] for word, count in following.items()}
        own = following[token] - taken[token] if token in following else 0
        return (own + sum(taken.values()) * lower) / sum(following.values())


def fitted(order, text):
    class OneOrder(NGram):
        LETTER_ORDERS = (order,)

    return OneOrder.fit(text, VOCABULARY, text)


@settings(max_examples=150, deadline=None)
@given(tokens, st.integers(1, 5), contexts)
def test_n_grams_are_those_of_a_plain_implementation(text, order, unseen):
    model = fitted(order, text)
    plain = PlainKneserNey(text.tolist(), VOCABULARY, min(order, len(text)))
    test = [*text.tolist()[:20], *unseen]
    expected = [-math.log2(plain.probability(test[:place], token)) for place, token in enumerate(test)]
    np.testing.assert_allclose(model.bits(np.array(test, np.int32)), expected, rtol=1e-9)


@settings(max_examples=150, deadline=None)
@given(tokens, st.integers(1, 5), contexts)
def test_probabilities_add_up_to_one_and_are_those_of_the_bits(text, order, context):
    for model in (fitted(order, text), Unigram.fit(text, VOCABULARY, text)):
        for before in (context, [*text.tolist(), *context], text.tolist()):
            found = model.probabilities(before)
            assert found.shape == (VOCABULARY,)
            assert (found > 0).all()
            assert found.sum() == pytest.approx(1, abs=1e-12)
            bits = [model.bits(np.array([*before, token]))[-1] for token in range(VOCABULARY)]
            np.testing.assert_allclose(found, np.exp2(-np.array(bits)), rtol=1e-9)


def test_unseen_tokens_have_finite_bits():
    text = np.zeros(1000, np.int32)
    for model in (NGram.fit(text, 100, text), Unigram.fit(text, 100, text)):
        bits = model.bits(np.array([99, 0, 0, 99, 98]))
        assert np.isfinite(bits).all()
        assert bits[3] > 5 > bits[2]


def test_no_token_has_no_bits():
    text = np.array([0, 1, 0], np.int32)
    for model in (NGram.fit(text, 2, text[:0]), Unigram.fit(text, 2, text[:0])):
        assert model.bits(text[:0]).shape == (0,)


def test_a_token_outside_the_vocabulary_is_a_mistake_of_the_program():
    model = NGram.fit(np.array([0, 1, 0]), 2, np.array([0]))
    with pytest.raises(AssertionError, match="vocabulary lacks"):
        model.bits(np.array([2]))
    with pytest.raises(AssertionError, match="no tokens"):
        NGram.fit(np.array([], np.int32), 2, np.array([0]))


def source_of_order(order, length=20_000):
    """Each token is a function of the order - 1 tokens before it, but for a tenth that is drawn."""
    rng = np.random.default_rng(0)
    text = list(rng.integers(0, 4, order))
    for drawn, other in zip(rng.random(length) < 0.1, rng.integers(0, 4, length), strict=True):
        text.append(other if drawn else (text[-1] + text[1 - order] * 3 + 1) % 4)
    return np.array(text, np.int32)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_the_order_with_the_fewest_bits_on_validation_is_chosen(order):
    text = source_of_order(order)
    train, validation = text[:-4000], text[-4000:]
    model = NGram.fit(train, VOCABULARY, validation)
    alone = {other: fitted(other, train).bits(validation).mean() for other in NGram.LETTER_ORDERS}
    assert model.order == min(alone, key=alone.get) >= order
    # 0.925 of the tokens are as the rule says: the entropy of the source is 0.5 bits
    entropy = -0.925 * math.log2(0.925) - 0.075 * math.log2(0.025)
    assert model.bits(validation).mean() == alone[model.order] == pytest.approx(entropy, abs=0.05)
    assert all(bits > entropy + 0.5 for other, bits in alone.items() if other < order)


def test_discounts_follow_the_counts_of_counts():
    counts = np.repeat([1, 2, 3, 4, 9], [40, 20, 10, 5, 3])
    np.testing.assert_allclose(discounts(counts), [0, 0.5, 2 - 3 * 0.5 * 0.5, 3 - 4 * 0.5 * 0.5])
    np.testing.assert_array_equal(discounts(np.array([1, 1, 7])), [0, 0.5, 1, 1.5])
    np.testing.assert_array_equal(discounts(np.repeat([1, 2, 3, 4], [9, 1, 9, 1])), [0, 0.5, 1, 1.5])


def test_unigram_adds_one():
    model = Unigram.fit(np.array([0, 0, 2]), 4, np.array([]))
    np.testing.assert_allclose(model.probabilities([2, 1]), np.array([3, 1, 2, 1]) / 7)
    np.testing.assert_allclose(model.bits(np.array([0, 3])), -np.log2([3 / 7, 1 / 7]))
    assert model.parameters() == 4


@pytest.mark.parametrize("baseline", [NGram, Unigram])
def test_a_saved_baseline_says_the_same(tmp_path, baseline):
    text = np.random.default_rng(0).zipf(1.5, 5000).clip(max=50).astype(np.int32) - 1
    model = baseline.fit(text[:4000], 60, text[4000:])
    model.save(tmp_path / "model")
    again = baseline.load(tmp_path / "model")
    np.testing.assert_array_equal(again.bits(text), model.bits(text))
    np.testing.assert_array_equal(again.probabilities(text[:7]), model.probabilities(text[:7]))
    assert again.parameters() == model.parameters() > 0
    assert {path.suffix for path in (tmp_path / "model").iterdir()} <= {".json", ".safetensors"}


def test_parameters_are_the_stored_counts():
    text = np.array([0, 1, 0, 1, 2, 0], np.int32)
    distinct = [len({tuple(text[i : i + n]) for i in range(len(text) - n + 1)}) for n in (1, 2, 3)]
    assert fitted(3, text).parameters() == sum(distinct)


def size(data):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": max(len(data), 4096)}]
    return len(lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=filters))


@pytest.mark.parametrize("repeats", [1, 500])
def test_xz_says_what_the_test_adds_to_the_compressed_training_text(repeats):
    rng = np.random.default_rng(0)
    train = b"how the words repeat, and repeat " * repeats
    blocks = [b"how the words repeat", rng.bytes(300), b"", rng.bytes(600), b"and repeat " * 30]
    bits = Xz.fit(train).bits(blocks)
    assert bits.shape == (5,)
    # xz's own format stores sizes too, in as many bytes as they need, and fills up to 4
    assert bits.sum() == pytest.approx(8 * (size(train + b"".join(blocks)) - size(train)), abs=8 * 8)
    assert bits[2] == 0
    assert bits[3] == pytest.approx(2 * bits[1], rel=0.05)
    assert bits[1] > 2000 > bits[4]


def test_xz_profits_from_training_text_however_far_back():
    block = np.random.default_rng(0).bytes(2000)
    far = block + b"x" * 200_000
    assert Xz.fit(far).bits([block]).sum() < 0.1 * Xz.fit(b"x" * 1000).bits([block]).sum()


def test_xz_keeps_the_end_of_long_training_text(monkeypatch):
    monkeypatch.setattr(Xz, "KEPT", 100)
    assert Xz.fit(bytes(range(150))).train == bytes(range(50, 150))


def test_xz_without_text():
    np.testing.assert_array_equal(Xz.fit(b"abc").bits([b"", b""]), [0, 0])
    assert Xz.fit(b"").bits([]).shape == (0,)
    assert Xz.fit(b"").bits([b"abc"])[0] > 0


def test_a_saved_xz_must_be_fitted_again(tmp_path):
    model = Xz.fit(b"some text")
    model.save(tmp_path / "model")
    assert model.parameters() == 0
    again = Xz.load(tmp_path / "model")
    assert b"some text" not in b"".join(path.read_bytes() for path in (tmp_path / "model").iterdir())
    with pytest.raises(UserError, match=r"keeps no text when it is saved\n.*fit it again"):
        again.bits([b"x"])


def test_characters_of_tinyshakespeare(real_data):
    text = (real_data("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    alphabet, numbered = np.unique(list(text), return_inverse=True)
    train, test = numbered[:1_003_854], numbered[1_003_854:]
    model = NGram.fit(train, len(alphabet), test)
    assert model.order == 7
    assert 2.15 < model.bits(test).mean() < 2.25
    assert 4.7 < Unigram.fit(train, len(alphabet), test).bits(test).mean() < 4.9
    said = Xz.fit(text[:300_000].encode()).bits([text[300_000:350_000].encode()]).sum() / 50_000
    assert 2.2 < said < 3.2


def test_words_of_wikitext2(real_data):
    folder = real_data("wikitext2")
    words = [gzip.decompress((folder / f"{name}.txt.gz").read_bytes()).decode().split()[:200_000] for name in ("train", "valid")]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words[0] + words[1]))}
    train, test = (np.array([numbers[word] for word in part], np.int32) for part in words)
    model = NGram.fit(train, len(numbers), test[:100_000])
    bits = model.bits(test[100_000:]).mean()
    assert bits < Unigram.fit(train, len(numbers), test).bits(test[100_000:]).mean() - 1
    assert model.probabilities(test[:10]).sum() == pytest.approx(1, abs=1e-9)
