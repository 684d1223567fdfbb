"""The linear scan in blocks against step by step, and layers that stand on it against LSTM and GRU.

usage: python benchmarks/scan.py [--quick] [--no-gate] [--out runs/evidence]
"""

import time
from collections.abc import Callable

import torch
from figures import Bench, Figure, Findings, median
from gate import NO_GATE, require_gate, run_alone

from seqwise.kernels import kernel
from seqwise.kernels.linear_scan import blocked, reference
from seqwise.models.config import SeqwiseConfig
from seqwise.models.mixers import MIXERS

SIZES = ((8, 1024, 128), (32, 256, 256), (64, 32, 64), (1, 4096, 128))
"""B, T, H."""
LAYERS = ("lstm", "gru", "minlstm", "mingru")


def scans(batch: int, length: int, units: int) -> dict[str, Callable[[], object]]:
    """A forward pass, and one with a backward pass, of each way to scan."""
    a, b = torch.rand(batch, length, units, requires_grad=True), torch.randn(batch, length, units, requires_grad=True)
    h, gradient = torch.zeros(batch, units), torch.randn(batch, length, units)
    ways = {"in blocks": blocked.linear_scan, "autograd step by step": reference.linear_scan}
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


def scan(bench: Bench, *, gated: bool = True) -> Findings:
    """One thread. Refuses where the conformance tests fail; raises :class:`Skipped` then."""
    gate = require_gate(bench) if gated else NO_GATE
    torch.set_num_threads(1)
    figures: list[Figure] = []
    for size in SIZES:
        for kind in (scans, layers):
            found = measure(kind(*size), bench.choose(40, 2))
            figures += [median(f"{' x '.join(map(str, size))}, {name}", values, "ms") for name, values in found.items()]
    return Findings(figures, {"gate": gate})


if __name__ == "__main__":
    run_alone(__doc__, {"scan": scan})
