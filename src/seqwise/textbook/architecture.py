"""Architecture: who is recurrent, who is gated, who attends; by taking things away and by derivatives."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqwise.kernels.lstm.reference import lstm
from seqwise.models.accounting import state_bytes
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Result, values_of
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import exactly, mean_of, paired_difference
from seqwise.textbook.gradients import log_norms, slope

MODELS = ("rnn", "lstm", "gru", "transformer")
WIDTH, BATCH, LENGTH, CUT = 24, 16, 20, 12
SEEDS = {"smoke": 6, "standard": 12, "long": 30}
GATES = ("none", "input", "forget", "output")
GATE_LENGTH, FIRST, LAST = 40, 5, 30


def model_of(name: str) -> SeqwiseModel:
    mixer = "attention" if name == "transformer" else name
    size = {"embedding_size": WIDTH, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 1}
    return SeqwiseModel(SeqwiseConfig(layer_types=[mixer], **size)).double().eval()


def fall(model: SeqwiseModel, x: Tensor, direction: Tensor) -> float:
    """Slope of ln |d y_T / d x_s| over the distance T - s, without the token itself."""
    return slope(log_norms(lambda given: model(inputs_embeds=given, use_cache=False).last_hidden_state, x, direction), 1, LENGTH - 1)


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
            statement="RNN and LSTM are recurrent: what they have read is in a state from which they go on",
            scope="exact",
            effect="largest difference between going on from the state and reading all, RNN, LSTM and GRU",
            unit="",
            threshold=1e-9,
            direction="below",
        ),
        Clause(
            statement="That state has one size, however much was read",
            scope="exact",
            effect="bytes of state after 1,000 tokens over those after 10, largest of RNN, LSTM and GRU",
            unit="times",
            threshold=(1.0, 1.0),
            direction="within",
        ),
        Clause(
            statement="A Transformer has none such: what it keeps grows with what it read",
            scope="exact",
            effect="bytes kept after 1,000 tokens over those after 10",
            unit="times",
            threshold=99.0,
        ),
        Clause(
            statement="In a Transformer every token reaches every later one at once; in a recurrent layer through all between",
            scope="this data",
            effect="fall of ln |d y_t / d x_s| per step of distance, one layer as it begins: Transformer less RNN",
            unit="per step",
            threshold=0.05,
        ),
        Clause(
            statement="An LSTM is gated: it is the forget gate that keeps what was read",
            scope="this data",
            effect="slope of ln gradient norm over steps back: intact (forget bias 1) less forget gate closed",
            unit="per step",
            threshold=0.1,
        ),
    )
    seconds: ClassVar = {"smoke": 30.0, "standard": 60.0, "long": 120.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [Experiment(part="layers", seed=seed) for seed in range(SEEDS[tier])]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        torch.manual_seed(experiment.seed)
        x, direction = torch.randn(BATCH, LENGTH, WIDTH, dtype=torch.float64), torch.randn(WIDTH, dtype=torch.float64)
        models = {name: model_of(name) for name in MODELS}
        return {
            "continued": {name: continued(model, x) for name, model in models.items()},
            "bytes": {name: state_bytes(model.config, 1_000) / state_bytes(model.config, 10) for name, model in models.items()},
            "fall": {name: fall(model, x, direction) for name, model in models.items()},
            "gates": _gate_slopes(experiment.seed),
        }

    def judge(self, results: Sequence[Result]) -> Judged:
        if not results:
            return Judged([None] * len(self.clauses), (), "nothing was measured")
        rows = {key: values_of(results, "layers", key) for key in ("continued", "bytes", "fall", "gates")}
        recurrent = MODELS[:3]
        state = max(row[name] for row in rows["continued"] for name in recurrent)
        falls = {name: dict(enumerate(row[name] for row in rows["fall"])) for name in MODELS}
        gates = {gate: dict(enumerate(row[gate] for row in rows["gates"])) for gate in GATES}
        estimates = [
            exactly(state),
            exactly(max(row[name] for row in rows["bytes"] for name in recurrent)),
            exactly(rows["bytes"][0]["transformer"]),
            paired_difference(falls["transformer"], falls["rnn"]),
            paired_difference(gates["none"], gates["forget"]),
        ]
        measured = [
            Measured(model=name, quantity="fall of ln |dy_t/dx_s| with distance", unit="per step", estimate=mean_of(values))
            for name, values in falls.items()
        ]
        measured += [
            Measured(model="lstm", quantity="slope of ln gradient norm", unit="per step", estimate=mean_of(values), at={"gate held": gate})
            for gate, values in gates.items()
        ]
        summary = (
            f"Recurrent models go on from their state with a difference of {state:.1g}; their state has one size, a Transformer's grows"
            f" {rows['bytes'][0]['transformer']:.0f} times from 10 to 1,000 tokens. With its forget gate closed an LSTM's gradient fades by"
            f" {mean_of(gates['forget']).value:.2f} a step, intact by {mean_of(gates['none']).value:.2f}."
        )
        cells = {
            "rnn": "goes on from a state of one size",
            "lstm": f"the same; its forget gate is worth {estimates[4].value:.2f} per step",
            "transformer": "keeps every token, reaches each at once",
        }
        return Judged(estimates, measured, summary, {"Architecture": cells})


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
