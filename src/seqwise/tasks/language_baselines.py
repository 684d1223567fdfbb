"""What any language model must beat: token frequencies, n-grams with modified Kneser-Ney smoothing, and the compressor xz.

They need no training steps. Tokens are those of the models' own tokenizer; every figure is in bits.
"""

import dataclasses
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json

SMALLEST_DICTIONARY = 4096
"""Bytes; the least that LZMA2 accepts."""


def _checked(tokens: Sequence[int] | np.ndarray, vocab_size: int) -> np.ndarray:
    tokens = np.asarray(tokens, np.int64)
    assert tokens.size == 0 or (tokens.min() >= 0 and tokens.max() < vocab_size), "a token that the vocabulary lacks"
    return tokens


class Unigram:
    """Has learned nothing but how frequent each token is: p(w) = (count + 1) / (tokens + V)."""

    def __init__(self, counts: np.ndarray):
        self.counts = counts
        self._probabilities = (counts + 1) / (counts.sum() + len(counts))

    @classmethod
    def fit(cls, tokens: np.ndarray, vocab_size: int, validation: np.ndarray) -> "Unigram":
        return cls(np.bincount(_checked(tokens, vocab_size), minlength=vocab_size))

    def bits(self, tokens: np.ndarray) -> np.ndarray:
        """-log2 p of each token (T,), float64."""
        return -np.log2(self._probabilities[_checked(tokens, len(self.counts))])

    def probabilities(self, context: Sequence[int]) -> np.ndarray:
        """Of every token (V,), float64; the context is not looked at."""
        return self._probabilities.copy()

    def parameters(self) -> int:
        return len(self.counts)

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({"counts": self.counts}, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> "Unigram":
        from safetensors.numpy import load_file

        return cls(load_file(folder / "model.safetensors")["counts"])


@dataclasses.dataclass(frozen=True)
class _Level:
    """One term of the interpolation, for n-grams of one length in C contexts.

    Args:
        keys: (G,), sorted: (id of the context) * V + last token. An n-gram's id is its place here, that of the empty context 0.
        own: (G + 1,), the discounted share of each n-gram in its context; 0 at the end, for the id -1 of an unseen n-gram.
        rest: (C + 1,), what the discounts leave to the shorter context; 1 at the end, for the id -1 of an unseen context.
    """

    keys: np.ndarray
    own: np.ndarray
    rest: np.ndarray

    @classmethod
    def estimate(cls, keys: np.ndarray, counts: np.ndarray, contexts: int, vocab_size: int) -> "_Level":
        context = keys // vocab_size
        taken = discounts(counts)[np.minimum(counts, 3)]
        total = np.bincount(context, counts, contexts)
        # the one n-gram at the very beginning of the text has nothing on its left: a count of 0, and maybe a total of 0
        own = np.divide(counts - taken, total[context], out=np.zeros(len(keys)), where=counts > 0)
        rest = np.divide(np.bincount(context, taken, contexts), total, out=np.ones(contexts), where=total > 0)
        return cls(keys, np.append(own, 0.0), np.append(rest, 1.0))

    def find(self, contexts: np.ndarray, tokens: np.ndarray, vocab_size: int) -> np.ndarray:
        """Ids of the n-grams, -1 for those never seen; an unseen context (-1) gives a negative key."""
        keys = contexts * vocab_size + tokens
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)


def discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken off counts of 0, 1, 2 and 3 or more (4,), as Chen and Goodman (1999) estimate it.

    Where a count does not occur, or the estimate is not above 0: 0.5, 1 and 1.5.
    """
    once, twice, thrice, four = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    if min(once, twice, thrice, four) > 0:
        share = once / (once + 2 * twice)
        found = np.array([0, 1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice])
        if (found[1:] > 0).all():
            return found
    return np.array([0, 0.5, 1, 1.5])


class NGram:
    """Interpolated n-grams with modified Kneser-Ney smoothing (Chen and Goodman 1999, Computer Speech & Language 13, 359-394).

    p(w | h) = (c(h w) - D) / c(h) + rest(h) p(w | h without its first token), down to the uniform distribution; c counts occurrences for
    the longest n-grams, and for shorter ones the different tokens on their left. The order is chosen on validation. Sampled or scored,
    the probabilities of all tokens add up to 1 in every context.
    """

    ORDERS = (2, 3, 4, 5)
    LETTER_ORDERS = (2, 3, 4, 5, 6, 7, 8)
    """For vocabularies of characters or bytes, of at most 512 entries."""

    def __init__(self, keys: Sequence[np.ndarray], counts: Sequence[np.ndarray], vocab_size: int):
        """Sorted keys (see :class:`_Level`) and counts of the n-grams of length 1, 2, ..."""
        self.keys, self.counts, self.vocab_size = list(keys), list(counts), vocab_size
        contexts = [1, *map(len, self.keys)]
        self._levels = [_Level.estimate(*pair, vocab_size) for pair in zip(self.keys, self.counts, contexts, strict=False)]

    @property
    def order(self) -> int:
        """The longest n-gram's length."""
        return len(self.keys)

    @classmethod
    def fit(cls, tokens: np.ndarray, vocab_size: int, validation: np.ndarray) -> "NGram":
        """Count n-grams of one running text (T,), T > 0; the order with the fewest bits on validation is kept."""
        tokens = _checked(tokens, vocab_size)
        assert len(tokens), "no tokens to count"
        wanted = cls.ORDERS if vocab_size > 512 else cls.LETTER_ORDERS
        longest = min(max(wanted), len(tokens))
        keys, times, left = _count(tokens, vocab_size, longest)
        orders = [order for order in wanted if order <= longest] or [longest]
        tried = (cls(keys[:order], [*left[: order - 1], times[order - 1]], vocab_size) for order in orders)
        return min(tried, key=lambda model: model.bits(validation).sum())

    def bits(self, tokens: np.ndarray) -> np.ndarray:
        """-log2 p of each token given those before it in the array, as many as the order allows; (T,), float64."""
        tokens = _checked(tokens, self.vocab_size)
        probability = np.full(len(tokens), 1 / self.vocab_size)
        contexts = np.zeros(len(tokens), np.int64)
        for level in self._levels:
            ids = level.find(contexts, tokens, self.vocab_size)
            probability = level.own[ids] + level.rest[contexts] * probability
            # the n-gram that ends before a token is its context among those one longer
            contexts = np.concatenate([[-1], ids])[:-1]
        return -np.log2(probability)

    def probabilities(self, context: Sequence[int]) -> np.ndarray:
        """Of every token (V,), float64, after a context of any length."""
        context = _checked(context, self.vocab_size)
        result = np.full(self.vocab_size, 1 / self.vocab_size)
        for length, level in enumerate(self._levels[: len(context) + 1]):
            id_ = self._id(context[len(context) - length :])
            if id_ < 0:
                break
            first, end = np.searchsorted(level.keys, [id_ * self.vocab_size, (id_ + 1) * self.vocab_size])
            result *= level.rest[id_]
            result[level.keys[first:end] - id_ * self.vocab_size] += level.own[first:end]
        return result

    def _id(self, gram: np.ndarray) -> int:
        """The id of one n-gram, -1 where it was never seen."""
        id_ = np.int64(0)
        for level, token in zip(self._levels, gram, strict=False):
            id_ = level.find(id_, token, self.vocab_size)
        return int(id_)

    def parameters(self) -> int:
        """Stored counts."""
        return sum(map(len, self.counts))

    def save(self, folder: Path) -> None:
        """Counts as safetensors, sizes as JSON."""
        from safetensors.numpy import save_file

        write_json(folder / "ngram.json", {"order": self.order, "vocab_size": self.vocab_size})
        tensors = {f"{name}.{n}": values for name in ("keys", "counts") for n, values in enumerate(getattr(self, name), 1)}
        save_file(tensors, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> "NGram":
        from safetensors.numpy import load_file

        sizes, tensors = read_json(folder / "ngram.json"), load_file(folder / "model.safetensors")
        keys, counts = ([tensors[f"{name}.{n}"] for n in range(1, sizes["order"] + 1)] for name in ("keys", "counts"))
        return cls(keys, counts, sizes["vocab_size"])


def _count(tokens: np.ndarray, vocab_size: int, longest: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Of the n-grams of each length: keys, how often they occur, and (but for the longest) how many different tokens stand before them."""
    keys, times, left = [], [], []
    # of the n-gram one shorter that begins at each token
    ids = np.zeros(len(tokens) + 1, np.int64)
    for length in range(1, longest + 1):
        found, first, new, counts = np.unique(
            ids[:-1] * vocab_size + tokens[length - 1 :], return_index=True, return_inverse=True, return_counts=True
        )
        if keys:
            left.append(np.bincount(ids[first + 1], minlength=len(keys[-1])).astype(np.int32))
        keys.append(found)
        times.append(counts.astype(np.int32))
        ids = new
    return keys, times, left


class Xz:
    """The compressor xz as a model of bytes: what the test text adds to the size of the compressed training text.

    Its dictionary holds all of the text; of the training text it keeps the last 16 MiB. The test text is compressed as a whole, so that
    later parts of it profit from earlier ones. Nothing is learned that could be stored: a loaded one must be fitted again.
    """

    KEPT = 16 * 2**20
    PRESET = 6

    def __init__(self, train: bytes | None = None):
        self.train = train
        self._size = None if train is None else _compressed(train)

    @classmethod
    def fit(cls, train: bytes) -> "Xz":
        return cls(train[-cls.KEPT :])

    def bits(self, blocks: Sequence[bytes]) -> np.ndarray:
        """Of each block (U,), float64: the whole is what xz says, divided in proportion to the sizes of the blocks compressed alone.

        Raises :class:`UserError` after :meth:`load`.
        """
        if self.train is None:
            raise UserError("xz keeps no text when it is saved", fix="fit it again on the training text")
        added = _compressed(self.train + b"".join(blocks)) - self._size
        alone = np.array([_compressed(block) for block in blocks], np.float64)
        return 8 * max(added, 0) * alone / max(alone.sum(), 1)

    def parameters(self) -> int:
        return 0

    def save(self, folder: Path) -> None:
        write_json(folder / "xz.json", {"name": "xz", "preset": self.PRESET})

    @classmethod
    def load(cls, folder: Path) -> "Xz":
        read_json(folder / "xz.json")
        return cls()


def _compressed(data: bytes) -> int:
    """Bytes that LZMA2 needs, without headers and end mark."""
    size = max(len(data), SMALLEST_DICTIONARY)
    return len(lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": Xz.PRESET, "dict_size": size}])) - 1
