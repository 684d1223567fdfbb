"""Baselines that embarrass a translator: the most frequent target, a dictionary of single words, and the source itself."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from seqwise.core.files import read_json, write_json
from seqwise.data.tokenizers import WORD

MOST_PAIRS = 30_000
"""Pairs that a dictionary is learned from, evenly spaced where there are more."""
MOST_WORDS = 60
"""Words of a sentence that it is learned from."""
BEFORE_NO_SPACE = re.compile(r" ([.,;:!?%)\]}])")


class TextBaseline:
    """What baselines of translation share: they are kept as JSON, under ``what``."""

    what: ClassVar[str]

    def __init__(self, known: dict[str, str]):
        self.known = known

    @classmethod
    def fit(cls, sources: Sequence[str], targets: Sequence[str]) -> Self:
        raise NotImplementedError

    def translate(self, sources: Sequence[str]) -> list[str]:
        raise NotImplementedError

    def parameters(self) -> int:
        return len(self.known)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{self.what}.json", self.known)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(read_json(folder / f"{cls.what}.json"))


class MostFrequent(TextBaseline):
    """The target that stands most often in training, whatever the source."""

    what = "target"

    @classmethod
    def fit(cls, sources: Sequence[str], targets: Sequence[str]) -> Self:
        return cls({"target": Counter(targets).most_common(1)[0][0]})

    def translate(self, sources: Sequence[str]) -> list[str]:
        return [self.known["target"]] * len(sources)


class Copy(TextBaseline):
    """The source as it is."""

    what = "nothing"

    @classmethod
    def fit(cls, sources: Sequence[str], targets: Sequence[str]) -> Self:
        return cls({})

    def translate(self, sources: Sequence[str]) -> list[str]:
        return list(sources)


class Dictionary(TextBaseline):
    """Word by word, each by its likeliest translation under IBM model 1 (Brown et al. 1993), in the order of the source.

    Sources are read in lower case; a word that training has not seen stays as it is.
    """

    what = "dictionary"

    @classmethod
    def fit(cls, sources: Sequence[str], targets: Sequence[str]) -> Self:
        spacing = -(-len(sources) // MOST_PAIRS) or 1
        read = [WORD.findall(text.lower())[:MOST_WORDS] for text in sources[::spacing]]
        written = [WORD.findall(text)[:MOST_WORDS] for text in targets[::spacing]]
        return cls(ibm_model_1(read, written))

    def translate(self, sources: Sequence[str]) -> list[str]:
        found = []
        for source in sources:
            words = (self.known.get(word.lower(), word) for word in WORD.findall(source))
            found.append(BEFORE_NO_SPACE.sub(r"\1", " ".join(words)))
        return found


def ibm_model_1(sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]], rounds: int = 5) -> dict[str, str]:
    """The likeliest target word f of every source word e, by t(f | e) of Brown et al. 1993, fitted by expectation maximisation.

    Every target word comes from one source word of its sentence or from none: t(f | e) = count(f, e) / count(e), where each
    occurrence of f is divided among the words e of its sentence in proportion to t(f | e).
    """
    words = [list(dict.fromkeys(word for text in texts for word in text)) for texts in (sources, targets)]
    numbers = [{word: number for number, word in enumerate(found, first)} for found, first in zip(words, (1, 0), strict=True)]
    pairs, places = _occurrences(sources, targets, *numbers)
    kinds, kind = np.unique(pairs, return_inverse=True)
    source, target = np.divmod(kinds, len(words[1]))
    likely = np.ones(len(kinds))
    for _ in range(rounds):
        shares = likely[kind]
        shares /= np.bincount(places, shares)[places]
        likely = np.bincount(kind, shares)
        likely /= np.bincount(source, likely)[source]
    best: dict[str, str] = {}
    for number in np.lexsort((target, -likely, source)):
        if source[number]:
            best.setdefault(words[0][source[number] - 1], words[1][target[number]])
    return best


def _occurrences(
    sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]], source_numbers: dict[str, int], target_numbers: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Of every target word with every source word of its sentence, 0 standing for none: the pair's number, and the target's place."""
    pairs, places, first = [], [], 0
    for read, written in zip(sources, targets, strict=True):
        e = np.array([0, *(source_numbers[word] for word in read)], np.int64)
        f = np.array([target_numbers[word] for word in written], np.int64)
        pairs.append((e[:, None] * len(target_numbers) + f).ravel())
        places.append(np.broadcast_to(np.arange(first, first + len(f)), (len(e), len(f))).ravel())
        first += len(f)
    return np.concatenate(pairs), np.concatenate(places)
