"""State tracking: what the document's table lacks, and where recurrent models win."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from seqwise.models.config import SeqwiseConfig
from seqwise.report.document import Block, Style
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, mean_of
from seqwise.textbook.probed import DISTRIBUTION, best_rate, beyond, by_length, by_rate, fair_chance, model, score, unless_untrained
from seqwise.training.probing import ProbeConfig

TRAINED, LENGTHS, FAR = 20, (5, 20, 40, 100), (40, 100)
RECURRENT = ("rnn", "lstm")
ATTENTION = ("transformer, no positions", "transformer, rotary", "transformer, sinusoidal")
MODELS: Mapping[str, SeqwiseConfig] = {
    "rnn": model("rnn", body="classic"),
    "lstm": model("lstm", body="classic"),
    "mingru": model("mingru", layers=2),
    **{name: model("attention", layers=2, position_embedding=name.split(", ")[1].replace("no positions", "none")) for name in ATTENTION},
}
RATES = (1e-2, 3e-3)
STEPS = {
    "smoke": {"rnn": 2_000, "lstm": 600, "mingru": 600, "attention": 400},
    "standard": {"rnn": 2_000, "lstm": 1_000, "mingru": 2_000, "attention": 2_000},
    "long": {"rnn": 4_000, "lstm": 2_000, "mingru": 20_000, "attention": 20_000},
}
PROBES = {
    "smoke": ("parity",),
    "standard": ("parity", "even-pairs"),
    "long": ("parity", "even-pairs", "modular-arithmetic", "cycle-navigation", "s3-composition", "s5-composition"),
}
SEEDS = {"smoke": 3, "standard": 3, "long": 5}
STYLES = {name: Style(index, index, "7 4" if name in ATTENTION else "2 3" if name == "mingru" else "") for index, name in enumerate(MODELS)}


class StateTracking(Claim):
    id = "state-tracking"
    source = "counter-claim: Deletang et al. 2022, arXiv:2207.02098; a row that the document lacks"
    statement = "Recurrent networks keep track of a state at lengths never seen in training, and Transformers do not."
    clauses = (
        Clause(
            statement="RNNs solve parity beyond the lengths of training",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]}, trained up to {TRAINED}",
            unit="share",
            threshold=0.95,
            pilot_seen=True,
        ),
        Clause(
            statement="So do LSTMs",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]}, trained up to {TRAINED}",
            unit="share",
            threshold=0.95,
            pilot_seen=True,
        ),
        Clause(
            statement="Transformers do not, with the best of three position codes and two learning rates",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]} of the best, if it has learned the lengths of training",
            unit="share",
            threshold=0.65,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="Nor does minGRU, whose state depends on what was before by a product alone",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]}",
            unit="share",
            threshold=0.65,
            direction="below",
        ),
        Clause(
            statement="Transformers pass the control, even pairs, where two places decide",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]} of the best position code",
            unit="share",
            threshold=0.8,
        ),
    )
    published = (
        Published(
            value="parity, mean over lengths 41 to 500: RNN 100, LSTM 100, Transformer 52.0 (chance 50)",
            source="Deletang et al. 2022, arXiv:2207.02098",
        ),
        Published(value="modular arithmetic 100, 100, 24.2 (chance 20)", source="Deletang et al. 2022, arXiv:2207.02098"),
        Published(value="even pairs, Transformer 96.4", source="Deletang et al. 2022, arXiv:2207.02098", read=False),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 360.0, "long": 14_400.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [
            Experiment(part=probe, settings={"model": name, "rate": rate, "steps": _steps(tier, name)}, seed=seed)
            for seed in range(SEEDS[tier])
            for probe in PROBES[tier]
            for name in (*RECURRENT, *(() if tier == "smoke" else ("mingru",)), *(ATTENTION[1:2] if tier == "smoke" else ATTENTION))
            for rate in (RATES[:1] if tier == "smoke" and name not in ATTENTION else RATES[1:] if tier == "smoke" else RATES)
        ]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        settings = experiment.settings
        probe = ProbeConfig(
            probe=experiment.part,
            shortest=2,
            longest=TRAINED,
            test_lengths=LENGTHS,
            steps=settings["steps"],
            learning_rate=settings["rate"],
            evaluate_every=settings["steps"] // 4,
            examples=256,
        )
        return score(probe, MODELS[settings["model"]], experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        found = {probe: {name: best_rate(by_rate(results, probe, model=name)) for name in MODELS} for probe in PROBES["long"]}
        parity, control = found["parity"], found["even-pairs"]
        tracked = {name: mean_of(beyond(parity[name], FAR)) for name in MODELS}
        attention, able = _best(parity)
        estimates = [
            *(_judged(results, "parity", name, tracked[name]) for name in RECURRENT),
            attention if able else _open(attention),
            _judged(results, "parity", "mingru", tracked["mingru"]),
            _guarded_control(results, control),
        ]
        measured = [
            Measured(
                model=name,
                quantity=f"accuracy on {probe}",
                unit="share",
                estimate=mean_of([row["by_length"][str(n)] for row in rows if row["by_length"]]),
                at={"length": n},
            )
            for probe, models in found.items()
            for name, rows in models.items()
            if rows
            for n in LENGTHS
        ]
        measured += [
            Measured(
                model="chance",
                quantity=f"accuracy on {probe}",
                unit="share",
                estimate=exactly(rows[0]["chance"][str(FAR[-1])]),
                at={"length": FAR[-1]},
            )
            for probe, models in found.items()
            if (rows := next((rows for rows in models.values() if rows and rows[0]["chance"]), None))
        ]
        told = {
            name: estimate.value
            for name, estimate in {**tracked, "transformer": attention}.items()
            if estimate is not None and estimate.value is not None
        }
        if not {"rnn", "lstm", "transformer"} <= told.keys():
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every family")
        untrained = "" if able else " (which has not learned the lengths of training either: untrained)"
        summary = (
            f"Parity at lengths {FAR[0]} and {FAR[1]}, trained up to {TRAINED}: RNN {100 * told['rnn']:.0f} %,"
            f" LSTM {100 * told['lstm']:.0f} %,"
            f" the best Transformer {100 * told['transformer']:.0f} %{untrained}, chance 50 %."
        )
        cells = {name: f"parity beyond training {100 * told[name]:.0f} %" for name in ("rnn", "lstm", "transformer")}
        return Judged(estimates, measured, summary, {"Long dependencies": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Accuracy by length, one picture a probe."""
        figures = []
        for probe in PROBES["long"]:
            rows = {name: best_rate(by_rate(results, probe, model=name)) for name in MODELS}
            figures += by_length(f"{probe.capitalize()}, trained on lengths up to {TRAINED}", rows, STYLES, "accuracy")
        return tuple(figures)


def _steps(tier: str, name: str) -> int:
    return STEPS[tier]["attention" if name in ATTENTION else name]


def _best(models: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Estimate | None, bool]:
    """Attention with the position code that goes furthest, and whether any run of it has learned the lengths of training."""
    estimates = {name: mean_of(beyond(models[name], FAR)) for name in ATTENTION if models[name]}
    known = {name: estimate for name, estimate in estimates.items() if estimate.value is not None}
    if not known:
        return None, False
    best = max(known, key=lambda name: known[name].value or 0.0)
    return known[best], any((row["validation"] or 0.0) >= DISTRIBUTION for name in known for row in models[name])


def _judged(results: Sequence[Result], probe: str, name: str, estimate: Estimate) -> Estimate | None:
    """Untrained, not unable, unless the lengths of training were learned or everything was tried."""
    every = {model: by_rate(results, probe, model=model) for model in MODELS}
    learned = any((row["validation"] or 0.0) >= DISTRIBUTION for rows in every[name].values() for row in rows.values())
    return unless_untrained(estimate, learned, fair_chance(every[name], every.values()))


def _guarded_control(results: Sequence[Result], control: Mapping[str, Sequence[Mapping[str, Any]]]) -> Estimate | None:
    estimate, learned = _best(control)
    return estimate if learned else _open(estimate)


def _open(estimate: Estimate | None) -> Estimate | None:
    """The value without its interval: untrained decides nothing."""
    return estimate and Estimate(estimate.value, samples=estimate.samples)
