"""Vanishing gradients: how fast the gradient fades with distance, in closed form and in whole layers."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from scipy.special import log_expit

from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, by_seed, values_of
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, mean_of, paired_difference
from seqwise.textbook.gradients import (
    Layer,
    cell_path_slope,
    linear_path_slope,
    log_norms,
    recurrent,
    slope,
    slopes_in_training,
    transformer,
)
from seqwise.textbook.pictures import averaged, estimated, lines
from seqwise.textbook.probed import model
from seqwise.training.probing import ProbeConfig

WIDTH, LENGTH, BATCH, FIRST, LAST = 64, 80, 8, 5, 60
BIASES, RADII = (0.0, 1.0, 2.0, 5.0), (0.5, 0.9, 1.0, 1.2)
SEEDS = {"smoke": 10, "standard": 20, "long": 50}
LAYERS: Mapping[str, Callable[[], Layer]] = {
    "rnn": lambda: recurrent("rnn", WIDTH),
    "rnn, orthogonal": lambda: recurrent("rnn", WIDTH, rho=1.0),
    "lstm, as torch begins": lambda: recurrent("lstm", WIDTH),
    "lstm, forget bias 0": lambda: recurrent("lstm", WIDTH, bias=0.0),
    "lstm, forget bias 1": lambda: recurrent("lstm", WIDTH, bias=1.0),
    "lstm, forget bias 2": lambda: recurrent("lstm", WIDTH, bias=2.0),
    "gru": lambda: recurrent("gru", WIDTH),
    "transformer": lambda: transformer(WIDTH),
}
ORTHOGONAL = "rnn, orthogonal"
LEARNERS: Mapping[str, SeqwiseConfig] = {
    ORTHOGONAL: model("rnn", body="classic"),
    **{f"lstm, orthogonal, forget bias {bias:.0f}": model("lstm", body="classic", forget_bias=bias) for bias in BIASES[:3]},
    "transformer": model("attention", layers=2),
}
"""That learn to add two numbers of LENGTH. Recurrent weights of the package begin orthogonal, those of torch.nn uniform."""
LEARNED, EVERY = 1_000, 200
"""Steps of training after which a gradient is judged, and between two looks at it."""
WATCHED = {
    "slopes": ("slope of ln gradient norm while learning to add", "per step"),
    "errors": ("mean squared error while learning to add", ""),
}
STEPS = {"standard": LEARNED, "long": 3 * LEARNED}
LEARNING_SEEDS = {"standard": 4, "long": 10}
STYLES = {name: Style(index % 8, index % 8, "" if "lstm" in name else "6 3") for index, name in enumerate({**LAYERS, **LEARNERS})}


class VanishingGradient(Claim):
    id = "vanishing-gradient"
    source = "reason 2; table row: vanishing gradient"
    statement = "Gradients vanish in RNNs, less so in LSTMs, whose gates help, and not at all in Transformers."
    clauses = (
        Clause(
            statement="Through an LSTM's cell alone, a gradient fades by the forget gate, sigmoid(bias), in every step",
            scope="exact",
            effect="largest relative deviation of the measured slope from ln sigmoid(bias), biases 0, 1, 2, 5",
            unit="",
            threshold=0.01,
            direction="below",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="Through a linear RNN with an orthogonal matrix times rho, it changes by rho in every step",
            scope="exact",
            effect="largest deviation of the measured slope from ln rho, rho .5, .9, 1, 1.2",
            unit="per step",
            threshold=0.01,
            direction="below",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="In an RNN as it begins, gradients vanish",
            scope="this data",
            effect="slope of ln gradient norm over steps back, torch.nn.RNN with its uniform weights",
            unit="per step",
            threshold=-0.1,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="In an LSTM as torch begins it they fade more slowly than in the RNN",
            scope="this data",
            effect="difference of the slopes, LSTM - RNN, both of torch.nn",
            unit="per step",
            threshold=0.0,
            pilot_seen=True,
        ),
        Clause(
            statement="Gates alone are enough: in an LSTM as torch begins it they do not vanish",
            scope="this data",
            effect="slope of ln gradient norm over steps back, torch.nn.LSTM with its uniform weights",
            unit="per step",
            threshold=-0.1,
            pilot_seen=True,
        ),
        Clause(
            statement="A forget bias of 1 slows the fading further",
            scope="this data",
            effect="difference of the slopes, bias 1 - as torch begins",
            unit="per step",
            threshold=0.0,
            pilot_seen=True,
        ),
        Clause(
            statement="In a Transformer nothing fades with distance",
            scope="this data",
            effect="slope of ln gradient norm over steps back",
            unit="per step",
            threshold=(-0.01, 0.01),
            direction="within",
            pilot_seen=True,
        ),
        Clause(
            statement=f"Training does not cure the RNN: after {LEARNED:,} steps of learning to add two numbers its gradients vanish",
            scope="this data",
            effect=f"slope of ln gradient norm over steps back after {LEARNED:,} steps, the package's RNN, whose weights begin orthogonal",
            unit="per step",
            threshold=-0.1,
            direction="below",
        ),
    )
    published = (
        Published(
            value="sufficient for vanishing: largest singular value below 1/gamma, gamma = 1 for tanh",
            source="Pascanu et al. 2013, arXiv:1211.5063",
            read=False,
            clauses=(2,),
        ),
        Published(
            value="forget bias 1 closes the gap between LSTM and GRU",
            source="Jozefowicz et al. 2015",
            read=False,
            clauses=(5,),
        ),
    )
    seconds: ClassVar = {"smoke": 35.0, "standard": 330.0, "long": 2_400.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        exact = [Experiment(part="cell", settings={"bias": bias}) for bias in BIASES]
        exact += [Experiment(part="linear", settings={"rho": rho}) for rho in RADII]
        exact += [Experiment(part="layers", seed=seed) for seed in range(SEEDS[tier])]
        seeds = range(LEARNING_SEEDS.get(tier, 0))
        return exact + [
            Experiment(part="training", settings={"model": name, "steps": STEPS[tier]}, seed=seed) for seed in seeds for name in LEARNERS
        ]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        if experiment.part == "cell":
            return {"slope": cell_path_slope(experiment.settings["bias"])}
        if experiment.part == "linear":
            return {"slope": linear_path_slope(experiment.settings["rho"], experiment.seed)}
        if experiment.part == "training":
            steps, sizes = experiment.settings["steps"], {"shortest": LENGTH, "longest": LENGTH, "test_lengths": (LENGTH,)}
            probe = ProbeConfig(probe="adding", steps=steps, batch_size=32, examples=128, evaluate_every=EVERY, **sizes)
            slopes, errors = slopes_in_training(LEARNERS[experiment.settings["model"]], probe, experiment.seed, FIRST, LAST)
            return {"slopes": slopes, "errors": errors}
        return {name: _faded(build, experiment.seed) for name, build in LAYERS.items()}

    def judge(self, results: Sequence[Result]) -> Judged:
        slopes = {name: {seed: slope(row, FIRST, LAST) for seed, row in by_seed(results, "layers", name).items()} for name in LAYERS}
        during = {key: {name: _by_step(values_of(results, "training", key, model=name)) for name in LEARNERS} for key in WATCHED}
        cell = [abs(value / float(log_expit(bias)) - 1) for bias in BIASES for value in values_of(results, "cell", "slope", bias=bias)]
        linear = [abs(value - math.log(rho)) for rho in RADII for value in values_of(results, "linear", "slope", rho=rho)]
        rnn, lstm, biased = (slopes[name] for name in ("rnn", "lstm, as torch begins", "lstm, forget bias 1"))
        estimates = [
            exactly(max(cell)) if len(cell) == len(BIASES) else None,
            exactly(max(linear)) if len(linear) == len(RADII) else None,
            mean_of(rnn),
            paired_difference(lstm, rnn),
            mean_of(lstm),
            paired_difference(biased, lstm),
            mean_of(slopes["transformer"]),
            _unless_diverged(during["slopes"][ORTHOGONAL].get(LEARNED, [])),
        ]
        measured = [
            Measured(
                model=name,
                quantity="slope of ln gradient norm",
                unit="per step",
                estimate=mean_of(values),
                at={"steps back": f"{FIRST}-{LAST}"},
            )
            for name, values in slopes.items()
        ]
        measured += [
            Measured(model=name, quantity=WATCHED[key][0], unit=WATCHED[key][1], estimate=_unless_diverged(values), at={"step": step})
            for key, learned in during.items()
            for name, rows in learned.items()
            for step, values in rows.items()
        ]
        shown = {name: f"{mean_of(values).value:.3g}" if values else "not measured" for name, values in slopes.items()}
        summary = (
            f"Per step back ln of the gradient norm changes by {shown['rnn']} in the RNN,"
            f" {shown['lstm, as torch begins']} in the LSTM as torch"
            f" begins it, {shown['lstm, forget bias 1']} with a forget bias of 1 and {shown['transformer']} in the Transformer."
        )
        cells = {
            "rnn": f"{shown['rnn']} per step",
            "lstm": f"{shown['lstm, as torch begins']}; bias 1: {shown['lstm, forget bias 1']}",
            "transformer": f"{shown['transformer']} per step",
        }
        return Judged(estimates, measured, summary, {"Vanishing gradient": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """ln of the gradient norm against distance before training, and its slope during training; means over seeds."""
        rows = {name: values_of(results, "layers", name) for name in LAYERS}
        found = {name: averaged({k: [row[k] / math.log(10) for row in of] for k in range(0, LAST + 1, 5)}) for name, of in rows.items()}
        axes = Axis("steps back", numbers.number), Axis("log10 of gradient norm", numbers.number)
        learned = {name: _by_step(values_of(results, "training", "slopes", model=name)) for name in LEARNERS}
        during = {name: estimated({step: _unless_diverged(values) for step, values in rows.items()}) for name, rows in learned.items()}
        later = Axis("training steps", numbers.count), Axis("slope of ln gradient norm per step back", numbers.number)
        return (
            *lines("Gradient that is left, by distance, before training", found, STYLES, axes),
            *lines("How fast it fades while a model learns to add two numbers", during, STYLES, later),
        )


def _by_step(rows: Sequence[Mapping[str, float | None]]) -> dict[int, list[float | None]]:
    """Of several trainings, by step; None for one that has diverged."""
    steps = sorted({int(step) for row in rows for step in row})
    return {step: [row.get(str(step)) for row in rows] for step in steps}


def _unless_diverged(values: Sequence[float | None]) -> Estimate:
    """Of a training that has diverged there is no gradient: without it the others have no interval."""
    known = [value for value in values if value is not None]
    estimate = mean_of(known)
    if len(known) == len(values):
        return estimate
    return Estimate(estimate.value, samples=len(values), why=f"{len(values) - len(known)} of {len(values)} trainings diverged")


def _faded(build: Callable[[], Layer], seed: int) -> list[float]:
    """ln norms (LENGTH,) of one layer as it begins, on random inputs."""
    torch.manual_seed(seed)
    layer = build()
    return log_norms(layer, torch.randn(BATCH, LENGTH, WIDTH), torch.randn(WIDTH)).tolist()
