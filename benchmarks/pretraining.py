"""Pretraining from a corpus that memory need not hold: the peak of a run on a file of 2 GB beside that on one of 2 MB."""

import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
from figures import Bench, Figure, Findings
from runs import seqwise

LARGE, SMALL = 2_000_000_000, 2_000_000
"""Bytes."""
WORDS = 20_000
SETTINGS = ("--size=100k", "--tokenizer=bpe:1000", "--context=64", "--batch=8", "--budget=20ktokens", "--device=cpu")


def write_text(path: Path, size: int) -> None:
    """So many bytes of words that are drawn by Zipf's law, the same in every run."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(WORDS)])
    shares = 1 / np.arange(1, WORDS + 1)
    with path.open("w") as file:
        while file.tell() < size:
            drawn = rng.choice(words, (2_000, 12), p=shares / shares.sum())
            file.write("\n".join(" ".join(row) for row in drawn) + "\n")


def peak_of(command: list[str], log: Path) -> tuple[int, float]:
    """Bytes that a command and its children held at most, and the seconds it took. Raises ``RuntimeError`` where it fails."""
    begun, peak = time.perf_counter(), 0
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _held(watched))
            time.sleep(0.2)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}; see {log}")
    return peak, time.perf_counter() - begun


def _held(process: psutil.Process) -> int:
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss - one.memory_info().shared
        except psutil.NoSuchProcess:
            continue
    return total


def pretraining_memory(bench: Bench) -> Findings:
    """What a large file costs above what the program and its model hold anyway."""
    peaks, seconds = {}, {}
    for name, size in (("small", SMALL), ("large", bench.choose(LARGE, 10 * SMALL))):
        text, run = bench.out / f"pretraining-{name}.txt", bench.out / "runs" / f"pretraining-{name}"
        text.parent.mkdir(parents=True, exist_ok=True)
        write_text(text, size)
        run.parent.mkdir(parents=True, exist_ok=True)
        peaks[name], seconds[name] = peak_of([seqwise(), "pretrain", str(text), *SETTINGS, "--out", str(run)], run.with_suffix(".log"))
        text.unlink()
    figures = [
        Figure(name="memory above that of a small file", value=float(peaks["large"] - peaks["small"]), unit="bytes", wanted="< 1.5e9"),
        Figure(name="memory on a small file", value=float(peaks["small"]), unit="bytes"),
        Figure(name="seconds from the large file to its model", value=seconds["large"], unit="s"),
    ]
    return Findings(figures, {"peaks": peaks, "seconds": seconds, "bytes": {"large": LARGE, "small": SMALL}})
