"""The linear scan in C, in blocks and step by step; against a copy of memory; and layers that stand on it against torch's LSTM and GRU.

usage: python benchmarks/scan.py [--quick] [--no-gate] [--out runs/evidence]
"""

import functools
import time
from collections.abc import Callable

import torch
from figures import Bench, Figure, Findings, median
from gate import NO_GATE, require_gate, run_alone

from seqwise.kernels import KERNELS, kernel
from seqwise.kernels.c import scan as native
from seqwise.kernels.linear_scan import blocked, reference
from seqwise.models.config import SeqwiseConfig
from seqwise.models.mixers import MIXERS

SIZES = ((8, 1024, 128), (32, 256, 256), (64, 32, 64), (1, 4096, 128))
"""B, T, H."""
LAYERS = ("lstm", "gru", "minlstm", "mingru")
MINIMAL = {"minlstm": 3, "mingru": 2}
"""And their gates."""
TORCH = {"torch.nn.LSTM": torch.nn.LSTM, "torch.nn.GRU": torch.nn.GRU}
LONG = {128: 40, 512: 20, 2048: 10, 8192: 5}
"""Steps, and rounds, of the layers that are compared with torch's; 8 rows of 128 units."""
STREAMS = ((8, 128, 128), (8, 1024, 128), (8, 2048, 256), (1, 8192, 512))
"""Sizes that fit the second cache, the third, and none."""


def scans(batch: int, length: int, units: int) -> dict[str, Callable[[], object]]:
    """A forward pass, and one with a backward pass, of each way to scan."""
    a, b = torch.rand(batch, length, units, requires_grad=True), torch.randn(batch, length, units, requires_grad=True)
    h, gradient = torch.zeros(batch, units), torch.randn(batch, length, units)
    ways = {"in C": native.linear_scan, "in blocks": blocked.linear_scan, "autograd step by step": reference.linear_scan}
    found: dict[str, Callable[[], object]] = {}
    for name, way in ways.items():
        found[f"{name}, forwards"] = torch.no_grad()(lambda way=way: way(a, b, h))
        found[f"{name}, and back"] = lambda way=way: torch.autograd.grad(way(a, b, h)[0], (a, b), gradient)
    y = torch.empty(batch, length, units)
    steps = [x.detach().unbind(1) for x in (a, b, y)]
    return found | {"in place step by step, forwards": torch.no_grad()(lambda: blocked.walk(steps[0], steps[1], h, steps[2]))}


def layers(batch: int, length: int, units: int) -> dict[str, Callable[[], object]]:
    """Forwards and back through one layer of each kind, of the same width."""
    x, gradient = torch.randn(batch, length, units, requires_grad=True), torch.randn(batch, length, units)
    config = SeqwiseConfig(hidden_size=units, layer_types=list(LAYERS), num_hidden_layers=len(LAYERS))
    found = {}
    for place, name in enumerate(LAYERS):
        mixer = MIXERS[name](MIXERS[name].configure(config, place))
        for parameter in mixer.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
        weights, state = mixer.weights(0), mixer.initial_state(x)
        found[name] = lambda name=name, weights=weights, state=state: torch.autograd.grad(
            kernel(name, x)(x, state, *weights)[0], (x, *weights), gradient
        )
    return found


def against_torch(batch: int, length: int, units: int) -> dict[str, Callable[[], object]]:
    """Forwards and back through one layer, ours in C and torch's own."""
    x, gradient, h = torch.randn(batch, length, units, requires_grad=True), torch.randn(batch, length, units), torch.zeros(batch, units)
    found = {}
    for name, gates in MINIMAL.items():
        weights = [weight.requires_grad_() for weight in (torch.randn(gates * units, units) * 0.05, torch.zeros(gates * units))]
        run = functools.partial(KERNELS[name]["c"], x, (h,), *weights)
        found[name] = lambda run=run, weights=weights: torch.autograd.grad(run()[0], (x, *weights), gradient)
    for name, kind in TORCH.items():
        layer = kind(units, units, batch_first=True)
        found[name] = lambda layer=layer: torch.autograd.grad(layer(x)[0], (x, *layer.parameters()), gradient)
    return found


def streams(batch: int, length: int, units: int) -> dict[str, tuple[int, Callable[[], object]]]:
    """The passes alone, gates in them, and copies of as much; numbers read and written, and what to run. No pass takes new memory."""
    h0, hn, dh = (torch.randn(batch, units) for _ in range(3))
    y, dy = torch.randn(batch, length, units), torch.randn(batch, length, units)
    found: dict[str, tuple[int, Callable[[], object]]] = {}
    for kind, gates in {"scan": 2, **MINIMAL}.items():
        inputs = torch.randn(batch, length, gates * units).split(units, dim=-1)
        gradients = torch.empty(batch, length, gates * units).split(units, dim=-1)
        found[f"{kind}, forwards"] = (gates + 1) * y.numel(), functools.partial(native.run, "forward", kind, inputs, y, h0=h0, hn=hn)
        found[f"{kind}, back"] = (
            (2 * gates + 2) * y.numel(),
            functools.partial(native.run, "backward", kind, inputs, y, dy=dy, gradients=gradients, h0=h0, dh=dh),
        )
    source, target = torch.randn(batch, length, 2 * units), torch.empty(batch, length, 2 * units)
    copies = {"copy into memory that is there": functools.partial(target.copy_, source), "torch.clone": source.clone}
    return found | {name: (2 * source.numel(), run) for name, run in copies.items()}


def measure(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds, interleaved: every way once a round, the order turned."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for run in ways.values():
        run()
    for turn in range(rounds):
        for name in list(ways) if turn % 2 else list(ways)[::-1]:
            begun = time.perf_counter()
            ways[name]()
            found[name].append(1e3 * (time.perf_counter() - begun))
    return found


def ratios(threads: int, bench: Bench) -> list[Figure]:
    """Milliseconds of each layer, and how many times as long torch's take."""
    figures = []
    for length, rounds in LONG.items():
        found = measure(against_torch(8, length, 128), bench.choose(rounds, 2))
        place = f"8 x {length} x 128, {threads} threads"
        figures += [median(f"{place}, {name}", values, "ms") for name, values in found.items()]
        for name in MINIMAL:
            for other in TORCH:
                times = [theirs / ours for theirs, ours in zip(found[other], found[name], strict=True)]
                figures.append(median(f"{place}, {other} over {name}", times, "times as long"))
    return figures


def bandwidths(threads: int, bench: Bench) -> list[Figure]:
    figures = []
    for size in STREAMS:
        ways = streams(*size)
        found = measure({name: run for name, (_, run) in ways.items()}, bench.choose(30, 2))
        for name, values in found.items():
            speeds = [4e-6 * ways[name][0] / milliseconds for milliseconds in values]
            figures.append(median(f"{' x '.join(map(str, size))}, {threads} threads, {name}", speeds, "GB/s"))
    return figures


def scan(bench: Bench, *, gated: bool = True) -> Findings:
    """Two threads where it says so, else one. Refuses where the conformance tests fail; raises :class:`Skipped` then."""
    gate = require_gate(bench) if gated else NO_GATE
    figures: list[Figure] = []
    for threads in (2, 1):
        torch.set_num_threads(threads)
        figures += bandwidths(threads, bench) + ratios(threads, bench)
    for size in SIZES:
        for kind in (scans, layers):
            found = measure(kind(*size), bench.choose(40, 2))
            figures += [median(f"{' x '.join(map(str, size))}, {name}", values, "ms") for name, values in found.items()]
    return Findings(figures, {"gate": gate})


if __name__ == "__main__":
    run_alone(__doc__, {"scan": scan})
