"""Small sound files made here: low and high tones, alone and in rows."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 8_000
TONES = {"low": 300.0, "high": 900.0}
LETTERS = {"a": 300.0, "b": 700.0, "c": 1500.0}


def tone(frequency: float, seconds: float, rng: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """(n,) with noise, its phase and loudness random."""
    time = np.arange(int(seconds * rate)) / rate
    return rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * frequency * time + rng.uniform(0, 6)) + 0.02 * rng.standard_normal(len(time))


def write_tones(folder: Path, count: int = 60, seed: int = 0, **columns) -> Path:
    """A manifest of low and high tones with its files in wavs.zip beside it."""
    rng, rows = np.random.default_rng(seed), []
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "wavs.zip", "w") as archive:
        for i in range(count):
            label = ("low", "high")[i % 2]
            soundfile.write(folder / "one.wav", tone(TONES[label], rng.uniform(0.1, 0.3), rng), RATE)
            archive.write(folder / "one.wav", f"wavs/{i}.wav")
            rows.append({"file": f"{i}.wav", "label": label} | {name: values[i] for name, values in columns.items()})
    (folder / "one.wav").unlink()
    return write_manifest(folder / "metadata.csv", rows)


def write_strings(folder: Path, count: int = 60, seed: int = 0) -> Path:
    """A manifest of two or three tones in a row each with their letters as the transcript."""
    rng, rows = np.random.default_rng(seed), []
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        letters = rng.choice(list(LETTERS), rng.integers(2, 4))
        parts = [part for letter in letters for part in (tone(LETTERS[letter], 0.15, rng), np.zeros(400))]
        soundfile.write(folder / f"{i}.flac", np.concatenate(parts), RATE)
        rows.append({"file": f"{i}.flac", "text": " ".join(letters)})
    return write_manifest(folder / "metadata.csv", rows)


def write_manifest(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
