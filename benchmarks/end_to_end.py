"""What the loops in C and oneDNN make of a comparison: seconds of a training step of each family with them and without.

usage: python benchmarks/end_to_end.py [--quick] [--no-gate] [--out runs/evidence]
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from figures import Bench, Figure, Findings
from gate import NO_GATE, require_gate, run_alone
from pipeline import MODELS, trainers

from seqwise.kernels import KERNELS, backend
from seqwise.kernels.c import products
from seqwise.kernels.c.use import kernels_in_use
from seqwise.tasks.task_data import Request
from seqwise.training.loop import Trainer

SIZE, STEPS = 300_000, 4
DATA = {
    "trec": ("text-classification", {"source": "train.csv", "text": "text", "target": "label"}, None),
    "etth1": ("time-series-forecasting", {"source": "ETTh1.csv.gz", "horizon": 96, "split": "8640:2880:2880"}, 96),
}
"""By folder: the task, what is asked of the data, and the context."""


@contextlib.contextmanager
def by_torch(name: str) -> Iterator[None]:
    """Recurrences in torch's operations, as fast as they are there, and products in MKL."""
    table = KERNELS.get(name, {})
    with backend("batched" if "batched" in table else "native"), patch.object(products, "onednn_is_faster", lambda: False):
        yield


def seconds_of_steps(trainer: Trainer) -> float:
    """Of one, over a few."""
    begun = time.perf_counter()
    for _ in range(STEPS):
        trainer.step()
    return (time.perf_counter() - begun) / STEPS


def measure(first: dict[str, Trainer], second: dict[str, Trainer], rounds: int) -> dict[str, dict[str, list[float]]]:
    """The same training twice, interleaved: by torch, and as it is."""
    found: dict[str, dict[str, list[float]]] = {name: {"torch": [], "now": []} for name in first}
    for turn in range(rounds + 1):
        for name, times in found.items():
            with by_torch(name):
                before = seconds_of_steps(first[name])
            after = seconds_of_steps(second[name])
            if turn:
                times["torch"].append(before)
                times["now"].append(after)
    return found


def end_to_end(bench: Bench, *, gated: bool = True) -> Findings:
    """One thread, as a trial has it. Raises :class:`~figures.Skipped` where the tests fail or the data are not there."""
    gate = require_gate(bench) if gated else NO_GATE
    torch.set_num_threads(1)
    figures: list[Figure] = []
    details = {"gate": gate, "kernels": kernels_in_use(), "size": SIZE}
    for name, (tag, asked, context) in DATA.items():
        request = Request(**asked | {"source": str(bench.dataset(name) / asked["source"])})
        with tempfile.TemporaryDirectory(prefix="seqwise-bench-") as place:
            pair = [trainers(tag, Path(place), request, bench.choose(SIZE, 30_000), context) for _ in range(2)]
            for trainer in (*pair[0].values(), *pair[1].values()):
                trainer.model.train()
            details[name] = measure(*pair, bench.choose(25, 2))
        figures += [shown(name, model, details[name][model]) for model in MODELS]
    return Findings(figures, details)


def shown(data: str, model: str, times: dict[str, list[float]]) -> Figure:
    ratios = np.array(times["torch"]) / np.array(times["now"])
    before, after = (1e3 * float(np.median(times[which])) for which in ("torch", "now"))
    return Figure(
        name=f"{data}, {model}: {before:.1f} to {after:.1f} ms a step",
        value=float(np.median(ratios)),
        unit="times as fast",
        interval=tuple(float(q) for q in np.quantile(ratios, (0.1, 0.9))),
        spread="10-90 % of samples",
        samples=len(ratios),
    )


if __name__ == "__main__":
    run_alone(__doc__, {"end-to-end": end_to_end})
