"""Where a pass of a recurrent layer spends its time: products over all steps, the loops, and what is around them.

usage: python benchmarks/recurrent_parts.py [--quick] [--no-gate] [--out runs/evidence]
"""

import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from figures import Bench, Figure, Findings
from gate import NO_GATE, require_gate, run_alone
from recurrent import GATES, LENGTH, collecting_off, dense, peaks, thread_counts

from seqwise.kernels.c import autograd

SHAPES = ((8, 64), (8, 128), (32, 128), (128, 128), (8, 256))
"""Batch and width."""
PARTS = {"products": 8, "loop forwards": 2, "loop backwards": 2}
"""Operations of each, for every weight of the recurrent matrix and every step of a row."""


@contextmanager
def parts_timed() -> Iterator[dict[str, float]]:
    """Seconds by part of what runs inside the block."""
    spent: dict[str, float] = defaultdict(float)

    def timed(function: Callable[..., Any], part: Callable[..., str]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                spent[part(*arguments)] += time.perf_counter() - begun

        return call

    products = [(autograd, "linear"), (autograd, "sum_of_outer")]
    patches = [mock.patch.object(place, name, timed(getattr(place, name), lambda *_: "products")) for place, name in products]
    patches.append(mock.patch.object(autograd, "run", timed(autograd.run, lambda direction, *_: f"loop {direction}s")))
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield spent


def measure(layer: str, batch: int, width: int, rounds: int) -> dict[str, Any]:
    """Medians of the seconds of a pass and of its parts, the share of the peak that each reaches, and what is none of them."""
    run = dense(layer, batch, width)["ours"]
    run()
    samples: list[dict[str, float]] = []
    found = [peaks()["fastest"] for _ in range(5)]
    for _ in range(rounds):
        with parts_timed() as spent:
            begun = time.perf_counter()
            run()
            whole = time.perf_counter() - begun
        samples.append(dict(spent) | {"whole": whole, "around": whole - sum(spent.values())})
    found += [peaks()["fastest"] for _ in range(5)]
    peak, work = statistics.median(found), GATES[layer] * width * width * LENGTH * batch
    seconds = {name: statistics.median(sample[name] for sample in samples) for name in (*PARTS, "around", "whole")}
    share = {name: factor * work / seconds[name] / peak for name, factor in PARTS.items()}
    return {
        "layer": layer,
        "batch": batch,
        "width": width,
        "threads": torch.get_num_threads(),
        "peak": peak,
        "seconds": seconds,
        "share": share,
    }


def recurrent_parts(bench: Bench, *, gated: bool = True) -> Findings:
    """Refuses where the kernels' or the conformance tests fail: raises :class:`~figures.Skipped` then."""
    gate = require_gate(bench) if gated else NO_GATE
    cells = []
    with collecting_off():
        for threads in thread_counts():
            torch.set_num_threads(threads)
            for batch, width in bench.choose(SHAPES, SHAPES[:1]):
                cells += [measure(layer, batch, width, bench.choose(60, 3)) for layer in GATES]
    figures = []
    for cell in cells:
        name = f"{cell['layer']} {cell['batch']}x{cell['width']}, {cell['threads']} thread{'s' * (cell['threads'] > 1)}"
        whole = cell["seconds"]["whole"]
        figures += [Figure(name=f"{name}: {part}", value=cell["share"][part], unit="share of the peak") for part in PARTS]
        figures += [
            Figure(name=f"{name}: {part}", value=cell["seconds"][part] / whole, unit="share of the pass") for part in (*PARTS, "around")
        ]
    return Findings(figures, {"gate": gate, "cells": cells})


if __name__ == "__main__":
    run_alone(__doc__, {"recurrent-parts": recurrent_parts})
