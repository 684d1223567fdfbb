"""Position tracking: whose answer depends on the order of its input, with and without position codes; and what codes are worth."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch

from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import POSITIONS, SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.charts import Estimate as Bar
from seqwise.report.charts import interval_chart
from seqwise.report.document import Block, Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, by_seed, values_of
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import UNKNOWN, exactly, mean_of
from seqwise.textbook.language import LanguageRun, train
from seqwise.textbook.pictures import MEANS
from seqwise.textbook.probed import unless_untrained

LEAST = "smallest relative change of the last answer over the three, when what came before changes places"
MOST = "largest relative change of the last answer, when what came before changes places"
ROUNDING = 1e-5
SEEDS = {"smoke": 3, "standard": 10, "long": 10}
LENGTH, WIDTH = 24, 32
ATTENTION = ["attention"]
BLIND, SHALLOW, DEEP = "attention, both sides, no code", "attention, causal, no code, 1 layer", "attention, causal, no code, 2 layers"
RECURRENT = ("rnn", "lstm", "gru")
MODELS: dict[str, dict[str, Any]] = {
    BLIND: {"layer_types": ATTENTION * 2, "position_embedding": "none", "bidirectional": True},
    SHALLOW: {"layer_types": ATTENTION, "position_embedding": "none"},
    DEEP: {"layer_types": ATTENTION * 2, "position_embedding": "none"},
    **{
        f"attention, both sides, {code}": {"layer_types": ATTENTION * 2, "position_embedding": code, "bidirectional": True}
        for code in POSITIONS
        if code != "none"
    },
    **{name: {"layer_types": [name] * 2} for name in RECURRENT},
}
CODED = tuple(name for name in MODELS if name.endswith(tuple(POSITIONS[:-1])))
STEPS = {"language": {"standard": 400, "long": 2_000}, "hidden": {"standard": 500, "long": 2_000}}
LEARNING_SEEDS = {"language": {"standard": 4, "long": 6}, "hidden": {"standard": 3, "long": 6}}
NEEDED = 1.05
"""Times the bits per byte of the best code, from which on a model counts as in need of one."""
LOST = 1.5
"""Times the perplexity with the best code, from which on a model that sees both sides does."""


def model_and_tokens(settings: dict[str, Any], seed: int) -> tuple[SeqwiseModel, torch.Tensor]:
    """A random model in float64, and random tokens (4, LENGTH)."""
    torch.manual_seed(seed)
    model = SeqwiseModel(
        SeqwiseConfig(
            vocab_size=50,
            embedding_size=WIDTH,
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=len(settings["layer_types"]),
            **settings,
        )
    )
    return model.double().eval(), torch.randint(0, 50, (4, LENGTH))


@torch.inference_mode()
def order_dependence(settings: dict[str, Any], seed: int) -> float:
    """max |f(P x) - P f(x)| over a batch of random tokens and one permutation P, relative to max |f(x)|, in float64.

    Zero for a map that treats its input as a set (Zaheer et al. 2017, arXiv:1703.06114). Above it for any other, a causal one too.
    """
    model, ids = model_and_tokens(settings, seed)
    order = torch.randperm(LENGTH)
    straight, turned = (model(input_ids=x, use_cache=False).last_hidden_state for x in (ids, ids[:, order]))
    return float((turned - straight[:, order]).abs().max() / straight.abs().max())


@torch.inference_mode()
def prefix_dependence(settings: dict[str, Any], seed: int) -> float:
    """How much the last output changes, relative, when the tokens before the last change places. Zero where they are taken for a set."""
    model, ids = model_and_tokens(settings, seed)
    order = torch.cat((torch.randperm(LENGTH - 1), torch.tensor([LENGTH - 1])))
    straight, turned = (model(input_ids=x, use_cache=False).last_hidden_state[:, -1] for x in (ids, ids[:, order]))
    return float((turned - straight).abs().max() / straight.abs().max())


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
            effect=LEAST,
            unit="",
            threshold=100 * ROUNDING,
            pilot_seen=True,
        ),
        Clause(
            statement="So does attention with any of the three positional encodings",
            scope="exact",
            effect=LEAST,
            unit="",
            threshold=100 * ROUNDING,
            pilot_seen=True,
        ),
        Clause(
            statement="One causal layer without positional encoding takes what came before for a set",
            scope="exact",
            effect=MOST,
            unit="",
            threshold=ROUNDING,
            direction="below",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="So do two: a causal Transformer, too, needs positional encoding to know order",
            scope="exact",
            effect=MOST,
            unit="",
            threshold=ROUNDING,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="A causal language model needs it: without, it is more than 5 % behind",
            scope="this data",
            effect="bits per byte without positional encoding over those with the best of three",
            unit="times",
            threshold=NEEDED,
        ),
        Clause(
            statement="A model of both sides, asked for hidden bytes, needs it: without, its perplexity is more than 1.5 times as high",
            scope="this data",
            effect="perplexity of hidden bytes without positional encoding over that with the best of three",
            unit="times",
            threshold=LOST,
        ),
    )
    published = (
        Published(
            value="bidirectional 147.18 against 4.06 perplexity without and with positions",
            source="Haviv et al. 2022, arXiv:2203.16634",
            read=False,
            clauses=(6,),
        ),
        Published(
            value="causal, WikiText-103: perplexity 20.97 without, 20.42 learned, 20.16 sinusoidal",
            source="Haviv et al. 2022, arXiv:2203.16634",
            read=False,
            clauses=(5,),
        ),
        Published(
            value="lengths beyond training, mean reciprocal rank: .69 without, .33 rotary, .22 learned",
            source="Kazemnejad et al. 2023, arXiv:2305.19466",
            read=False,
        ),
    )
    seconds: ClassVar = {"smoke": 30.0, "standard": 350.0, "long": 4_800.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        order = [Experiment(part="order", seed=seed) for seed in range(SEEDS[tier])]
        return order + [
            Experiment(part=part, settings={"code": code, "steps": STEPS[part][tier]}, seed=seed)
            for part, seeds in LEARNING_SEEDS.items()
            for seed in range(seeds.get(tier, 0))
            for code in POSITIONS
        ]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        if experiment.part in STEPS:
            steps, settings = experiment.settings["steps"], {"position_embedding": experiment.settings["code"]}
            masked = experiment.part == "hidden"
            found = train(LanguageRun(model="transformer", steps=steps, seed=experiment.seed, masked=masked, settings=settings))
            return {"bits_per_byte": found["bits_per_byte"], "trivial": found["trivial"]}
        return {
            name: {"all": order_dependence(settings, experiment.seed), "before": prefix_dependence(settings, experiment.seed)}
            for name, settings in MODELS.items()
        }

    def judge(self, results: Sequence[Result]) -> Judged:
        change = {name: values_of(results, "order", name) for name in MODELS}
        before = {name: [row["before"] for row in rows] for name, rows in change.items()}
        bits, hidden = _bits(results), _bits(results, "hidden")
        estimates = [
            _extreme(max, [[row["all"] for row in change[BLIND]]]),
            _extreme(min, [before[name] for name in RECURRENT]),
            _extreme(min, [before[name] for name in CODED]),
            _extreme(max, [before[SHALLOW]]),
            _extreme(max, [before[DEEP]]),
            _behind(bits),
            _lost(results),
        ]
        measured = [
            Measured(
                model=name,
                quantity="largest change of the last answer when what came before changes places, relative",
                unit="",
                estimate=Estimate(max(values), samples=len(values)),
            )
            for name, values in before.items()
            if values
        ]
        measured += [
            Measured(model=f"transformer, {code}", quantity="bits per byte", unit="bits", estimate=mean_of(values))
            for code, values in bits.items()
        ]
        measured += [
            Measured(model=f"transformer of both sides, {code}", quantity="bits per hidden byte", unit="bits", estimate=mean_of(values))
            for code, values in hidden.items()
        ]
        shown = [f"{estimate.value:.1g}" if estimate.value is not None else "nothing" for estimate in estimates[:5]]
        behind = "was not measured" if estimates[5].value is None else f"is {estimates[5].value:.3f} times that with the best code"
        lost = "was not measured" if estimates[6].value is None else f"is {estimates[6].value:.2f} times that with the best code"
        summary = (
            f"A permutation of the input changes attention of both sides without positions by {shown[0]}. One of what came before changes"
            f" the last answer of recurrent models by {shown[1]} or more, of attention with positions by {shown[2]} or more, of a causal"
            f" Transformer without them by {shown[3]} in one layer and up to {shown[4]} in two; its loss on bytes {behind}."
            f" Where both sides are seen, the perplexity of hidden bytes without them {lost}."
        )
        cells = {
            "rnn": f"by order, {_of(before['rnn'])}",
            "lstm": f"by order, {_of(before['lstm'])}",
            "transformer": f"a set without positions ({shown[0]}); causal not ({shown[4]}): loss without {behind}",
        }
        return Judged(estimates, measured, summary, {"Position tracking": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Bits per byte with every code and without."""
        return (
            *_drawn("A causal Transformer on bytes, by its positional encoding", _bits(results), "bits per byte"),
            *_drawn("A Transformer that sees both sides, by its positional encoding", _bits(results, "hidden"), "bits per hidden byte"),
        )


def _drawn(title: str, bits: Mapping[str, Mapping[int, float]], unit: str) -> tuple[Figure, ...]:
    estimates = {code: mean_of(values) for code, values in bits.items() if values}
    if not estimates:
        return ()
    rows = [
        Bar(code, Style(number, number), found.value, found.low, found.high, text=f"{found.value:.3f}")
        for number, (code, found) in enumerate(estimates.items())
    ]
    return (Figure(title, interval_chart(title, f"{unit} by positional encoding", rows, Axis(unit, numbers.number)), MEANS),)


def _bits(results: Sequence[Result], part: str = "language") -> dict[str, dict[int, float]]:
    """Bits per byte by code and seed."""
    return {code: by_seed(results, part, "bits_per_byte", code=code) for code in POSITIONS}


def _behind(bits: Mapping[str, Mapping[int, float]]) -> Estimate:
    """Bits per byte without a code over those with the best, seed by seed."""
    return mean_of([without / best for without, best in _beside_best(bits).values()])


def _lost(results: Sequence[Result]) -> Estimate:
    """Perplexity of hidden bytes without a code over that with the best, seed by seed.

    Decides nothing against a need where the best, too, knows little more than how often each byte comes.
    """
    found = _beside_best(_bits(results, "hidden"))
    trivial = by_seed(results, "hidden", "trivial", code="none")
    learned = all(best + math.log2(LOST) < trivial[seed] for seed, (_, best) in found.items())
    return unless_untrained(mean_of([2 ** (without - best) for without, best in found.values()]), LOST, learned)


def _beside_best(bits: Mapping[str, Mapping[int, float]]) -> dict[int, tuple[float, float]]:
    """By seed, the bits without a code, and those with the code that is best in the mean over seeds."""
    seeds = sorted(set.intersection(*(set(values) for values in bits.values())))
    best = min(POSITIONS[:-1], key=lambda code: sum(bits[code][seed] for seed in seeds))
    return {seed: (bits["none"][seed], bits[best][seed]) for seed in seeds}


def _of(values: Sequence[float]) -> str:
    return f"change {min(values):.2g}" if values else "not measured"


def _extreme(choose: Callable[[Iterable[float]], float], groups: Sequence[Sequence[float]]) -> Estimate:
    """No value where a group has none."""
    return exactly(choose(value for group in groups for value in group)) if all(groups) else UNKNOWN
