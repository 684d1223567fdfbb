"""What a finished model costs: measured after training, in one process with nothing else running, models interleaved."""

import os
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqwise.comparison.folder import RunFolder
from seqwise.comparison.trial import build_trainer
from seqwise.models.accounting import flops_per_token, state_bytes
from seqwise.tasks import TASKS

ROUNDS = 30
STEP_ROUNDS = 8
CONTEXTS = (1, 256, 4096)
PEAK_SIZE = 1024


def matmul_peak(size: int = PEAK_SIZE) -> float:
    """Single-precision FLOP/s of one square matrix product, this thread count."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    out = torch.empty(size, size)
    start = time.perf_counter()
    torch.mm(a, b, out=out)
    return 2 * size**3 / (time.perf_counter() - start)


def _latency(model: torch.nn.Module, length: int) -> float:
    """Milliseconds of one batch-1 answer."""
    ids = torch.full((1, length), min(5, model.config.vocab_size - 1))
    start = time.perf_counter()
    model(input_ids=ids, attention_mask=torch.ones_like(ids))
    return (time.perf_counter() - start) * 1e3


def _quantiles(values: list[float]) -> dict[str, float]:
    return {"p50": float(np.percentile(values, 50)), "p95": float(np.percentile(values, 95))}


def _latencies(models: Mapping[str, torch.nn.Module], lengths: list[int]) -> dict[str, dict[int, list[float]]]:
    found: dict[str, dict[int, list[float]]] = {name: {length: [] for length in lengths} for name in models}
    with torch.inference_mode():
        for turn in range(ROUNDS + 3):
            for length in lengths:
                for name, model in models.items():
                    value = _latency(model, length)
                    if turn >= 3:
                        found[name][length].append(value)
    return found


def _training_rates(jobs: Mapping[str, Mapping[str, Any]], folder: RunFolder) -> tuple[dict[str, float], float]:
    """Tokens per second in training of each model, and the matrix-product peak measured in between."""
    trainers = {name: build_trainer(job, folder, None) for name, job in jobs.items()}
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    peaks: list[float] = []
    for turn in range(STEP_ROUNDS + 1):
        for name, trainer in trainers.items():
            trainer.model.train()
            tokens, start = trainer.progress.tokens, time.perf_counter()
            for _ in range(4):
                trainer.step()
            if turn:
                rates[name].append((trainer.progress.tokens - tokens) / (time.perf_counter() - start))
        peaks.append(matmul_peak())
    return {name: statistics.median(values) for name, values in rates.items()}, statistics.median(peaks)


def bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_baseline(folder: Path, task_tag: str, name: str, texts: list[str]) -> dict[str, Any]:
    """Latency of a baseline on single texts of median length."""
    model = TASKS[task_tag].baselines[name].load(folder)
    times = []
    for text in texts[:ROUNDS]:
        start = time.perf_counter()
        model.predict([text])
        times.append((time.perf_counter() - start) * 1e3)
    return {"latency_ms": _quantiles(times)}


def measure_costs(
    run: str, jobs: dict[str, dict[str, Any]], baselines: dict[str, str], task_tag: str, lengths: list[int], texts: list[str]
) -> dict[str, Any]:
    """Latency, training rate, utilisation and state of every model of a comparison.

    Args:
        run: the run folder.
        jobs: per trained model, the job of its best replicate, with its hyperparameters; its weights lie in ``model/``.
        baselines: per baseline, the folder of its model.
        lengths: tokens of the training examples.
        texts: examples of about median length, for baselines.
    """
    torch.set_num_threads(1)
    folder = RunFolder(Path(run))
    models = {name: _load(folder.trial(job["fingerprint"]) / "model") for name, job in jobs.items()}
    median, longest = int(np.median(lengths)), int(max(lengths))
    measured = sorted({max(1, median)} | {length for length in (16, 64, 256) if length <= longest} | {longest})
    latencies = _latencies(models, measured)
    rates, peak = _training_rates(jobs, folder)
    sample = np.percentile(lengths, range(5, 100, 10)).astype(int).tolist()
    costs: dict[str, Any] = {}
    for name, model in models.items():
        flops = flops_per_token(model.config, sample)
        costs[name] = {
            "latency_ms": _quantiles(latencies[name][max(1, median)]),
            "latency_by_length": [{"length": length, **_quantiles(latencies[name][length])} for length in measured],
            "train_tokens_per_second": rates[name],
            "flops_per_token": flops,
            "flop_utilisation": rates[name] * flops / peak,
            "state_bytes": {str(length): state_bytes(model.config, length) for length in CONTEXTS},
        }
    costs |= {name: measure_baseline(Path(place), task_tag, name, texts) for name, place in baselines.items()}
    return {"models": costs, "matmul_peak_gflops": peak / 1e9, "threads": 1, "load": os.getloadavg()[0]}


def _load(folder: Path) -> torch.nn.Module:
    from seqwise.models.heads import SeqwiseForSequenceClassification

    return SeqwiseForSequenceClassification.from_pretrained(folder).eval()
