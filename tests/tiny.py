"""A small data set made here, and the settings of the small comparison on it."""

import csv
from pathlib import Path

import numpy as np

GOOD = ("good", "great", "fine", "lovely", "bright", "happy")
BAD = ("bad", "awful", "poor", "dull", "broken", "sad")
FILLER = ("the", "a", "film", "book", "day", "it", "was", "very", "and", "so", "but", "this", "one", "we", "saw")
FAMILIES = ("rnn", "lstm", "gru", "transformer")
REPLICATES, CONFIGURATIONS, STEPS = 3, 2, 24


def sentences(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of 4 to 16 words and their labels; one word in six of those that decide is of the other class."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        words = list(rng.choice(FILLER, rng.integers(2, 15)))
        for _ in range(2):
            source = (GOOD, BAD)[i % 2 if rng.random() < 5 / 6 else 1 - i % 2]
            words.insert(rng.integers(len(words) + 1), rng.choice(source))
        texts.append(" ".join(words))
        labels.append(("positive", "negative")[i % 2])
    return texts, labels


def write_csv(path: Path, texts: list[str], labels: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(zip(texts, labels, strict=True))
    return path
