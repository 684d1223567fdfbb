"""Training speed: layers of one size over lengths, forwards and backwards; and the longest chain of operations that wait for each other."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqwise.kernels.gru.reference import gru
from seqwise.kernels.lstm.reference import lstm
from seqwise.kernels.rnn.reference import rnn
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, values_of
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import exactly, median_of, ratio_of_medians
from seqwise.textbook.pictures import TIMES, lines, timed

PARAMETERS, TOKENS = 800_000, 2_048
"""Of a layer, and of a step: the batch is as many rows as they fill."""
LENGTHS = {"smoke": (32, 256), "standard": (32, 64, 128, 256, 512), "long": (32, 64, 128, 256, 512, 1024, 2048)}
BATCHES = {"smoke": (), "standard": (1, 32), "long": (1, 4, 16, 32)}
"""Rows of a step at length LONG, beside those that fill a step."""
ROUNDS = {"smoke": 5, "standard": 15, "long": 30}
LONG, SHALLOW, DEEP = 256, 16, 48
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
LOOPS = {"rnn": rnn, "lstm": lstm, "gru": gru}
Layer = tuple[Callable[[Tensor], Tensor], int, list[nn.Parameter]]
"""What maps (B, T, D) to (B, T, H), D, and the parameters."""


def fused(kind: str, parameters: int) -> Layer:
    """torch.nn's layer, one operator for all steps."""
    width = round((parameters / GATES[kind] / 2) ** 0.5)
    layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind](width, width, batch_first=True)
    return lambda x: layer(x)[0], width, list(layer.parameters())


def looped(kind: str, parameters: int) -> Layer:
    """The same equations as a loop in Python."""
    width = round((parameters / GATES[kind] / 2) ** 0.5)
    weights = [nn.Parameter(torch.randn(GATES[kind] * width, width) / width**0.5) for _ in range(2)]
    weights += [nn.Parameter(torch.zeros(GATES[kind] * width)) for _ in range(2)]
    states = 2 if kind == "lstm" else 1
    return lambda x: LOOPS[kind](x, tuple(x.new_zeros(len(x), width) for _ in range(states)), *weights)[0], width, weights


def scanned(kind: str, parameters: int) -> Layer:
    """minGRU or minLSTM, whose gates see the input alone: a scan over time (Feng et al. 2024, arXiv:2410.01201)."""
    width = round((parameters / {"mingru": 2, "minlstm": 3}[kind]) ** 0.5)
    size = {"embedding_size": 8, "projection_size": width, "hidden_size": width, "num_hidden_layers": 1, "vocab_size": 8}
    (block,) = SeqwiseModel(SeqwiseConfig(layer_types=[kind], body="classic", **size)).layers
    return lambda x: block(x, None, None, False)[0], width, list(block.parameters())


def transformer(parameters: int) -> Layer:
    """One block: attention with rotary positions and a gated feed-forward, 12 x width^2 in all."""
    width = round((parameters / 12) ** 0.5 / 32) * 32
    size = {"embedding_size": 8, "projection_size": width, "hidden_size": width, "num_hidden_layers": 1, "vocab_size": 8}
    inner = round((parameters - 4 * width**2) / (3 * width))
    (block,) = SeqwiseModel(SeqwiseConfig(layer_types=["attention"], intermediate_size=inner, **size)).layers
    return lambda x: block(x, None, None, False)[0], width, list(block.parameters())


LAYERS: Mapping[str, Callable[[int], Layer]] = {
    "rnn": lambda size: fused("rnn", size),
    "lstm": lambda size: fused("lstm", size),
    "gru": lambda size: fused("gru", size),
    "lstm, loop in Python": lambda size: looped("lstm", size),
    "minlstm": lambda size: scanned("minlstm", size),
    "mingru": lambda size: scanned("mingru", size),
    "transformer": transformer,
}
STYLES = {
    name: Style(index, index, {"transformer": "7 4", "lstm, loop in Python": "2 3"}.get(name, "")) for index, name in enumerate(LAYERS)
}


def milliseconds(layer: Layer, length: int, batch: int) -> float:
    """Of one step, forwards and backwards."""
    forward, width, parameters = layer
    x = torch.randn(batch, length, width)
    begun = time.perf_counter()
    forward(x).sum().backward()
    spent = 1000 * (time.perf_counter() - begun)
    for parameter in parameters:
        parameter.grad = None
    return spent


def longest_chain(output: Tensor) -> int:
    """Operations on the longest path of the graph behind ``output``: none of them can begin before the one before it has ended."""
    order, seen, stack = [], set(), [(output.grad_fn, False)]
    while stack:
        node, left = stack.pop()
        if left:
            order.append(node)
        elif node is not None and node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(parent, False) for parent, _ in node.next_functions]
    depth: dict[Any, int] = {None: 0}
    for node in order:
        depth[node] = 1 + max((depth[parent] for parent, _ in node.next_functions), default=0)
    return depth[output.grad_fn]


def chain_per_token(name: str) -> float:
    """How much longer the chain gets with every token."""
    build = transformer if name == "transformer" else lambda size: looped(name, size)
    forward, width, _ = build(PARAMETERS // 16)
    ends = [longest_chain(forward(torch.randn(1, length, width, requires_grad=True))) for length in (SHALLOW, DEEP)]
    return (ends[1] - ends[0]) / (DEEP - SHALLOW)


class TrainingSpeed(Claim):
    id = "training-speed"
    source = "reason 1; table row: training parallelism"
    statement = "RNNs and LSTMs process a sequence token by token and train slowly; Transformers use whole sequences and train much faster."
    clauses = (
        Clause(
            statement="A Transformer trains much faster than an LSTM of its size",
            scope="this CPU",
            effect=f"time of a step of the LSTM over that of the Transformer, length {LONG}",
            unit="times",
            threshold=2.0,
            pilot_seen=True,
        ),
        Clause(
            statement="It trains faster than an LSTM of its size at all",
            scope="this CPU",
            effect=f"time of a step of the LSTM over that of the Transformer, length {LONG}",
            unit="times",
            threshold=1.0,
            pilot_seen=True,
        ),
        Clause(
            statement="It trains much faster than an RNN of its size",
            scope="this CPU",
            effect=f"time of a step of the RNN over that of the Transformer, length {LONG}",
            unit="times",
            threshold=2.0,
        ),
        Clause(
            statement="In an LSTM every token waits for the one before it",
            scope="exact",
            effect="operations that the longest chain gains with every token",
            unit="per token",
            threshold=1.0,
        ),
        Clause(
            statement="In a Transformer none does",
            scope="exact",
            effect="operations that the longest chain gains with every token",
            unit="per token",
            threshold=0.01,
            direction="below",
        ),
        Clause(
            statement="On a GPU a Transformer trains much faster than an LSTM of its size",
            scope="this GPU",
            effect=f"time of a step of the LSTM over that of the Transformer, length {LONG}",
            unit="times",
            threshold=2.0,
        ),
        Clause(
            statement="Industry never trained LSTMs on text of the size of the web",
            scope="history",
            effect="trained models",
            unit="count",
            threshold=1.0,
            direction="below",
        ),
    )
    published = (
        Published(
            value="RTX 3090, equal parameters: a Transformer reads 2.5 (19 M) to 7.0 (706 M) times the tokens of a quasi-LSTM",
            source="Stanic et al. 2023 (Languini), arXiv:2309.11197",
        ),
        Published(
            value="minGRU, minLSTM: 175 and 235 times faster than GRU and LSTM at length 512 (T4)",
            source="Feng et al. 2024, arXiv:2410.01201",
        ),
        Published(
            value="an mLSTM of 4,096 units: three epochs of 40 GB of text in 4 hours on 128 V100",
            source="Puri et al. 2018, arXiv:1808.01371",
        ),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 240.0, "long": 900.0}
    alone = True

    def experiments(self, tier: str) -> Iterable[Experiment]:
        chains = [Experiment(part="chain", settings={"model": name}) for name in (*LOOPS, "transformer")]
        sizes = [(length, TOKENS // length) for length in reversed(LENGTHS[tier])] + [(LONG, batch) for batch in BATCHES[tier]]
        return chains + [Experiment(part="time", settings={"length": n, "batch": rows, "rounds": ROUNDS[tier]}) for n, rows in sizes]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        """Milliseconds (rounds,) of every layer, interleaved, the order turned, after one round that is not counted."""
        torch.manual_seed(experiment.seed)
        if experiment.part == "chain":
            return {"per token": chain_per_token(experiment.settings["model"])}
        length, batch = experiment.settings["length"], experiment.settings["batch"]
        layers = {name: build(PARAMETERS) for name, build in LAYERS.items()}
        found: dict[str, list[float]] = {name: [] for name in layers}
        for turn in range(experiment.settings["rounds"] + 1):
            for name in list(layers) if turn % 2 else list(layers)[::-1]:
                spent = milliseconds(layers[name], length, batch)
                found[name] += [spent] if turn else []
        return found | {"parameters": {name: sum(p.numel() for p in layer[2]) for name, layer in layers.items()}}

    def judge(self, results: Sequence[Result]) -> Judged:
        rng = np.random.default_rng(0)
        times = _times(results)
        chains = {name: values_of(results, "chain", "per token", model=name) for name in (*LOOPS, "transformer")}
        over = lambda a, b: ratio_of_medians(times[LONG][a], times[LONG][b], rng=rng) if LONG in times else None  # noqa: E731
        ratio, simple = over("lstm", "transformer"), over("rnn", "transformer")
        chain = {name: exactly(values[0]) if values else None for name, values in chains.items()}
        estimates = [ratio, ratio, simple, chain["lstm"], chain["transformer"], None, None]
        measured = [
            Measured(
                model=name, quantity="step of 2,048 tokens", unit="ms", estimate=median_of(found[name], rng=rng), at={"length": length}
            )
            for length, found in sorted(times.items())
            for name in LAYERS
        ]
        measured += [
            Measured(
                model=name,
                quantity=f"step of sequences of {LONG}",
                unit="ms",
                estimate=median_of(found[name], rng=rng),
                at={"length": LONG, "batch": rows},
            )
            for rows, found in _times_by_batch(results).items()
            for name in LAYERS
        ]
        measured += [
            Measured(model=name, quantity="longest chain of operations", unit="per token", estimate=estimate)
            for name, estimate in chain.items()
            if estimate
        ]
        if ratio is None or simple is None:
            return Judged(estimates, measured, f"{len(measured)} measurements; the times at length {LONG} are missing")
        medians = {name: float(np.median(times[LONG][name])) for name in LAYERS}
        summary = (
            f"At length {LONG} a step of 2,048 tokens takes the LSTM {ratio.value:.2f} times as long as a Transformer of its size, the RNN"
            f" {simple.value:.2f} times, an LSTM as a loop in Python"
            f" {medians['lstm, loop in Python'] / medians['lstm']:.1f} times as long as the"
            f" fused one."
        )
        cells = {name: f"{medians[name]:.0f} ms a step on this CPU" for name in ("rnn", "lstm", "transformer")}
        return Judged(estimates, measured, summary, {"Training parallelism": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Milliseconds of a step against length, the number of tokens the same, and against the batch, the length the same."""
        shown = (
            ("A training step of 2,048 tokens, by length", "tokens of a sequence", "at length", _times(results)),
            (f"A training step of sequences of {LONG}, by batch", "sequences", "with a batch of", _times_by_batch(results)),
        )
        figures: list[Block] = []
        for title, label, at, times in shown:
            drawn = {name: timed({x: found[name] for x, found in times.items()}, at) for name in LAYERS} if len(times) > 1 else {}
            axes = Axis(label, numbers.count, log=True), Axis("milliseconds of a step", numbers.number, log=True)
            figures += lines(title, drawn, STYLES, axes, TIMES)
        return tuple(figures)


def _times(results: Sequence[Result]) -> dict[int, dict[str, Any]]:
    """By length, of steps that are filled."""
    rows = [(experiment.settings, found) for experiment, found in results if experiment.part == "time"]
    return {settings["length"]: found for settings, found in rows if settings["batch"] == TOKENS // settings["length"]}


def _times_by_batch(results: Sequence[Result]) -> dict[int, dict[str, Any]]:
    """By rows of a step, at length LONG."""
    rows = [(experiment.settings, found) for experiment, found in results if experiment.part == "time"]
    return {settings["batch"]: found for settings, found in rows if settings["length"] == LONG}
