"""The unit follows from the texts; a tokenizer is the same wherever it is trained or loaded."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.tokenizers import choose_context, choose_tokenizer, train_tokenizer

TEXTS = [f"Round {n % 7} of the game, word{n % 50} in place {n % 11}." for n in range(300)]
KINDS = ["words", "bytes", "characters", "bpe", "bpe:300"]


def trained(kind, texts=TEXTS, max_length=32):
    return train_tokenizer(choose_tokenizer(texts, kind), texts, max_length)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (TEXTS, "words"),
        (["Khoury", "Nahas", "De la Cruz", "O'Neill"], "characters"),
        (["今天天气很好我们去公园散步吧", "他昨天买了一本关于历史的新书 2 本"] * 3, "characters"),
        (["วันนี้อากาศดีมากเราไปเดินเล่นกันเถอะ"], "characters"),
        (["Сегодня хорошая погода, и мы идём гулять в парк"] * 4, "words"),
    ],
)
def test_auto(texts, kind):
    plan = choose_tokenizer(texts)
    assert plan.kind == kind
    assert plan.lowercase == (kind in ("bpe", "words"))
    assert kind in plan.reason.lower()


@pytest.mark.parametrize(("words", "size"), [(10, 500), (2000, 1000), (5080, 2500), (40_000, 8000)])
def test_vocabulary_follows_the_words(words, size):
    texts = [" ".join(f"w{n}" for n in range(start, min(start + 10, words))) for start in range(0, words, 10)]
    assert choose_tokenizer(texts, "bpe").vocab_size == size
    assert choose_tokenizer([text.upper() for text in texts] + texts, "bpe").vocab_size == size


def test_words_seen_once_are_unknown():
    texts = ["The dog, the cat", "the DOG barks"]
    tokenizer = trained("words", texts)
    assert tokenizer.tokenize("the dog, barks") == ["the", "dog", "[UNK]", "[UNK]"]
    assert choose_tokenizer(texts, "words").vocab_size == 4


def test_many_new_words_are_cut_into_pieces():
    new = [f"word{n} other{n} third{n} the end of it" for n in range(100)]
    assert choose_tokenizer(new).kind == "bpe"
    assert choose_tokenizer(["the end of it all " * 3 + text for text in new]).kind == "words"


@pytest.mark.parametrize("requested", ["word", "bpe:12", "bpe:many", "bytes:3"])
def test_unknown_requests(requested):
    with pytest.raises(UserError, match="tokenizer"):
        choose_tokenizer(TEXTS, requested)


@pytest.mark.parametrize("kind", KINDS)
def test_settings(kind):
    tokenizer = trained(kind)
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1)
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]
    assert len(tokenizer) <= choose_tokenizer(TEXTS, kind).vocab_size
    long = tokenizer(TEXTS[0] * 20, truncation=True)["input_ids"]
    assert len(long) == tokenizer.model_max_length == 32
    assert long == tokenizer(TEXTS[0] * 20, truncation=False, verbose=False)["input_ids"][:32]
    padded = tokenizer(["a", TEXTS[0]], padding=True, truncation=True)
    assert padded["attention_mask"][0][0] == 1
    assert padded["attention_mask"][0][-1] == padded["input_ids"][0][-1] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded(kind, tmp_path):
    from transformers import AutoTokenizer

    tokenizer = trained(kind)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    probes = [*TEXTS[:20], "", "[PAD] [UNK] Ünï 😀 \n\t  x", TEXTS[0] * 9]
    assert loaded(probes, truncation=True).data == tokenizer(probes, truncation=True).data
    assert loaded.model_max_length == 32
    assert loaded.model_input_names == ["input_ids", "attention_mask"]


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])) | st.just("[PAD] [UNK]"))
def test_bytes_lose_nothing(text):
    tokenizer = BYTES
    ids = tokenizer(text, verbose=False)["input_ids"]
    assert len(ids) == len(text.encode())
    assert tokenizer.decode(ids) == text
    assert not {0, 1} & set(ids)


BYTES = trained("bytes")


def test_characters_are_those_seen_twice():
    texts = ["aab", "abc", "d"]
    tokenizer = trained("characters", texts)
    assert sorted(tokenizer.get_vocab()) == ["[PAD]", "[UNK]", "a", "b"]
    ids = tokenizer("abcA")["input_ids"]
    assert ids[2:] == [1, 1]
    assert tokenizer.decode(ids[:2]) == "ab"


def test_bpe_is_lower_case_and_has_no_first_word():
    tokenizer = trained("bpe")
    first, second = tokenizer(["Game of the round", "the round of game"])["input_ids"]
    assert sorted(first) == sorted(second)


def test_every_process_learns_the_same(tmp_path):
    script = tmp_path / "learn.py"
    script.write_text(
        "import hashlib\n"
        "from seqwise.data.tokenizers import *\n"
        "texts = [''.join(chr(97 + (n * k) % 26) for k in range(1, 9)) + ' ' + chr(97 + n % 26) * 2 for n in range(400)]\n"
        "tokenizer = train_tokenizer(choose_tokenizer(texts, 'bpe'), texts, 32)\n"
        "print(hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest())\n"
    )
    found = set()
    for seed, threads in (("1", "1"), ("2", "2")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads, "PYTHONPATH": os.pathsep.join(sys.path)}
        found.add(subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


def test_context():
    assert choose_context([3, 70, 12]) == 70
    assert choose_context([3, 700]) == 512
