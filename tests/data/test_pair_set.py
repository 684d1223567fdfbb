"""Encoded pairs: nothing is lost but what is cut, and batches hold what was encoded."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.pair_set import IGNORED, PairSet, choose_pair_tokenizer, collate_pairs, encode_pairs, pair_tokenizer
from seqwise.data.tokenizers import TokenizerPlan
from tiny import word_pairs

SOURCES, TARGETS = word_pairs(60)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def tokenizer():
    return pair_tokenizer(TokenizerPlan("bpe", 300, False, "", exact=True), SOURCES, TARGETS, 64)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_what_goes_in_comes_out(tokenizer, pairs):
    """Byte-level tokens keep every character; a text that says [EOS] is text."""
    sources, targets = [[*texts, "[EOS] [PAD]"] for texts in zip(*pairs, strict=True)]
    found, cut = encode_pairs(tokenizer, sources, targets, 1000)
    edges = found.target_offsets
    rows = [found.target[edges[i] : edges[i + 1]].tolist() for i in range(len(found))]
    assert (found.source[found.source_offsets[1:] - 1] == tokenizer.eos_token_id).all()
    assert all(row[-1] == tokenizer.eos_token_id and tokenizer.eos_token_id not in row[:-1] for row in rows)
    assert found.decoded(rows) == targets == found.references
    assert cut == (0.0, 0.0)


def test_special_tokens(tokenizer):
    found, _ = encode_pairs(tokenizer, SOURCES, TARGETS, 64)
    assert found.special.tolist() == [0, tokenizer.convert_tokens_to_ids("[BOS]"), tokenizer.convert_tokens_to_ids("[EOS]")]
    assert max(found.special) == len(tokenizer) - 1


def test_what_is_too_long_is_cut_and_counted(tokenizer):
    found, cut = encode_pairs(tokenizer, ["red dog now", "r"], ["r", "rot Hund jetzt gut"], 2)
    whole, _ = encode_pairs(tokenizer, ["red dog now", "r"], ["r", "rot Hund jetzt gut"], 50)
    assert found.lengths.tolist() == [2, 2]
    assert cut.examples == 1.0  # the source of one, the target of the other
    assert cut.tokens == pytest.approx(1 - found.lengths.sum() / whole.lengths.sum())
    assert (found.source[found.source_offsets[1:] - 1] == found.special[2]).all()
    last = found.target[found.target_offsets[1:] - 1]
    assert (last[0] == found.special[2], last[1] == found.special[2]) == (True, False)
    assert found.references == ["r", "rot Hund jetzt gut"]


def test_batches_hold_what_was_encoded(tokenizer):
    pairs, _ = encode_pairs(tokenizer, SOURCES, TARGETS, 64)
    indices = np.array([5, 0, 59])
    batch = collate_pairs(pairs, indices)
    assert batch["input_ids"].dtype == batch["labels"].dtype == torch.int64
    for row, i in enumerate(indices):
        source = batch["input_ids"][row][batch["attention_mask"][row] == 1].numpy()
        target = batch["labels"][row][batch["labels"][row] != IGNORED].numpy()
        np.testing.assert_array_equal(source, pairs.source[pairs.source_offsets[i] : pairs.source_offsets[i + 1]])
        np.testing.assert_array_equal(target, pairs.target[pairs.target_offsets[i] : pairs.target_offsets[i + 1]])
    assert (batch["input_ids"][batch["attention_mask"] == 0] == 0).all()


def test_saved_and_loaded_and_in_part(tokenizer, tmp_path):
    pairs, _ = encode_pairs(tokenizer, SOURCES, TARGETS, 64)
    pairs.save(tmp_path / "pairs.safetensors")
    loaded = PairSet.load(tmp_path / "pairs.safetensors")
    assert loaded.references == TARGETS
    small, large = loaded.part(0.1, 0), loaded.part(0.5, 0)
    assert (len(small), len(large)) == (6, 30)
    assert set(small.references) <= set(large.references)
    np.testing.assert_array_equal(small.truth[:, 1], small.target_lengths)
    (tmp_path / "pairs.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="is not a file of encoded pairs"):
        PairSet.load(tmp_path / "pairs.safetensors")


def test_tokens_of_both_sides():
    assert choose_pair_tokenizer(["1. Mai"] * 9, ["2020-05-01"] * 9).kind == "characters"
    assert (
        choose_pair_tokenizer(
            ["a sentence that is longer than a date is"] * 9, ["so is this, which means the same in other words"] * 9
        ).kind
        == "bpe"
    )
    assert choose_pair_tokenizer(SOURCES, TARGETS, "bpe").vocab_size == 500
    assert choose_pair_tokenizer(SOURCES, TARGETS, "bpe:700").vocab_size == 700
    assert choose_pair_tokenizer(SOURCES, TARGETS, "bytes").kind == "bytes"
    with pytest.raises(UserError, match="words cannot be put together"):
        choose_pair_tokenizer(SOURCES, TARGETS, "words")
