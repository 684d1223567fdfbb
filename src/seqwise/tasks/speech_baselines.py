"""What a recogniser must beat: always the same transcript, or none."""

import collections
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from seqwise.core.files import read_json, write_json


class MostFrequent:
    """Always hears the most frequent transcript of training, the first among equals."""

    def __init__(self, text: str):
        self.text = text

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        return cls(collections.Counter(texts).most_common(1)[0][0])

    def predict(self, examples: Sequence[Any]) -> list[str]:
        return [self.text] * len(examples)

    def parameters(self) -> int:
        return 0

    def save(self, folder: Path) -> None:
        write_json(folder / "transcript.json", self.text)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(read_json(folder / "transcript.json"))


class Silent(MostFrequent):
    """Hears nothing: every word is an error."""

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        return cls("")
