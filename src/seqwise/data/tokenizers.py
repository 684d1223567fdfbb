"""Tokenizers trained on the user's own texts, as ordinary Hugging Face tokenizers."""

import collections
import dataclasses
import re
import statistics
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from seqwise.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]"]
MAX_CONTEXT = 512
MIN_VOCABULARY, MAX_VOCABULARY = 500, 8_000
MAX_LEARNED = 5_000_000
"""Characters that byte pairs are learned from: more take longer and change few of 8,000 entries."""
SHORT = 20
"""Characters up to which a text may be a name or a word."""
WORD = re.compile(r"\w+|[^\w\s]")
"""A run of letters and digits, or one other character."""
MAX_WORDS = 20_000
MOST_UNKNOWN = 0.25
"""Where more of the words of unseen texts are new than this, words are cut into pieces."""
SMALL_TEXT, FEW_CHARACTERS = 2_000_000, 256
"""Below so many characters, of so few kinds, a language model reads characters."""
EXACT_SIZES = ((3_000_000, 1_000), (30_000_000, 2_000), (100_000_000, 4_000), (float("inf"), 8_000))
"""Characters of a text, and the entries of byte-level BPE up to there: what small models learn most from in minutes, not in days."""
# Thai to Myanmar, Khmer, kana, CJK ideographs: scripts that put no space between words
UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclasses.dataclass(frozen=True)
class TokenizerPlan:
    """What a token is.

    Args:
        kind: "words", "bytes", "characters" or "bpe" (byte-level byte pair encoding, Sennrich et al. 2016, arXiv:1508.07909).
        vocab_size: the most entries it may have, [PAD] and [UNK] among them.
        lowercase: whether texts are put into lower case first.
        reason: why, for the user to read.
        exact: the text can be had back to the letter, which a language model needs.
    """

    kind: str
    vocab_size: int
    lowercase: bool
    reason: str
    exact: bool = False


def choose_tokenizer(texts: Sequence[str], requested: str = "auto") -> TokenizerPlan:
    """The unit that suits the texts, or the one that was requested: "words", "bytes", "characters", "bpe" or "bpe:SIZE".

    Raises :class:`UserError` for any other request.
    """
    name, sized, size = requested.partition(":")
    if requested == "bytes":
        return TokenizerPlan("bytes", len(SPECIAL) + 256, False, "bytes as requested")
    if requested == "characters":
        return _characters(texts, "characters as requested")
    if name == "words" and not size:
        return _words(_word_counts(texts), "words as requested")
    if name == "bpe":
        return _bpe(texts, _requested_size(size) if sized else None)
    if requested != "auto":
        raise UserError(
            f"unknown tokenizer '{requested}'", fix=did_you_mean(name, ["auto", "words", "bytes", "characters", "bpe", "bpe:SIZE"])
        )
    if _like_names(texts):
        return _characters(texts, f"characters: most texts are one word of at most {SHORT} characters")
    if _without_spaces(texts):
        return _characters(texts, "characters: the texts are in a script without spaces between words")
    known, other = _word_counts(texts[::2]), _word_counts(texts[1::2])
    if _unknown_share(known, other) <= MOST_UNKNOWN:
        return _words(known + other, "words")
    return _bpe(texts, None)


def choose_exact_tokenizer(text: str, requested: str = "auto") -> TokenizerPlan:
    """The unit of a language model, which keeps every character: "bytes", "characters", "bpe" or "bpe:SIZE".

    Raises :class:`UserError` for any other request.
    """
    name, sized, size = requested.partition(":")
    if requested == "bytes":
        return TokenizerPlan("bytes", len(SPECIAL) + 256, False, "bytes as requested", exact=True)
    if requested == "characters":
        return dataclasses.replace(_characters([text], "characters as requested"), exact=True)
    if name == "bpe" and sized:
        asked = _requested_size(size)
        return TokenizerPlan("bpe", asked, False, f"byte-level BPE of {asked} entries as requested", exact=True)
    if requested not in ("auto", "bpe"):
        raise UserError(f"a language model cannot use the tokenizer '{requested}'", expected="auto, bytes, characters, bpe or bpe:SIZE")
    if requested == "auto" and len(text) < SMALL_TEXT and len(set(text)) <= FEW_CHARACTERS:
        found = _characters([text], f"characters: {len(set(text))} different ones in a text of {len(text):,}")
        return dataclasses.replace(found, exact=True)
    entries = next(entries for longest, entries in EXACT_SIZES if len(text) < longest)
    return TokenizerPlan("bpe", entries, False, f"byte-level BPE of {entries:,} entries for {len(text):,} characters", exact=True)


def _requested_size(size: str) -> int:
    smallest = len(SPECIAL) + 256
    if not size.isdecimal() or int(size) < smallest:
        raise UserError(f"tokenizer 'bpe:{size}' has no valid size", expected=f"a whole number from {smallest}, as in bpe:2000")
    return int(size)


def _bpe(texts: Sequence[str], size: int | None) -> TokenizerPlan:
    if size is not None:
        return TokenizerPlan("bpe", size, True, f"byte-level BPE of {size} entries as requested, lower case")
    words = len({word for text in texts for word in re.findall(r"\w+", text.lower())})
    vocab_size = min(max(round(words / 200) * 100, MIN_VOCABULARY), MAX_VOCABULARY)
    return TokenizerPlan("bpe", vocab_size, True, f"byte-level BPE of {vocab_size} entries for {words} distinct words, lower case")


def _words(counts: collections.Counter[str], why: str) -> TokenizerPlan:
    known = min(sum(count >= 2 for count in counts.values()), MAX_WORDS)
    reason = f"{why}: the {known} most frequent of {len(counts)} that stand there at least twice, lower case"
    return TokenizerPlan("words", len(SPECIAL) + known, True, reason)


def _word_counts(texts: Iterable[str]) -> collections.Counter[str]:
    counts: collections.Counter[str] = collections.Counter()
    for text in texts:
        counts.update(WORD.findall(text.lower()))
    return counts


def _unknown_share(known: collections.Counter[str], other: collections.Counter[str]) -> float:
    """The share of the words of ``other`` that stand nowhere in ``known``."""
    return sum(count for word, count in other.items() if word not in known) / max(1, other.total())


def _characters(texts: Iterable[str], reason: str) -> TokenizerPlan:
    return TokenizerPlan("characters", len(SPECIAL) + len(_repeated_characters(texts)), False, reason)


def _repeated_characters(texts: Iterable[str]) -> list[str]:
    """Characters seen at least twice, the most frequent first."""
    counts: collections.Counter[str] = collections.Counter()
    for text in texts:
        counts.update(text)
    common = sorted((-count, character) for character, count in counts.items() if count >= 2)
    return [character for _, character in common[:MAX_VOCABULARY]]


def _like_names(texts: Sequence[str]) -> bool:
    if not texts:
        return False
    one_word = sum(len(text.split()) <= 1 for text in texts) / len(texts)
    return statistics.median(map(len, texts)) <= SHORT and one_word >= 0.5


def _without_spaces(texts: Iterable[str]) -> bool:
    letters = unspaced = 0
    for text in texts:
        letters += len(text) - text.count(" ")
        unspaced += len(UNSPACED.findall(text))
    return unspaced > 0.3 * letters


def train_tokenizer(plan: TokenizerPlan, texts: Sequence[str], max_length: int) -> "PreTrainedTokenizerFast":
    """Train on ``texts``; the same texts give the same tokenizer in every process.

    [PAD] is 0, [UNK] is 1; no token is added to a text, and a text that contains "[PAD]" is text. ``max_length`` is in tokens. Byte pairs
    are learned from at most 5 million characters, in texts evenly spaced.
    """
    from transformers import PreTrainedTokenizerFast

    build = {"bytes": _build_bytes, "characters": _build_characters, "bpe": _build_bpe, "words": _build_words}[plan.kind]
    return PreTrainedTokenizerFast(
        tokenizer_object=build(plan, texts),
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=max_length,
        padding_side="right",
        truncation_side="right",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
    )


def _build_bytes(plan: TokenizerPlan, texts: Sequence[str]) -> "Tokenizer":
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab=_numbered(alphabet), merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _build_characters(plan: TokenizerPlan, texts: Sequence[str]) -> "Tokenizer":
    from tokenizers import Tokenizer, decoders, models

    characters = _repeated_characters(texts)[: plan.vocab_size - len(SPECIAL)]
    tokenizer = Tokenizer(models.BPE(vocab=_numbered(sorted(characters)), merges=[], unk_token="[UNK]"))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _build_bpe(plan: TokenizerPlan, texts: Sequence[str]) -> "Tokenizer":
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    if plan.lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    # the first word of a text is the same token as that word anywhere else, but for exact texts
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=not plan.exact)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=plan.vocab_size,
        min_frequency=2,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    spacing = -(-sum(map(len, texts)) // MAX_LEARNED) or 1
    tokenizer.train_from_iterator(texts[::spacing], trainer)
    return tokenizer


def _build_words(plan: TokenizerPlan, texts: Sequence[str]) -> "Tokenizer":
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    counts = _word_counts(texts)
    common = sorted((-count, word) for word, count in counts.items() if count >= 2)[: plan.vocab_size - len(SPECIAL)]
    tokenizer = Tokenizer(models.WordLevel(vocab=_numbered([word for _, word in common]), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD.pattern), "removed", invert=True)
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _numbered(entries: list[str]) -> dict[str, int]:
    return {entry: number for number, entry in enumerate(SPECIAL + entries)}


def choose_context(lengths: Sequence[int]) -> int:
    """The longest text in tokens, at most 512."""
    return min(max(lengths), MAX_CONTEXT)
