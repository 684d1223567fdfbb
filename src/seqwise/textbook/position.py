"""Position tracking: whose answer depends on the order of its input, with and without position codes."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch

from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, values_of
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly

ROUNDING = 1e-5
SEEDS = {"smoke": 3, "standard": 10, "long": 10}
LENGTH, WIDTH = 24, 32
MODELS: dict[str, dict[str, Any]] = {
    "transformer without positions": {"layer_types": ["attention"] * 2, "position_embedding": "none", "bidirectional": True},
    "causal transformer without positions": {"layer_types": ["attention"] * 2, "position_embedding": "none"},
    "transformer, rotary": {"layer_types": ["attention"] * 2, "position_embedding": "rotary", "bidirectional": True},
    "transformer, learned": {"layer_types": ["attention"] * 2, "position_embedding": "learned", "bidirectional": True},
    "transformer, sinusoidal": {"layer_types": ["attention"] * 2, "position_embedding": "sinusoidal", "bidirectional": True},
    "rnn": {"layer_types": ["rnn"] * 2},
    "lstm": {"layer_types": ["lstm"] * 2},
    "gru": {"layer_types": ["gru"] * 2},
}


def order_dependence(settings: dict[str, Any], seed: int) -> float:
    """max |f(P x) - P f(x)| over a batch of random tokens and one permutation P, relative to max |f(x)|, in float64.

    Zero for a map that treats its input as a set (Zaheer et al. 2017, arXiv:1703.06114).
    """
    torch.manual_seed(seed)
    model = SeqwiseModel(SeqwiseConfig(vocab_size=50, embedding_size=WIDTH, hidden_size=WIDTH, intermediate_size=2 * WIDTH, **settings))
    model = model.double().eval()
    ids, order = torch.randint(0, 50, (4, LENGTH)), torch.randperm(LENGTH)
    with torch.inference_mode():
        straight, turned = (model(input_ids=x, use_cache=False).last_hidden_state for x in (ids, ids[:, order]))
    return float((turned - straight[:, order]).abs().max() / straight.abs().max())


class Position(Claim):
    id = "position"
    source = "table row: position tracking"
    statement = "RNNs and LSTMs know the order of their input by themselves; a Transformer needs an explicit positional encoding."
    clauses = (
        Clause(
            statement="Attention that sees both sides takes its input for a set where nothing tells it positions",
            scope="exact",
            effect="largest change of an answer under a permutation of the input, relative",
            unit="",
            threshold=ROUNDING,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="An RNN, LSTM or GRU depends on order by itself",
            scope="exact",
            effect="smallest such change over the three",
            unit="",
            threshold=100 * ROUNDING,
            pilot_seen=True,
        ),
        Clause(
            statement="So does attention with any of the three positional encodings",
            scope="exact",
            effect="smallest such change over the three",
            unit="",
            threshold=100 * ROUNDING,
            pilot_seen=True,
        ),
        Clause(
            statement="A causal Transformer, too, takes its input for a set without positional encoding",
            scope="exact",
            effect="largest such change",
            unit="",
            threshold=ROUNDING,
            direction="below",
            pilot_seen=True,
        ),
    )
    published = (
        Published(
            value="bidirectional 147.18 against 4.06 perplexity without and with positions", source="Haviv et al. 2022, arXiv:2203.16634"
        ),
        Published(
            value="causal, WikiText-103: 20.97 without, 20.42 learned, 20.16 sinusoidal", source="Haviv et al. 2022, arXiv:2203.16634"
        ),
    )
    seconds: ClassVar = {"smoke": 20.0, "standard": 20.0, "long": 20.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [Experiment(part="order", seed=seed) for seed in range(SEEDS[tier])]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        return {name: order_dependence(settings, experiment.seed) for name, settings in MODELS.items()}

    def judge(self, results: Sequence[Result]) -> Judged:
        change = {model: values_of(results, "order", model) for model in MODELS}
        blind, causal, *coded = (change[name] for name in MODELS if name.startswith(("transformer", "causal")))
        recurrent = [change[name] for name in ("rnn", "lstm", "gru")]
        estimates = [_extreme(max, [blind]), _extreme(min, recurrent), _extreme(min, coded), _extreme(max, [causal])]
        measured = [
            Measured(
                model=name,
                quantity="largest change under a permutation, relative",
                unit="",
                estimate=Estimate(max(values), samples=len(values)),
            )
            for name, values in change.items()
            if values
        ]
        shown = [f"{estimate.value:.1g}" if estimate else "nothing" for estimate in estimates]
        summary = (
            f"A permutation of the input changes bidirectional attention without positions by {shown[0]},"
            f" recurrent models by {shown[1]} or more,"
            f" attention with positions by {shown[2]} or more, and causal attention without positions by up to {shown[3]}."
        )
        cells = {
            "rnn": f"by order, {_of(change['rnn'])}",
            "lstm": f"by order, {_of(change['lstm'])}",
            "transformer": f"a set without positions ({shown[0]}); causal not ({shown[3]})",
        }
        return Judged(estimates, measured, summary, {"Position tracking": cells})


def _of(values: Sequence[float]) -> str:
    return f"change {min(values):.2g}" if values else "not measured"


def _extreme(choose: Any, groups: Sequence[Sequence[float]]) -> Estimate | None:
    values = [value for group in groups for value in group]
    return exactly(choose(values)) if values and all(groups) else None
