"""What a finished model costs: measured after training, in one process with nothing else running, models interleaved."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqwise.comparison.folder import RunFolder
from seqwise.comparison.trial import build_trainer
from seqwise.models.accounting import state_bytes
from seqwise.tasks import TASKS
from seqwise.tasks.task import Task

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


def _timed(answer: Callable[[], Any]) -> float:
    """Milliseconds of one answer."""
    start = time.perf_counter()
    answer()
    return (time.perf_counter() - start) * 1e3


def _quantiles(values: list[float]) -> dict[str, float]:
    return {"p50": float(np.percentile(values, 50)), "p95": float(np.percentile(values, 95))}


def _latencies(task: Task, models: Mapping[str, torch.nn.Module], lengths: list[int]) -> dict[str, dict[int, list[float]]]:
    """Milliseconds of single answers, models in turn; the first rounds are not counted."""
    with torch.inference_mode():
        tried = {(name, length): task.answer(model, length) for length in lengths for name, model in models.items()}
        answers = {key: answer for key, answer in tried.items() if answer is not None}
        times = [{key: _timed(answer) for key, answer in answers.items()} for _ in range(ROUNDS + 3)][3:]
    found: dict[str, dict[int, list[float]]] = {name: {} for name in models}
    for name, length in answers:
        found[name][length] = [turn[name, length] for turn in times]
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


def _states(model: Any) -> dict[str, int]:
    """Bytes that a causal model carries after so many tokens."""
    return {str(length): state_bytes(model.config, length) for length in CONTEXTS}


def bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_baseline(folder: Path, task: Task, name: str, examples: list[Any]) -> dict[str, Any]:
    """Latency of a baseline on single examples of median length; nothing where it gives no single answers."""
    model = task.baselines[name].load(folder)
    answers = [answer for example in examples[:ROUNDS] if (answer := task.baseline_answer(model, example)) is not None]
    return {"latency_ms": _quantiles([_timed(answer) for answer in answers])} if answers else {}


def measure_costs(
    run: str, jobs: dict[str, dict[str, Any]], baselines: dict[str, str], task_tag: str, lengths: list[int], examples: list[Any]
) -> dict[str, Any]:
    """Latency, training rate, utilisation and state of every model of a comparison.

    Args:
        run: the run folder.
        jobs: per trained model, the job of its best replicate, with its hyperparameters; its weights lie in ``model/``.
        baselines: per baseline, the folder of its model.
        lengths: tokens of the training examples.
        examples: some of about median length, for baselines.
    """
    torch.set_num_threads(1)
    folder, task = RunFolder(Path(run)), TASKS[task_tag]()
    models = {name: task.load(folder.trial(job["fingerprint"]) / "model") for name, job in jobs.items()}
    typical, *others = task.latency_lengths(lengths)
    latencies = _latencies(task, models, [typical, *others])
    rates, peak = _training_rates(jobs, folder)
    sample = np.percentile(lengths, range(5, 100, 10)).astype(int).tolist()
    costs: dict[str, Any] = {}
    for name, model in models.items():
        kind, told = model.config.model_type, jobs[name].get("flops_per_token")
        flops = told or task.flops_per_token(model.config, sample)
        costs[name] = {
            "latency_ms": _quantiles(latencies[name][typical]) if typical in latencies[name] else None,
            "latency_by_length": [{"length": length, **_quantiles(times)} for length, times in sorted(latencies[name].items())],
            "train_tokens_per_second": rates[name],
            "flops_per_token": flops,
            "flop_utilisation": rates[name] * flops / peak,
            "state_bytes": _states(model) if task.carries_state and kind == "seqwise" and not model.config.bidirectional else None,
        }
    costs |= {name: measure_baseline(Path(place), task, name, examples) for name, place in baselines.items()}
    return {"models": costs, "matmul_peak_gflops": peak / 1e9, "threads": 1, "load": os.getloadavg()[0]}
