"""Running text as a stream: every token predicted once, windows without padding, bytes that add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.streams import (
    PackedFeed,
    TokenStream,
    bits_to_units,
    check_exact,
    chunks,
    encode_text,
    position_edges,
    scoring_windows,
    spread_pieces,
)
from seqwise.data.tokenizers import choose_exact_tokenizer, choose_tokenizer, train_tokenizer

TEXT = "In the beginning, there was a test.\n\nIt passed — mostly; “quotes” and 日本語 too.\n" * 40


def stream_of(count: int, context: int, width: int = 3) -> TokenStream:
    ids = np.arange(count, dtype=np.int32)
    return TokenStream(ids, np.arange(count, dtype=np.int64) * width, np.zeros(count, np.float32), np.array([count * width, context]))


@given(st.integers(2, 300), st.integers(1, 40))
def test_every_token_but_the_first_is_predicted_once_from_half_a_window_or_from_the_start(count, context):
    scored = np.zeros(count, int)
    for window in scoring_windows(count, context):
        assert 0 < window.stop - window.start <= context
        places = window.targets[-window.scored :]
        scored[places] += 1
        assert window.start == 0 or places[0] - window.start > context // 2 or window.stop == count - 1
    assert scored[0] == 0
    assert (scored[1:] == 1).all()


@given(st.integers(2, 300), st.integers(1, 40))
def test_side_by_side_every_token_but_the_first_is_predicted_once_by_its_only_window(count, context):
    windows = list(scoring_windows(count, context, overlap=False))
    np.testing.assert_array_equal(np.concatenate([window.targets for window in windows]), np.arange(1, count))
    assert all(window.scored == window.stop - window.start for window in windows)
    assert all(window.stop - window.start == context for window in windows[:-1])


@given(st.integers(1, 5000))
def test_position_ranges_cover_the_window_without_gaps(context):
    edges = position_edges(context)
    assert (edges[0], edges[-1]) == (0, context)
    assert (np.diff(edges) > 0).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(40, 400), st.integers(2, 30), st.integers(1, 7), st.integers(0, 99))
def test_an_epoch_takes_every_window_once_and_targets_follow_inputs(count, context, batch, seed):
    stream = stream_of(count, context)
    if count <= context:
        return
    feed = PackedFeed(stream, batch_size=batch, seed=seed)
    inputs, targets = map(np.concatenate, zip(*(feed.windows(step) for step in range(feed.per_epoch)), strict=True))
    np.testing.assert_array_equal(targets, inputs + 1)
    assert inputs.shape == (len(stream.lengths), context)
    assert inputs.size - len(np.unique(inputs)) < context, "more than the last window of an epoch overlaps another"
    assert targets.max() < count
    again = PackedFeed(stream, batch_size=batch, seed=seed).windows(3)
    np.testing.assert_array_equal(again[0], feed.windows(3)[0])


def test_epochs_are_shifted_and_shuffled():
    feed = PackedFeed(stream_of(1000, 16), batch_size=8, seed=0)
    starts = [np.concatenate([feed.starts(epoch * feed.per_epoch + step) for step in range(feed.per_epoch)]) for epoch in range(3)]
    exact = PackedFeed(stream_of(16 * 60 + 1, 16), batch_size=60, seed=0)
    assert len({exact.starts(epoch)[exact.starts(epoch) % 16 != 0][:1].tobytes() for epoch in range(8)}) > 4, "whole windows do not move"
    assert not np.array_equal(np.sort(starts[0]), starts[0])


def test_a_text_without_one_window_is_a_user_error():
    with pytest.raises(UserError, match="a training window 17"):
        PackedFeed(stream_of(16, 16), batch_size=1, seed=0)


@pytest.mark.parametrize("kind", ["bytes", "characters", "bpe:400"])
def test_encoding_keeps_the_text_to_the_letter_and_knows_its_bytes(kind):
    tokenizer = train_tokenizer(choose_exact_tokenizer(TEXT, kind), list(chunks(TEXT)), 32)
    stream = encode_text(tokenizer, TEXT, 32)
    assert tokenizer.decode(stream.ids, clean_up_tokenization_spaces=False) == TEXT
    assert stream.bytes == len(TEXT.encode())
    assert stream.starts[0] == 0
    assert (np.diff(stream.starts) >= 0).all()
    assert stream.starts[-1] < stream.bytes
    assert not stream.extra.any()
    assert stream.truth[:, 0].sum() == pytest.approx(stream.bytes)
    assert stream.truth[:, 1].sum() == len(stream)


def test_an_unknown_character_is_spelled_out_at_eight_bits_a_byte():
    tokenizer = train_tokenizer(choose_exact_tokenizer("abab" * 20, "characters"), ["abab" * 20], 8)
    stream = encode_text(tokenizer, "abé日a", 8)
    assert stream.extra.tolist() == [0, 0, 16, 24, 0]
    assert stream.bytes == 8


def test_units_are_blocks_of_equal_size_that_hold_all_bits():
    stream = stream_of(3000, 16, width=7)
    bits = np.random.default_rng(0).random(3000)
    found = bits_to_units(stream, bits)
    assert len(found) == stream.units == 10
    assert found.sum() == pytest.approx(bits.sum())
    assert np.ptp(np.bincount(stream.unit_of)) <= 1


@given(st.integers(200, 2000), st.floats(0.02, 1), st.integers(2, 30), st.integers(0, 99))
def test_a_share_is_made_of_stretches_from_all_over_the_text(count, share, context, seed):
    stream = stream_of(count, context, width=3)
    wanted = round(share * count)
    if wanted <= context + 1:
        with pytest.raises(UserError, match="more than one window"):
            stream.part(share, seed)
        return
    part = stream.part(share, seed)
    assert wanted - 16 < len(part) <= wanted
    assert part.bytes == 3 * len(part)
    np.testing.assert_array_equal(part.starts, 3 * np.arange(len(part)))
    breaks = np.flatnonzero(np.diff(part.ids) != 1)
    assert len(breaks) < 16
    assert len(np.unique(part.ids)) == len(part)
    assert share > 0.9 or part.ids[-1] - part.ids[0] >= 0.4 * count or wanted < 2 * (context + 1)


def test_another_seed_gives_another_share():
    stream = stream_of(2000, 16)
    assert not np.array_equal(stream.part(0.3, 0).ids, stream.part(0.3, 1).ids)
    np.testing.assert_array_equal(stream.part(0.3, 1).ids, stream.part(0.3, 1).ids)


def test_it_comes_back_from_disk_and_a_damaged_file_is_said(tmp_path):
    stream = stream_of(100, 8)
    stream.save(tmp_path / "a.safetensors")
    back = TokenStream.load(tmp_path / "a.safetensors")
    for name in ("ids", "starts", "extra", "size"):
        np.testing.assert_array_equal(getattr(back, name), getattr(stream, name))
    (tmp_path / "a.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="not a file of encoded text"):
        TokenStream.load(tmp_path / "a.safetensors")


@given(st.text(max_size=400), st.integers(1, 50))
def test_pieces_are_evenly_spaced_and_chunks_make_up_the_text(text, size):
    assert "".join(chunks(text)) == text
    assert len(spread_pieces(text, size * 16)) <= max(size * 16, 0)


def test_chunks_of_a_long_text_end_with_lines():
    text = ("x" * 99 + "\n") * 3000
    found = list(chunks(text))
    assert len(found) > 3
    assert "".join(found) == text
    assert all(chunk.endswith("\n") for chunk in found)


@pytest.mark.parametrize(("asked", "kind"), [("auto", "characters"), ("bytes", "bytes"), ("bpe", "bpe"), ("bpe:600", "bpe")])
def test_the_unit_of_a_language_model_loses_nothing(asked, kind):
    plan = choose_exact_tokenizer(TEXT, asked)
    assert (plan.kind, plan.lowercase, plan.exact) == (kind, False, True)


def test_words_are_refused_for_a_language_model():
    with pytest.raises(UserError, match="cannot use the tokenizer 'words'"):
        choose_exact_tokenizer(TEXT, "words")


def test_a_tokenizer_that_drops_case_or_space_is_refused():
    exact = train_tokenizer(choose_exact_tokenizer(TEXT, "bpe:400"), [TEXT], 32)
    check_exact(exact, TEXT, "ours")
    lossy = train_tokenizer(choose_tokenizer([TEXT], "words"), [TEXT], 32)
    with pytest.raises(UserError, match="the other does not keep the text"):
        check_exact(lossy, TEXT, "the other")
