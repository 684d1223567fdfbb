"""Architecture: who is recurrent, who is gated, who attends; by what is kept, by order, by taking gates away and by derivatives."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqwise.kernels.lstm.reference import lstm
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, by_seed, values_of
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import exactly, mean_of, paired_difference
from seqwise.textbook.gradients import log_norms, slope
from seqwise.textbook.inference_speed import bytes_kept
from seqwise.textbook.pictures import averaged, lines
from seqwise.textbook.position import prefix_dependence

MODELS = ("rnn", "lstm", "gru", "transformer")
RECURRENT = MODELS[:3]
UNORDERED = "transformer, no positions"
ORDERED = {
    **{name: {"layer_types": [name]} for name in RECURRENT},
    UNORDERED: {"layer_types": ["attention"], "position_embedding": "none"},
}
"""One layer each, whose last answer is asked for while what came before it changes places."""
WIDTH, BATCH, LENGTH, CUT = 24, 16, 20, 12
FEW, MANY = 10, 1_000
"""Tokens after which what is kept is weighed."""
STYLES = {name: Style(index, index, "7 4" if name == "transformer" else "") for index, name in enumerate(MODELS)}
SEEDS = {"smoke": 6, "standard": 12, "long": 30}
GATES = ("none", "input", "forget", "output")
GATE_LENGTH, FIRST, LAST = 40, 5, 30


def model_of(name: str) -> SeqwiseModel:
    mixer = "attention" if name == "transformer" else name
    size = {"embedding_size": WIDTH, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 1}
    return SeqwiseModel(SeqwiseConfig(layer_types=[mixer], **size)).double().eval()


def reach(model: SeqwiseModel, x: Tensor, direction: Tensor) -> list[float]:
    """ln |d y_T / d x_s| by the distance T - s, (LENGTH,)."""
    return log_norms(lambda given: model(inputs_embeds=given, use_cache=False).last_hidden_state, x, direction).tolist()


def growth(model: SeqwiseModel) -> float:
    """Bytes of what is kept after MANY tokens over those after FEW."""
    x = torch.randn(1, MANY, WIDTH, dtype=torch.float64)
    with torch.inference_mode():
        few, many = (bytes_kept(model(inputs_embeds=x[:, :count], use_cache=True).past_key_values) for count in (FEW, MANY))
    return many / few


def continued(model: SeqwiseModel, x: Tensor) -> float:
    """Largest difference of the outputs after ``CUT`` steps when the model goes on from its state instead of reading all."""
    with torch.inference_mode():
        whole = model(inputs_embeds=x, use_cache=False).last_hidden_state[:, CUT:]
        state = model(inputs_embeds=x[:, :CUT], use_cache=True).past_key_values
        rest = model(inputs_embeds=x[:, CUT:], past_key_values=state).last_hidden_state
    return float((whole - rest).abs().max())


def without_gate(gate: str, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """An LSTM's outputs with one gate held: input and output gates open, the forget gate closed, so that nothing is kept."""
    if gate == "none":
        return lstm(x, _zeros(x), *weights)[0]
    place = {"input": 0, "forget": 1, "output": 3}[gate]
    held = [weight.clone() for weight in weights]
    for weight in held:
        weight[place * WIDTH : (place + 1) * WIDTH] = 0.0
    held[2][place * WIDTH : (place + 1) * WIDTH] = -50.0 if gate == "forget" else 50.0
    return lstm(x, _zeros(x), *held)[0]


def _zeros(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_zeros(len(x), WIDTH), x.new_zeros(len(x), WIDTH)


class Architecture(Claim):
    id = "architecture"
    source = "table row: architecture"
    statement = "An RNN is recurrent, an LSTM recurrent and gated, a Transformer attends and is not recurrent."
    clauses = (
        Clause(
            statement="All of them can go on from what they have kept, as if they read all again",
            scope="exact",
            effect="largest difference between going on and reading all, RNN, LSTM, GRU and Transformer",
            unit="",
            threshold=1e-9,
            direction="below",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="RNN and LSTM are recurrent: what they go on from has one size, however much was read",
            scope="exact",
            effect=f"bytes kept after {MANY:,} tokens over those after {FEW}, largest of RNN, LSTM and GRU",
            unit="times",
            threshold=(1.0, 1.0),
            direction="within",
            pilot_seen=True,
        ),
        Clause(
            statement="A Transformer is not: what it keeps grows with what it read",
            scope="exact",
            effect=f"bytes kept after {MANY:,} tokens over those after {FEW}",
            unit="times",
            threshold=99.0,
            pilot_seen=True,
        ),
        Clause(
            statement="A recurrent layer follows the order of its input: its answer changes when what came before changes places",
            scope="exact",
            effect="smallest relative change of the last answer when what came before changes places, RNN, LSTM and GRU",
            unit="",
            threshold=1e-3,
            pilot_seen=True,
        ),
        Clause(
            statement="A layer of attention does not: without positional encoding its answer stays the same",
            scope="exact",
            effect="largest relative change of the last answer when what came before changes places, one causal layer",
            unit="",
            threshold=1e-5,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="In a Transformer every token reaches every later one at once; in a recurrent layer through all between",
            scope="this data",
            effect="fall of ln |d y_t / d x_s| per step of distance, one layer as it begins: Transformer less RNN",
            unit="per step",
            threshold=0.05,
            pilot_seen=True,
        ),
        Clause(
            statement="An LSTM is gated: it is the forget gate, more than the others, that keeps what was read",
            scope="this data",
            effect="slope of ln gradient norm over steps back: what closing the forget gate takes from it, less the larger of what"
            " holding the input or the output gate open changes",
            unit="per step",
            threshold=0.1,
            pilot_seen=True,
        ),
    )
    published = (
        Published(
            value="operations in a row, and steps from token to token: O(1) in self-attention, O(length) in a recurrent layer",
            source="Vaswani et al. 2017, arXiv:1706.03762, table 1",
            read=False,
            clauses=(5,),
        ),
        Published(
            value="of eight LSTM variants none is clearly better than the usual one; the forget gate matters most",
            source="Greff et al. 2017, arXiv:1503.04069",
            read=False,
            clauses=(6,),
        ),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 80.0, "long": 160.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [Experiment(part="layers", seed=seed) for seed in range(SEEDS[tier])]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        torch.manual_seed(experiment.seed)
        x, direction = torch.randn(BATCH, LENGTH, WIDTH, dtype=torch.float64), torch.randn(WIDTH, dtype=torch.float64)
        models = {name: model_of(name) for name in MODELS}
        return {
            "continued": {name: continued(model, x) for name, model in models.items()},
            "growth": {name: growth(model) for name, model in models.items()},
            "order": {name: prefix_dependence(settings, experiment.seed) for name, settings in ORDERED.items()},
            "reach": {name: reach(model, x, direction) for name, model in models.items()},
            "gates": _gate_slopes(experiment.seed),
        }

    def judge(self, results: Sequence[Result]) -> Judged:
        if not results:
            return Judged([None] * len(self.clauses), (), "nothing was measured")
        rows = {key: values_of(results, "layers", key) for key in ("continued", "growth", "order")}
        falls = {name: {seed: _fall(row[name]) for seed, row in by_seed(results, "layers", "reach").items()} for name in MODELS}
        by_gate = by_seed(results, "layers", "gates")
        grown = {name: max(row[name] for row in rows["growth"]) for name in MODELS}
        estimates = [
            exactly(max(row[name] for row in rows["continued"] for name in MODELS)),
            exactly(max(grown[name] for name in RECURRENT)),
            exactly(min(row["transformer"] for row in rows["growth"])),
            exactly(min(row[name] for row in rows["order"] for name in RECURRENT)),
            exactly(max(row[UNORDERED] for row in rows["order"])),
            paired_difference(falls["transformer"], falls["rnn"]),
            mean_of({seed: _worth_of_forgetting(slopes) for seed, slopes in by_gate.items()}),
        ]
        measured = [
            Measured(model=name, quantity="fall of ln |dy_t/dx_s| with distance", unit="per step", estimate=mean_of(values))
            for name, values in falls.items()
        ]
        gates = {gate: mean_of({seed: slopes[gate] for seed, slopes in by_gate.items()}) for gate in GATES}
        measured += [
            Measured(model="lstm", quantity="slope of ln gradient norm", unit="per step", estimate=estimate, at={"gate held": gate})
            for gate, estimate in gates.items()
        ]
        measured += [
            Measured(
                model=name,
                quantity="largest change of the last answer when what came before changes places, relative",
                unit="",
                estimate=exactly(max(row[name] for row in rows["order"])),
            )
            for name in ORDERED
        ]
        measured += [
            Measured(model=name, quantity=f"bytes kept after {MANY:,} tokens over those after {FEW}", unit="times", estimate=exactly(value))
            for name, value in grown.items()
        ]
        summary = (
            f"What an RNN and an LSTM keep is {max(grown['rnn'], grown['lstm']):.0f} times as large after {MANY:,} tokens as after {FEW},"
            f" what a Transformer keeps {grown['transformer']:.0f} times. With its forget gate closed an LSTM's gradient changes by"
            f" {gates['forget'].value:.2f} a step in its logarithm, intact by {gates['none'].value:.2f}, with its input gate held open by"
            f" {gates['input'].value:.2f}, its output gate by {gates['output'].value:.2f}."
        )
        cells = {
            "rnn": "goes on from a state of one size",
            "lstm": f"the same; closing its forget gate takes {gates['none'].value - gates['forget'].value:.2f} per step",
            "transformer": "keeps every token, reaches each at once",
        }
        return Judged(estimates, measured, summary, {"Architecture": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """The Jacobian of the last output to the inputs, by distance."""
        rows = values_of(results, "layers", "reach")
        distances = range(1, LENGTH, 2)
        drawn = {name: averaged({k: [row[name][k] / math.log(10) for row in rows] for k in distances}) for name in MODELS}
        axes = Axis("steps between input and output", numbers.number), Axis("log10 of |dy/dx|", numbers.number)
        return lines("How an input reaches the last output of one layer, by distance", drawn, STYLES, axes)


def _fall(reached: Sequence[float]) -> float:
    """Slope over the distance, without the token itself."""
    return slope(np.array(reached), 1, LENGTH - 1)


def _worth_of_forgetting(slopes: Mapping[str, float]) -> float:
    """What closing the forget gate takes, less the larger of what holding another gate open changes."""
    return slopes["none"] - slopes["forget"] - max(abs(slopes["none"] - slopes[gate]) for gate in ("input", "output"))


def _gate_slopes(seed: int) -> dict[str, float]:
    """Of an LSTM as torch begins it, with a forget bias of 1, intact and with each gate held."""
    torch.manual_seed(seed)
    layer = nn.LSTM(WIDTH, WIDTH).double()
    weights = [value.detach() for value in layer.parameters()]
    weights[2][WIDTH : 2 * WIDTH], weights[3][WIDTH : 2 * WIDTH] = 1.0, 0.0
    x, direction = torch.randn(4, GATE_LENGTH, WIDTH, dtype=torch.float64), torch.randn(WIDTH, dtype=torch.float64)
    return {
        gate: slope(log_norms(lambda given, gate=gate: without_gate(gate, given, weights), x, direction), FIRST, LAST) for gate in GATES
    }
