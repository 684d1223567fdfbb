"""Spoken digits (Free Spoken Digit Dataset): single ones by their class, and joined to strings by recognition; official test."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import soundfile
from figures import Bench, Figure, Findings
from runs import accept, compare

WANTED = 0.95
"""Accuracy of the best family on single digits."""
SHORTEST, LONGEST = 3, 7
"""Digits of a string."""
PASSES = {"train": 3, "test": 1}
"""How often a recording is used; once in the test, so that its strings are independent."""
LONGEST_PAUSE = 0.1
"""Seconds between two digits, at most."""


def digits(bench: Bench) -> Findings:
    """Single digits, eight minutes."""
    run = bench.out / "runs" / "fsdd"
    source = str(bench.dataset("fsdd") / "metadata.csv")
    result = compare(source, run, task="audio-classification", target="digit", budget=bench.choose("8m", "40s"))
    return _findings(result, run, "accuracy", f">= {WANTED}")


def strings(bench: Bench) -> Findings:
    """Strings of three to seven digits of one speaker, twenty minutes."""
    manifest = digit_strings(bench.dataset("fsdd"), bench.out / "data" / "digit-strings")
    run = bench.out / "runs" / "digit-strings"
    result = compare(str(manifest), run, task="automatic-speech-recognition", budget=bench.choose("20m", "60s"))
    return _findings(result, run, "wer", None)


def _findings(result: dict, run: Path, metric: str, wanted: str | None) -> Findings:
    check = accept("check_comparison.py", run)
    scores = {model["name"]: model["scores"][metric] for model in result["models"] if metric in model["scores"]}
    trained = [model["name"] for model in result["models"] if model["family"] != "baseline" and model["name"] in scores]
    best = (max if result["protocol"]["higher_is_better"] else min)(scores[name]["mean"] for name in trained)
    figures = [Figure(name=f"{run.name}: best family", value=best, unit=metric, wanted=wanted)]
    for name, score in scores.items():
        interval, count = score["ci95"] and tuple(score["ci95"]), len(score["per_replicate"])
        figures.append(
            Figure(name=f"{run.name}: {name}", value=score["mean"], interval=interval, spread="95 % interval", unit=metric, samples=count)
        )
    figures.append(Figure(name=f"{run.name}: check_comparison", value=check["outcome"], wanted="= passed"))
    return Findings(figures, {"verdict": result["verdict"], "acceptance": check})


def digit_strings(source: Path, folder: Path) -> Path:
    """Write the strings and their manifest, the same every time; training strings of training recordings, test strings of the others."""
    manifest = folder / "metadata.csv"
    if manifest.exists():
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    with (source / "metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    with zipfile.ZipFile(source / "fsdd_wav.zip") as archive:
        for split, passes in PASSES.items():
            for speaker in sorted({row["speaker"] for row in rows}):
                own = [row for row in rows if (row["split"], row["speaker"]) == (split, speaker)]
                rng = np.random.default_rng([len(found), passes])
                order = np.concatenate([rng.permutation(len(own)) for _ in range(passes)])
                for number, places in enumerate(_cut(order, rng)):
                    name = f"{split}-{speaker}-{number}.flac"
                    _join([archive.open(f"recordings/{own[i]['file']}") for i in places], folder / name, rng)
                    text = " ".join(own[i]["digit"] for i in places)
                    found.append({"file": name, "text": text, "speaker": speaker, "split": split})
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    return manifest


def _cut(order: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """An order of recordings in strings of random lengths; what is left at the end stays out if it is too short."""
    sizes = rng.integers(SHORTEST, LONGEST + 1, len(order))
    parts = np.split(order, np.cumsum(sizes))
    return [part for part in parts if len(part) >= SHORTEST]


def _join(files: list, path: Path, rng: np.random.Generator) -> None:
    parts, rate = [], 0
    for file in files:
        with file:
            samples, rate = soundfile.read(file, dtype="int16")
        parts += [samples, np.zeros(int(rate * rng.uniform(0, LONGEST_PAUSE)), np.int16)]
    soundfile.write(path, np.concatenate(parts), rate)
