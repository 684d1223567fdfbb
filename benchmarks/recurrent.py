"""RNN, GRU and LSTM of ``seqwise.nn`` against ``torch.nn``, forwards and backwards: a grid of widths and batches, and ragged batches.

usage: python benchmarks/recurrent.py [--quick] [--no-gate] [--out runs/evidence]
"""

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from figures import Bench, Figure, Findings
from gate import NO_GATE, require_gate, run_alone
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import seqwise.nn
from seqwise.core.environment import core_count
from seqwise.kernels.c import library
from seqwise.kernels.c.products import linear

BATCHES, WIDTHS, LENGTH = (1, 8, 32, 128), (64, 128, 256, 512), 128
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
WANTED_MEAN = {"RNN": 2.5, "GRU": 2.5, "LSTM": 1.3}
LEAST_RATIO, LEAST_SHARE, LEAST_SHARE_SMALL = 0.97, 0.70, 0.45
Run = Callable[[], object]
Make = Callable[[str, int, int], dict[str, Run]]
"""From a layer's name, a batch and a width to one pass of either."""


def passes(layer: torch.nn.Module, x: Any, gradient: torch.Tensor) -> Run:
    """Forwards and backwards once, to the gradients of input and weights."""
    if isinstance(x, PackedSequence):
        return lambda: torch.autograd.grad(layer(x)[0].data, [x.data, *layer.parameters()], gradient)
    return lambda: torch.autograd.grad(layer(x)[0], [x, *layer.parameters()], gradient)


def pair(name: str, width: int) -> dict[str, torch.nn.Module]:
    """The layer of either, with the same weights."""
    theirs, ours = getattr(torch.nn, name)(width, width), getattr(seqwise.nn, name)(width, width)
    ours.load_state_dict(theirs.state_dict())
    return {"torch": theirs, "ours": ours}


def dense(name: str, batch: int, width: int) -> dict[str, Run]:
    x, gradient = torch.randn(LENGTH, batch, width, requires_grad=True), torch.randn(LENGTH, batch, width)
    return {which: passes(layer, x, gradient) for which, layer in pair(name, width).items()}


def ragged(name: str, batch: int, width: int) -> dict[str, Run]:
    """Lengths uniform in a quarter of the longest to the longest."""
    lengths = torch.from_numpy(np.random.default_rng(0).integers(LENGTH // 4, LENGTH + 1, batch))
    lengths[0] = LENGTH
    packed = pack_padded_sequence(torch.randn(LENGTH, batch, width), lengths, enforce_sorted=False)
    packed = packed._replace(data=packed.data.detach().requires_grad_())
    gradient = torch.randn(packed.data.shape)
    return {which: passes(layer, packed, gradient) for which, layer in pair(name, width).items()}


def measure(runs: dict[str, Run], seconds: float, least: int) -> dict[str, list[float]]:
    """Seconds of each, interleaved, the order turned every round."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    end, turn = time.perf_counter() + seconds, 0
    while turn < least or time.perf_counter() < end:
        for name in list(runs) if turn % 2 else list(runs)[::-1]:
            begun = time.perf_counter()
            runs[name]()
            found[name].append(time.perf_counter() - begun)
        turn += 1
    return found


def peaks() -> dict[str, float]:
    """FLOP/s of a square product in single precision by torch.mm, and by the faster of torch's two libraries: the best of three."""
    a = torch.randn(1024, 1024)

    def seconds(product: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
        begun = time.perf_counter()
        product(a, a)
        return time.perf_counter() - begun

    return {name: 2 * 1024**3 / min(seconds(one) for _ in range(3)) for name, one in {"torch.mm": torch.mm, "fastest": linear}.items()}


def cells(bench: Bench, make: Make, batches: tuple[int, ...], threads: int) -> Iterator[dict[str, Any]]:
    """One cell of the grid after the other: medians, the ratio of each round, the share of the peak that was measured around it."""
    torch.set_num_threads(threads)
    for width in bench.choose(WIDTHS, WIDTHS[:1]):
        for batch in bench.choose(batches, batches[:1]):
            for name, gates in GATES.items():
                before = [peaks() for _ in range(5)]
                found = measure(make(name, batch, width), bench.choose(1.0, 0.05), bench.choose(7, 2))
                around = before + [peaks() for _ in range(5)]
                peak = {kind: float(np.median([one[kind] for one in around])) for kind in around[0]}
                ratios = np.array(found["torch"]) / np.array(found["ours"])
                work = 12 * gates * width * width * LENGTH * batch
                yield {
                    "layer": name, "batch": batch, "width": width, "threads": threads, "peak": peak, "seconds": found,
                    "ratio": float(np.median(ratios)), "spread": [float(q) for q in np.quantile(ratios, (0.1, 0.9))],
                    "share": {which: work / float(np.median(times)) / peak["fastest"] for which, times in found.items()},
                    "share of torch.mm": work / float(np.median(found["ours"])) / peak["torch.mm"],
                }  # fmt: skip


def shown(cell: dict[str, Any], wanted: str | None = None) -> Figure:
    name = f"{cell['layer']} {cell['batch']}x{cell['width']}, {cell['threads']} thread{'s' * (cell['threads'] > 1)}"
    if "share" in cell:
        ours, theirs, of_mm = cell["share"]["ours"], cell["share"]["torch"], cell["share of torch.mm"]
        name += f" ({ours:.0%} of the peak, torch {theirs:.0%}; {of_mm:.0%} of torch.mm's)"
    return Figure(
        name=name,
        value=cell["ratio"],
        unit="times torch",
        interval=tuple(cell["spread"]),
        spread="10-90 % of samples",
        samples=len(cell["seconds"]["ours"]),
        wanted=wanted,
    )


def thread_counts() -> tuple[int, ...]:
    return (1, 2) if core_count() > 1 else (1,)


def recurrent_grid(bench: Bench, *, gated: bool = True) -> Findings:
    """Refuses where the kernels' or the conformance tests fail: raises :class:`~figures.Skipped` then."""
    gate = require_gate(bench) if gated else NO_GATE
    found = []
    with collecting_off():
        for threads in thread_counts():
            for cell in cells(bench, dense, BATCHES, threads):
                found.append(cell)
                print(f"  {shown(cell).name}: {cell['ratio']:.2f}", flush=True)
    figures = [shown(cell, f">= {LEAST_RATIO}") for cell in found]
    for name in GATES:
        ratios = [cell["ratio"] for cell in found if cell["layer"] == name]
        mean = math.exp(float(np.mean(np.log(ratios))))
        figures.append(
            Figure(name=f"{name}: geometric mean", value=mean, unit="times torch", samples=len(ratios), wanted=f">= {WANTED_MEAN[name]}")
        )
    figures += [
        Figure(name=f"{shown(cell).name.partition(' (')[0]}: share", value=cell["share"]["ours"], unit="of the peak", wanted=f">= {least}")
        for cell in found
        if (least := least_share(cell)) is not None
    ]
    return Findings(figures, {"gate": gate, "instructions": library.instruction_sets()[:1], "cells": found})


def least_share(cell: dict[str, Any]) -> float | None:
    if cell["layer"] == "LSTM" or cell["batch"] < 8:
        return None
    if cell["width"] >= 128:
        return LEAST_SHARE
    return LEAST_SHARE_SMALL if cell["batch"] == 8 else None


def recurrent_ragged(bench: Bench, *, gated: bool = True) -> Findings:
    """Packed sequences, against ``torch.nn`` on the same ones."""
    gate = require_gate(bench) if gated else NO_GATE
    found = []
    with collecting_off():
        for threads in thread_counts():
            found += [{k: v for k, v in cell.items() if not k.startswith("share")} for cell in cells(bench, ragged, (8, 32), threads)]
    return Findings([shown(cell) for cell in found], {"gate": gate, "cells": found})


@contextlib.contextmanager
def collecting_off() -> Iterator[None]:
    """No garbage collection inside the block."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


if __name__ == "__main__":
    run_alone(__doc__, {"recurrent-grid": recurrent_grid, "recurrent-ragged": recurrent_ragged})
