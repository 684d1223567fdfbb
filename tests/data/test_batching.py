"""Tokens on disk and in batches: each example once per epoch, every batch a function of its step, little padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.batching import Batches, SequenceSet, collate, encode, evaluation_batches, padding_share
from seqwise.data.readers import load_corpus
from seqwise.data.tokenizers import choose_tokenizer, train_tokenizer

some_lengths = st.lists(st.integers(1, 80), min_size=1, max_size=300).map(np.array)
examples = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=12), min_size=1, max_size=20)


@settings(max_examples=80, deadline=None)
@given(lengths=some_lengths, size=st.integers(1, 40), seed=st.integers(0, 99), epoch=st.integers(0, 3))
def test_every_example_once_per_epoch(lengths, size, seed, epoch):
    batches = Batches(lengths, size, seed)
    steps = range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch)
    drawn = [batches.batch(step) for step in steps]
    assert sorted(np.concatenate(drawn)) == list(range(len(lengths)))
    assert max(map(len, drawn)) <= size
    assert {batches.epoch(step) for step in steps} == {epoch}


@settings(max_examples=60, deadline=None)
@given(lengths=some_lengths, size=st.integers(1, 40), seed=st.integers(0, 99), steps=st.lists(st.integers(0, 500), min_size=1, max_size=6))
def test_a_batch_is_a_function_of_seed_and_step(lengths, size, seed, steps):
    visited = Batches(lengths, size, seed)
    for step in steps:
        np.testing.assert_array_equal(visited.batch(step), Batches(lengths, size, seed).batch(step))


def test_epochs_and_seeds_differ():
    lengths = np.arange(1, 101)
    batches = Batches(lengths, 10, 0)
    assert not np.array_equal(batches.batch(0), batches.batch(batches.per_epoch))
    assert not np.array_equal(batches.batch(0), Batches(lengths, 10, 1).batch(0))


def test_batches_of_different_lengths_are_mixed():
    lengths = np.arange(1, 1001)
    batches = Batches(lengths, 10, 0)
    means = [lengths[batches.batch(step)].mean() for step in range(batches.per_epoch)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3
    assert np.std(means) > 200


def test_no_examples():
    with pytest.raises(UserError, match="no batches"):
        Batches(np.array([], int), 4, 0)


@given(ids=examples)
def test_token_set_holds_what_it_was_given(ids):
    tokens = SequenceSet.from_lists(ids, range(len(ids)))
    assert (tokens.flat.dtype, tokens.offsets.dtype, tokens.labels.dtype) == (np.int32, np.int64, np.int64)
    assert tokens.lengths.tolist() == [len(example) for example in ids]
    assert [tokens.flat[start:stop].tolist() for start, stop in zip(tokens.offsets, tokens.offsets[1:], strict=False)] == ids


def test_saved_and_loaded(tmp_path):
    tokens = SequenceSet.from_lists([[1, 2], [3], [4, 5, 6]], [0, 1, 0])
    tokens.save(tmp_path / "tokens.safetensors")
    loaded = SequenceSet.load(tmp_path / "tokens.safetensors")
    for name in ("flat", "offsets", "labels", "lengths"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(tokens, name), strict=True)
    (tmp_path / "tokens.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"tokens\.safetensors"):
        SequenceSet.load(tmp_path / "tokens.safetensors")


@settings(deadline=None)
@given(ids=examples, data=st.data())
def test_collate(ids, data):
    import torch

    tokens = SequenceSet.from_lists(ids, range(len(ids)))
    chosen = data.draw(st.lists(st.integers(0, len(ids) - 1), min_size=1, max_size=8))
    batch = collate(tokens, np.array(chosen))
    width = max(len(ids[n]) for n in chosen)
    assert batch["input_ids"].tolist() == [ids[n] + [0] * (width - len(ids[n])) for n in chosen]
    assert batch["attention_mask"].tolist() == [[1] * len(ids[n]) + [0] * (width - len(ids[n])) for n in chosen]
    assert batch["labels"].tolist() == chosen
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


@given(lengths=some_lengths, limit=st.integers(1, 400))
def test_evaluation_batches(lengths, limit):
    batches = evaluation_batches(lengths, limit)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert np.all(np.diff(lengths[np.concatenate(batches)]) >= 0)
    for batch, following in zip(batches, [*batches[1:], None], strict=True):
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= limit
        if following is not None:
            assert (len(batch) + 1) * lengths[following[0]] > limit


def test_encode_cuts_and_says_so():
    texts = ["abcdef", "abc", "", "abcdefghij"]
    tokenizer = train_tokenizer(choose_tokenizer(texts, "bytes"), texts, 5)
    tokens, cut = encode(tokenizer, texts, [0, 1, 0, 1], 5)
    assert tokens.lengths.tolist() == [5, 3, 1, 5]
    assert tokens.flat[8] == tokenizer.unk_token_id
    assert cut == (2 / 4, 6 / 20)
    assert tokenizer.decode(tokens.flat[9:]) == "abcde"
    empty, none_cut = encode(tokenizer, [], [], 5)
    assert len(empty) == 0
    assert none_cut == (0.0, 0.0)


def test_padding_share_counts_positions():
    assert padding_share(np.array([1, 3]), Batches(np.array([1, 3]), 2, 0)) == pytest.approx(2 / 6)
    assert padding_share(np.array([4, 4]), Batches(np.array([4, 4]), 2, 0)) == 0


@pytest.mark.parametrize(
    ("name", "file", "count"), [("trec", "train.csv", None), ("sst2", "train.parquet", None), ("newsgroups20", "train.parquet", 3000)]
)
@pytest.mark.parametrize("size", [16, 32, 64])
def test_little_padding_on_real_texts(real_data, name, file, count, size):
    lengths = real_lengths(real_data(name) / file, count)
    assert padding_share(lengths, Batches(lengths, size, 0)) < 0.1


CACHE = {}


def real_lengths(path, count):
    if path not in CACHE:
        texts = load_corpus(str(path)).texts[::4][:count] if count else load_corpus(str(path)).texts
        tokenizer = train_tokenizer(choose_tokenizer(texts), texts[:1000], 512)
        CACHE[path] = encode(tokenizer, [text[:4000] for text in texts], [0] * len(texts), 512)[0].lengths
    return CACHE[path]
