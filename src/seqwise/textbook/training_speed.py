"""Training speed: layers of one size over lengths, forwards and backwards; and the longest chain of operations that wait for each other."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import seqwise.nn
from seqwise.kernels.gru.reference import gru
from seqwise.kernels.linear_scan.blocked import scan
from seqwise.kernels.lstm.reference import lstm
from seqwise.kernels.rnn.reference import rnn
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block, Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, values_of
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, median_of, ratio_of_medians
from seqwise.textbook.pictures import TIMES, lines, timed
from seqwise.textbook.timing import ALL, GPU, ONE, placed, seconds_now, with_gpu

PARAMETERS, TOKENS = 800_000, 2_048
"""Of a layer, and of a step: the batch is as many rows as they fill."""
LONG, SHALLOW, DEEP = 256, 16, 48
LENGTHS = {"smoke": (LONG,), "standard": (LONG, 32, 64, 128, 512), "long": (LONG, 32, 64, 128, 512, 1024, 2048)}
"""On all cores, and on a GPU."""
ONE_THREAD = {"smoke": (LONG, 32), "standard": (LONG, 32), "long": (LONG, 32, 64, 128, 512, 1024, 2048)}
BATCHES = {"smoke": (), "standard": (1, 32), "long": (1, 4, 16, 32)}
"""Rows of a step at length LONG, on all cores, beside those that fill a step."""
ROUNDS = {"smoke": 5, "standard": 15, "long": 30}
FEW_ROUNDS = {"smoke": 5, "standard": 5, "long": 15}
"""Of steps that are longer than TOKENS."""
SCANNED = (64, 256, 1024, 4096)
"""Lengths whose scans are looked at."""
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
LOOPS = {"rnn": rnn, "lstm": lstm, "gru": gru}
Layer = tuple[Callable[[Tensor], Tensor], int, list[nn.Parameter]]
"""What maps (B, T, D) to (B, T, H), D, and the parameters."""


def fused(kind: str, parameters: int) -> Layer:
    """One operator for all steps: the layer of this package, which on a GPU is torch.nn's."""
    width = round((parameters / GATES[kind] / 2) ** 0.5)
    layer = {"rnn": seqwise.nn.RNN, "lstm": seqwise.nn.LSTM, "gru": seqwise.nn.GRU}[kind](width, width, batch_first=True)
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


def in_python(kind: str) -> str:
    """The name of the loop."""
    return f"{kind}, loop in Python"


LAYERS: Mapping[str, Callable[[int], Layer]] = {
    **{kind: functools.partial(fused, kind) for kind in GATES},
    **{in_python(kind): functools.partial(looped, kind) for kind in GATES},
    **{kind: functools.partial(scanned, kind) for kind in ("minlstm", "mingru")},
    "transformer": transformer,
}
FAST = ("rnn", "lstm", in_python("lstm"), "mingru", "transformer")
"""What the smoke tier has time for."""
STYLES = {
    **{kind: Style(index, index) for index, kind in enumerate(GATES)},
    **{in_python(kind): Style(index, index, "2 3") for index, kind in enumerate(GATES)},
    "minlstm": Style(4, 4),
    "mingru": Style(5, 5),
    "transformer": Style(6, 6, "7 4"),
}


def milliseconds(layer: Layer, length: int, batch: int, device: torch.device) -> float:
    """Of one step, forwards and backwards."""
    forward, width, parameters = layer
    x = torch.randn(batch, length, width, device=device)
    begun = seconds_now(device)
    forward(x).sum().backward()
    spent = 1000 * (seconds_now(device) - begun)
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


class StepsOfScan(TorchDispatchMode):
    """Counts the steps h = a h + b, each of which may serve many places of a sequence at once."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function.overloadpacket is torch.ops.aten.addcmul
        return function(*args, **kwargs or {})


def chain_of_scan(length: int) -> int:
    """Steps of minGRU's and minLSTM's scan over a sequence, one after the other: about 3 sqrt(length), where a loop has ``length``.

    A scan over a tree would have 2 log2(length) (Blelloch 1990). Ours does without blocks where a batch keeps the processor busy by itself.
    """
    a, b, h = torch.rand(1, length, 1), torch.rand(1, length, 1), torch.rand(1, 1)
    with StepsOfScan() as steps:
        scan(a, b, h, torch.empty_like(b))
    return steps.count


def chain_per_token(name: str) -> float:
    """How much longer the chain gets with every token."""
    forward, width, _ = LAYERS[name if name == "transformer" else in_python(name)](PARAMETERS // 16)
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
            effect=f"time of a step of the LSTM over that of the Transformer, length {LONG}, all cores",
            unit="times",
            threshold=2.0,
            pilot_seen=True,
        ),
        Clause(
            statement="It trains faster than an LSTM of its size at all",
            scope="this CPU",
            effect=f"time of a step of the LSTM over that of the Transformer, length {LONG}, all cores",
            unit="times",
            threshold=1.0,
            pilot_seen=True,
        ),
        Clause(
            statement="It trains much faster than an RNN of its size",
            scope="this CPU",
            effect=f"time of a step of the RNN over that of the Transformer, length {LONG}, all cores",
            unit="times",
            threshold=2.0,
            pilot_seen=True,
        ),
        Clause(
            statement="In an LSTM every token waits for the one before it",
            scope="exact",
            effect="operations that the longest chain gains with every token",
            unit="per token",
            threshold=1.0,
            pilot_seen=True,
        ),
        Clause(
            statement="In a Transformer none does",
            scope="exact",
            effect="operations that the longest chain gains with every token",
            unit="per token",
            threshold=0.01,
            direction="below",
            pilot_seen=True,
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
            clauses=(0, 1),
        ),
        Published(
            value="minGRU, minLSTM: 175 and 235 times faster than GRU and LSTM at length 512 (T4)",
            source="Feng et al. 2024, arXiv:2410.01201",
            read=False,
        ),
        Published(
            value="an mLSTM of 4,096 units: three epochs of 40 GB of text in 4 hours on 128 V100",
            source="Puri et al. 2018, arXiv:1808.01371, abstract",
        ),
        Published(
            value="operations that wait for each other: O(1) in self-attention, O(length) in a recurrent layer",
            source="Vaswani et al. 2017, arXiv:1706.03762, table 1",
            read=False,
            clauses=(3, 4),
        ),
        Published(
            value="a minGRU half as fast as torch's GRU (length 1,000, 100 units, GPU)",
            source="lucidrains/minGRU-pytorch, issue 13",
        ),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 360.0, "long": 1_500.0}
    alone = True

    def experiments(self, tier: str) -> Iterable[Experiment]:
        def timed_step(place: str, length: int, rows: int, rounds: int) -> Experiment:
            models = list(FAST if tier == "smoke" else LAYERS)
            return Experiment(part="time", settings={"on": place, "length": length, "batch": rows, "rounds": rounds, "models": models})

        sizes = [(place, n, TOKENS // n) for place in with_gpu(ALL) for n in LENGTHS[tier]]
        sizes += [(ONE, n, TOKENS // n) for n in ONE_THREAD[tier]] + [(ALL, LONG, rows) for rows in BATCHES[tier]]
        chains = Experiment(part="chain", settings={"lengths": list(SCANNED)})
        return [chains, *(timed_step(place, n, rows, (ROUNDS if n * rows <= TOKENS else FEW_ROUNDS)[tier]) for place, n, rows in sizes)]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        """Milliseconds (rounds,) of every layer, interleaved, the order turned, after one round that is not counted."""
        torch.manual_seed(experiment.seed)
        if experiment.part == "chain":
            scans = {str(length): chain_of_scan(length) for length in experiment.settings["lengths"]}
            return {"per token": {name: chain_per_token(name) for name in (*GATES, "transformer")}, "scan": scans}
        length, batch, names = (experiment.settings[key] for key in ("length", "batch", "models"))
        found: dict[str, list[float]] = {name: [] for name in names}
        with placed(experiment.settings["on"]) as device:
            with device:
                layers = {name: LAYERS[name](PARAMETERS) for name in names}
            for turn in range(experiment.settings["rounds"] + 1):
                for name in names if turn % 2 else names[::-1]:
                    spent = milliseconds(layers[name], length, batch, device)
                    found[name] += [spent] if turn else []
            parameters = {name: sum(p.numel() for p in layer[2]) for name, layer in layers.items()}
            return {"ms": found, "parameters": parameters, "threads": torch.get_num_threads()}

    def judge(self, results: Sequence[Result]) -> Judged:
        rng = np.random.default_rng(0)
        chains = values_of(results, "chain", "per token")
        chain = {name: exactly(value) for name, value in chains[0].items()} if chains else {}
        ratio, simple = (_over(results, ALL, name, rng) for name in ("lstm", "rnn"))
        estimates = [ratio, ratio, simple, chain.get("lstm"), chain.get("transformer"), _over(results, GPU, "lstm", rng), None]
        measured = [
            Measured(model=name, estimate=median_of(times, rng=rng), **_point(row))
            for row in _timed(results)
            for name, times in row["ms"].items()
        ]
        measured += _efficiencies(results, rng)
        measured += [
            Measured(model=name, quantity="longest chain of operations", unit="per token", estimate=value) for name, value in chain.items()
        ]
        measured += [
            Measured(
                model=f"{name}, scan", quantity="longest chain of steps", unit="steps", estimate=exactly(steps), at={"length": int(length)}
            )
            for scans in values_of(results, "chain", "scan")
            for length, steps in scans.items()
            for name in ("minlstm", "mingru")
        ]
        row = next(_timed(results, on=ALL, length=LONG, batch=TOKENS // LONG), None)
        if row is None:
            return Judged(estimates, measured, f"{len(measured)} measurements; the times at length {LONG} are missing")
        medians = {name: float(np.median(values)) for name, values in row["ms"].items()}
        threads = numbers.plural(row["threads"], "thread")
        summary = (
            f"On {threads}, at length {LONG}, a step of 2,048 tokens takes the LSTM {ratio.value:.2f} times as long as a Transformer"
            f" of its size, the RNN {simple.value:.2f} times, an LSTM as a loop in Python"
            f" {medians[in_python('lstm')] / medians['lstm']:.1f} times as long as the fused one."
        )
        cells = {name: f"{medians[name]:.0f} ms a step on this CPU, {threads}" for name in ("rnn", "lstm", "transformer")}
        return Judged(estimates, measured, summary, {"Training parallelism": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Milliseconds of a step against length, the number of tokens the same, and against the batch, the length the same."""
        figures: list[Block] = []
        for place in (ALL, ONE, GPU):
            rows = {row["length"]: row["ms"] for row in _timed(results, on=place) if row["batch"] == TOKENS // row["length"]}
            figures += _figure(f"A training step of 2,048 tokens, by length, {place}", "tokens of a sequence", "at length", rows)
        rows = {row["batch"]: row["ms"] for row in _timed(results, on=ALL, length=LONG)}
        figures += _figure(f"A training step of sequences of {LONG}, by batch, {ALL}", "sequences", "with a batch of", rows)
        return tuple(figures)


Times = Mapping[str, Sequence[float]]
"""Milliseconds of the rounds, by model."""


def _timed(results: Sequence[Result], **settings: Any) -> Iterator[dict[str, Any]]:
    """What was timed with these settings, each with all of its settings."""
    for experiment, found in results:
        if experiment.part == "time" and settings.items() <= experiment.settings.items():
            yield experiment.settings | found


def _over(results: Sequence[Result], place: str, name: str, rng: np.random.Generator) -> Estimate | None:
    """How much longer than the Transformer a model takes, at length LONG."""
    row = next(_timed(results, on=place, length=LONG, batch=TOKENS // LONG), None)
    return row and ratio_of_medians(row["ms"][name], row["ms"]["transformer"], rng=rng)


def _efficiencies(results: Sequence[Result], rng: np.random.Generator) -> Iterator[Measured]:
    """Time on one thread over N times that on N: 1 where all of them are made use of."""
    one = {(row["length"], row["batch"]): row["ms"] for row in _timed(results, on=ONE)}
    for row in _timed(results, on=ALL):
        for name, times in one.get((row["length"], row["batch"]), {}).items():
            whole = [row["threads"] * spent for spent in row["ms"][name]]
            at = {"length": row["length"], "threads": row["threads"]}
            yield Measured(model=name, quantity="thread efficiency", unit="", estimate=ratio_of_medians(times, whole, rng=rng), at=at)


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was timed, and where."""
    filled = row["batch"] == TOKENS // row["length"]
    quantity = "step of 2,048 tokens" if filled else f"step of sequences of {row['length']}"
    at = {"length": row["length"]} | ({} if filled else {"batch": row["batch"]})
    return {"quantity": quantity if row["on"] == ALL else f"{quantity}, {row['on']}", "unit": "ms", "at": at}


def _figure(title: str, label: str, at: str, times: Mapping[int, Times]) -> tuple[Figure, ...]:
    """One line a model; none where there is but one point."""
    models = list(dict.fromkeys(name for found in times.values() for name in found)) if len(times) > 1 else []
    drawn = {name: timed({x: found[name] for x, found in times.items() if name in found}, at) for name in models}
    axes = Axis(label, numbers.count, log=True), Axis("milliseconds of a step", numbers.number, log=True)
    return lines(title, drawn, STYLES, axes, TIMES)
