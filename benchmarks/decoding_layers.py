"""Microseconds of one more step of two recurrent layers: ours against torch.nn, torch.jit and ONNX Runtime; then of one more token.

usage: python benchmarks/decoding_layers.py [--quick] [--no-gate] [--out runs/evidence]
"""

import importlib.util
import io
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from figures import Bench, Figure, Findings
from gate import NO_GATE, require_gate, run_alone
from torch import Tensor

import seqwise.nn
from seqwise.kernels import backend
from seqwise.kernels.c.library import available, instruction_sets, reason
from seqwise.zoo.shipped import shipped_names

WIDTHS, NAMES, LAYERS = (64, 128, 256, 512), ("RNN", "GRU", "LSTM"), 2
TOKENS, CHUNK, CHECKED = 2_000, 100, 20
MODELS = ("lstm-tiny", "gru-tiny", "rnn-tiny")
OURS, TORCH = "seqwise.nn", "torch.nn"
FAR = 1e-5
Step = Callable[[int], object]
"""Read the input of that number; the state is carried. Returns the output, as a tensor or an array."""
Samples = dict[str, list[float]]
"""Microseconds of single steps."""


def carried(module: Callable[..., Any], inputs: Tensor, state: Any) -> Step:
    """One step of what is called as torch's modules are."""
    given = inputs.unbind()

    def step(place: int) -> Tensor:
        nonlocal state
        y, state = module(given[place], state)
        return y

    return step


def compiled(module: torch.nn.Module, inputs: Tensor, state: Any) -> Step:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(module, (inputs[0], state))))
    return carried(traced, inputs, state)


def exported(module: torch.nn.Module, inputs: Tensor, state: Any) -> tuple[Any, list[str], list[np.ndarray]]:
    """A session of ONNX Runtime on one thread, its names of state, and the first one."""
    import onnxruntime

    states = list(state) if isinstance(state, tuple) else [state]
    names, file = ["h", "c"][: len(states)], io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after = [f"{name}n" for name in names]
        torch.onnx.export(module, (inputs[0], state), file, input_names=["x", *names], output_names=["y", *after], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    return session, names, [part.numpy().copy() for part in states]


def onnx(module: torch.nn.Module, inputs: Tensor, state: Any) -> Step:
    """Arrays in and out."""
    session, names, states = exported(module, inputs, state)
    given = list(inputs.numpy())

    def step(place: int) -> np.ndarray:
        y, *states[:] = session.run(None, {"x": given[place], **dict(zip(names, states, strict=True))})
        return y

    return step


def onnx_bound(module: torch.nn.Module, inputs: Tensor, state: Any) -> Step:
    """Into memory that is there before, from one of two states into the other."""
    import onnxruntime

    session, names, states = exported(module, inputs, state)
    value, given = onnxruntime.OrtValue.ortvalue_from_numpy, list(inputs.numpy())
    x, y, pair = value(given[0].copy()), value(np.zeros((*inputs.shape[1:-1], module.hidden_size), np.float32)), [[], []]
    for held in pair:
        held += [value(part.copy()) for part in states]
    ways = []
    for before, after in (pair, pair[::-1]):
        ways.append(session.io_binding())
        ways[-1].bind_ortvalue_input("x", x)
        ways[-1].bind_ortvalue_output("y", y)
        for name, old, new in zip(names, before, after, strict=True):
            ways[-1].bind_ortvalue_input(name, old)
            ways[-1].bind_ortvalue_output(f"{name}n", new)
    count = 0

    def step(place: int) -> Any:
        nonlocal count
        x.update_inplace(given[place])
        session.run_with_iobinding(ways[count % 2])
        count += 1
        return y

    return step


def ways(name: str, width: int, inputs: Tensor) -> dict[str, Step]:
    """The same weights and the same state at the start."""
    ours, theirs = (getattr(of, name)(width, width, LAYERS).eval() for of in (seqwise.nn, torch.nn))
    ours.load_state_dict(theirs.state_dict())
    zero = torch.zeros(LAYERS, 1, width)
    state = (zero, zero.clone()) if name == "LSTM" else zero
    exact = getattr(torch.nn, name)(width, width, LAYERS).double()
    exact.load_state_dict(theirs.state_dict())
    made = {OURS: carried(ours, inputs, state), TORCH: carried(theirs, inputs, state), "torch.jit": compiled(theirs, inputs, state)}
    if has_onnx():
        made |= {"ONNX Runtime": onnx(theirs, inputs, state), "ONNX Runtime, bound": onnx_bound(theirs, inputs, state)}
    require_agreement(name, made, exact(inputs[:CHECKED, 0].double())[0])
    return made


def has_onnx() -> bool:
    return all(importlib.util.find_spec(name) for name in ("onnxruntime", "onnx"))


def require_agreement(name: str, made: Mapping[str, Step], expected: Tensor) -> None:
    """Raises ``RuntimeError`` where a way's first answers are other ones than float64's."""
    for way, step in made.items():
        for place, y in enumerate(expected):
            said = step(place)
            said = torch.as_tensor(said.numpy() if hasattr(said, "numpy") else said)
            far = (said.double().flatten() - y.flatten()).abs().max().item()
            if far > FAR:
                raise RuntimeError(f"{way} of {name} is {far:.1e} from float64 at step {place}")


def measure(made: Mapping[str, Step], tokens: int) -> Samples:
    """Interleaved: some steps of each way in turn, the order turned."""
    found: Samples = {way: [] for way in made}
    for turn in range(tokens // CHUNK):
        for way in list(made) if turn % 2 else list(made)[::-1]:
            step = made[way]
            for place in range(CHUNK):
                begun = time.perf_counter_ns()
                step(place)
                found[way].append((time.perf_counter_ns() - begun) / 1e3)
    return found


def tokens_of(model: Any, name: str) -> Step:
    """Greedy, batch 1, one step of the model with a backend; the loop of ``generate`` around it is not counted."""
    cache, token = None, torch.ones(1, 1, dtype=torch.long)

    def step(_: int) -> Tensor:
        nonlocal cache, token
        with backend(name):
            said = model(token, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache, token = said.past_key_values, said.logits[:, -1:].argmax(-1)
        return said.logits

    return step


def figures_of(name: str, found: Samples, ours: str) -> list[Figure]:
    figures = []
    for way, values in found.items():
        middle, high = (float(value) for value in np.quantile(values, (0.5, 0.99)))
        spread = {"interval": (middle, high), "spread": "50-99 % of samples", "samples": len(values)}
        figures.append(Figure(name=f"{name}, {way}: one step", value=middle, unit="us", **spread))
    base = float(np.median(found[ours]))
    return figures + [
        Figure(name=f"{name}: {way} over {ours}", value=float(np.median(values)) / base, unit="times", wanted=">= 1")
        for way, values in found.items()
        if way != ours
    ]


def decoding_layers(bench: Bench, *, gated: bool = True) -> Findings:
    """One thread, batch 1, the call from Python counted. Raises :class:`~figures.Skipped` where the kernels' tests fail."""
    gate = require_gate(bench) if gated else NO_GATE
    torch.set_num_threads(1)
    torch.manual_seed(bench.seed)
    tokens, figures = bench.choose(TOKENS, CHUNK), []
    if not has_onnx():
        print("ONNX Runtime is left out: onnxruntime and onnx are not installed", flush=True)
    with torch.inference_mode():
        for width in bench.choose(WIDTHS, WIDTHS[:1]):
            inputs = torch.randn(CHUNK, 1, 1, width)
            for name in NAMES:
                figures += figures_of(f"{name} {LAYERS} x {width}", measure(ways(name, width, inputs), tokens), OURS)
        for name in [name for name in MODELS if name in shipped_names()]:
            model = seqwise.load(name)[0].eval()
            found = measure({which: tokens_of(model, which) for which in ("auto", "native")}, tokens)
            figures += figures_of(name, found, "auto")
    return Findings(figures, {"gate": gate, "loops": instruction_sets() if available() else reason(), "onnxruntime": has_onnx()})


if __name__ == "__main__":
    run_alone(__doc__, {"decoding-layers": decoding_layers})
