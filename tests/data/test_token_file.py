"""Tokens on disk: all of the text once, windows that are a function of seed and step, streams that go on where they stopped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.pretraining_tokenizer import train_pretraining_tokenizer
from seqwise.data.text_stream import Piece
from seqwise.data.token_file import TokenFile, TokenWindows, divided, write_tokens

TEXTS = ["one two three\nfour", "five [MASK] six", "seven eight nine ten " * 40]


@pytest.fixture(scope="module")
def tokenizer():
    return train_pretraining_tokenizer(TEXTS, 300, 64)


def pieces(texts=TEXTS):
    return [Piece(part, last=place == 0) for text in texts for place, part in ((1, text[: len(text) // 2]), (0, text[len(text) // 2 :]))]


def test_the_file_holds_every_document_and_its_end(tmp_path, tokenizer):
    found = write_tokens(pieces(), tokenizer, tmp_path / "a.tokens")
    ids = np.fromfile(tmp_path / "a.tokens", "<u2")
    ends = np.flatnonzero(ids == tokenizer.eos_token_id)
    parts = np.split(ids, ends + 1)
    assert [tokenizer.decode(part[:-1]) for part in parts[:-1]] == TEXTS
    assert tokenizer.mask_token_id not in ids
    assert len(parts[-1]) == 0
    assert (found.documents, found.bytes, len(found)) == (3, sum(map(len, TEXTS)), len(ids))
    np.testing.assert_array_equal(TokenFile.open(tmp_path / "a.tokens").tokens, ids)


def test_a_mask_takes_the_space_before_it_along(tokenizer):
    ids = tokenizer("one [MASK] three")["input_ids"]
    assert ids == tokenizer("one[MASK] three")["input_ids"]
    assert tokenizer.mask_token_id in ids


def test_text_that_looks_like_a_special_token_is_text(tokenizer):
    ids = tokenizer(TEXTS[1], add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert not set(ids) & {tokenizer.mask_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    assert tokenizer.decode(ids) == TEXTS[1]
    assert tokenizer(TEXTS[1], add_special_tokens=False)["input_ids"].count(tokenizer.mask_token_id) == 1


def test_the_hash_knows_the_text_and_its_divisions(tmp_path, tokenizer):
    hashes = [write_tokens(found, tokenizer, tmp_path / "a").sha256 for found in (pieces(), pieces(), pieces(TEXTS[::-1]), pieces()[:-1])]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_cut_file_is_damaged(tmp_path, tokenizer):
    path = tmp_path / "a.tokens"
    write_tokens(pieces(), tokenizer, path)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(UserError, match="is damaged"):
        TokenFile.open(path)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=350))
def test_validation_is_a_fiftieth_and_nothing_is_in_both(sizes):
    every = [Piece(f"{number},".rjust(size, "x"), last) for number, (size, last) in enumerate(sizes)]
    train, held = list(divided(every, "train")), list(divided(every, "validation"))
    assert sorted(piece.text for piece in train + held) == sorted(piece.text for piece in every)
    total, taken = sum(len(piece.text) for piece in every), sum(len(piece.text) for piece in held)
    assert total / 50 - 30 <= taken <= total / 50
    assert all(piece.last for piece in held)
    names = {piece.text for piece in held}
    for piece in train:
        place = next(number for number, one in enumerate(every) if one.text == piece.text)
        before_gap = place + 1 < len(every) and every[place + 1].text in names
        assert piece.last == (every[place].last or before_gap)


def numbered(path, count):
    np.arange(count, dtype="<u2").tofile(path)
    return TokenFile(path, count, count, 1, "", 2)


@given(st.integers(6, 400), st.integers(1, 5), st.integers(1, 7), st.integers(0, 9))
def test_windows_are_a_function_of_seed_and_step(tmp_path_factory, count, context, batch, seed):
    file = numbered(tmp_path_factory.mktemp("x") / "a", count)
    feed, again = (TokenWindows(file, context, batch, seed) for _ in range(2))
    order = list(range(2 * feed.per_epoch))
    found = [feed.windows(step) for step in order]
    for step in reversed(order):
        np.testing.assert_array_equal(again.windows(step)[0], found[step][0])
    for inputs, targets in found:
        np.testing.assert_array_equal(targets, inputs + 1)
    starts = np.concatenate([inputs[:, 0] for inputs, _ in found[: feed.per_epoch]])
    windows = (count - 1) // context
    assert len(starts) == (windows // batch * batch if windows >= batch else windows)
    assert len(set(starts)) >= len(starts) - 1  # the last window may lie over the one before


@given(st.integers(20, 300), st.integers(1, 5), st.integers(1, 4))
def test_streams_go_on_where_they_stopped(tmp_path_factory, count, context, batch):
    feed = TokenWindows(numbered(tmp_path_factory.mktemp("x") / "a", count), context, min(batch, (count - 1) // context), 0, stateful=True)
    for step in range(2 * feed.per_epoch - 1):
        now, following = feed.windows(step), feed.windows(step + 1)
        if feed.begins_anew(step + 1):
            np.testing.assert_array_equal(following[0], feed.windows(0)[0])
        else:
            np.testing.assert_array_equal(now[1][:, -1], following[0][:, 0])
    assert [step for step in range(2 * feed.per_epoch) if feed.begins_anew(step)] == [0, feed.per_epoch]


def test_too_little_text(tmp_path):
    with pytest.raises(UserError, match="more than one window of 10"):
        TokenWindows(numbered(tmp_path / "a", 10), 10, 1, 0)
    with pytest.raises(UserError, match="4 of them side by side"):
        TokenWindows(numbered(tmp_path / "a", 40), 10, 4, 0, stateful=True)
