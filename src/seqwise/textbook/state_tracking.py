"""State tracking: what the document's table lacks, and where recurrent models win."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from seqwise.models.config import POSITIONS, SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block, Style
from seqwise.tasks.probes import PROBES
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, mean_of
from seqwise.textbook.probed import (
    EVERY_RATE,
    Runs,
    best,
    best_rate,
    by_length,
    by_rate,
    fair_chance,
    fits,
    score,
    scores,
    sized,
    unless_untrained,
)
from seqwise.textbook.table import LACKING
from seqwise.training.probing import ProbeConfig, guess_weights, untrained

TRAINED, LENGTHS, FAR = 20, (5, 20, 40, 100), (40, 100)
RECURRENT = ("rnn", "lstm")
CODES = {f"transformer, {code}": code for code in POSITIONS}
"""Transformers, and how each is told of places."""
MODELS = (*RECURRENT, "mingru", *CODES)
CONTROL = "even-pairs"
ASKED = ("parity", CONTROL, "modular-arithmetic", "cycle-navigation", "s3-composition", "s5-composition")
STEPS = {
    "smoke": {"rnn": 1_500, "lstm": 600, "transformer": 400},
    "standard": {"rnn": 2_000, "lstm": 800, "mingru": 800, "transformer": 1_000},
    "long": {"rnn": 5_000, "lstm": 5_000, "mingru": 20_000, "transformer": 20_000},
}
ELSEWHERE = {"standard": 500, "long": 5_000}
"""Steps on everything but parity."""
SEEDS = {"smoke": 3, "standard": 3, "long": 5}
EVERY = 50
"""Steps between two scores on validation, by which it is known how many steps solving takes."""
GUESSES, SCALE = 64, 10.0
"""Tries at random weights, and what those that training begins with are multiplied by."""
CONTROLS = {"untrained": untrained, "weights guessed": functools.partial(guess_weights, tries=GUESSES, scale=SCALE)}
SOLVED, UNABLE, PASSED = 0.95, 0.65, 0.8
STYLES = {name: Style(index, index, "7 4" if name in CODES else "2 3" if name == "mingru" else "") for index, name in enumerate(MODELS)}


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
            threshold=SOLVED,
            pilot_seen=True,
        ),
        Clause(
            statement="So do LSTMs",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]}, trained up to {TRAINED}",
            unit="share",
            threshold=SOLVED,
            pilot_seen=True,
        ),
        Clause(
            statement="Transformers do not, with the best of four position codes and three learning rates",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]} of the code that is best on validation, if it has learned up to {TRAINED}",
            unit="share",
            threshold=UNABLE,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="Nor does minGRU, whose state depends on what was before by a product alone",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]}, if it has learned up to {TRAINED}",
            unit="share",
            threshold=UNABLE,
            direction="below",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="Transformers pass the control, even pairs, where two places decide",
            scope="this data",
            effect=f"accuracy at lengths {FAR[0]} and {FAR[1]} of the position code that is best on validation",
            unit="share",
            threshold=PASSED,
            pilot_seen=True,
            control=True,
        ),
    )
    published = (
        Published(
            value="parity, mean over lengths 41 to 500: RNN 100, LSTM 100, Transformer 52.0 (chance 50)",
            source="Deletang et al. 2022, arXiv:2207.02098",
            read=False,
            clauses=(0, 1, 2),
        ),
        Published(value="modular arithmetic 100, 100, 24.2 (chance 20)", source="Deletang et al. 2022, arXiv:2207.02098", read=False),
        Published(
            value="even pairs, Transformer 96.4",
            source="Deletang et al. 2022, arXiv:2207.02098",
            read=False,
            clauses=(4,),
        ),
        Published(
            value="linear recurrences with eigenvalues in [0, 1] cannot do parity, LSTMs can",
            source="Grazzi et al. 2024, arXiv:2411.12537",
            clauses=(1, 3),
        ),
        Published(value="parity among the benchmarks that guessing random weights solves", source="Hochreiter & Schmidhuber 1996"),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 360.0, "long": 36_000.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [experiment for seed in range(SEEDS[tier]) for experiment in _of_a_seed(tier, seed)]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        settings, control = experiment.settings, CONTROLS.get(experiment.part)
        probe = ProbeConfig(
            probe="parity" if control else experiment.part,
            shortest=2,
            longest=TRAINED,
            test_lengths=LENGTHS,
            steps=settings.get("steps", 0),
            learning_rate=settings.get("rate", EVERY_RATE[0]),
            evaluate_every=EVERY,
            examples=256,
        )
        model = network(settings["model"], probe)
        if control:
            found = control(probe, model, seed=experiment.seed)
            return {"by_length": {str(row["length"]): row["accuracy"] for row in found["by_length"]}}
        return score(probe, model, experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        runs = {probe: {name: found for name in MODELS if (found := by_rate(results, probe, model=name))} for probe in ASKED}
        rows = {probe: {name: best_rate(found) for name, found in models.items()} for probe, models in runs.items()}
        code, passing = (best({name: rows[probe][name] for name in CODES if name in rows[probe]}) for probe in ("parity", CONTROL))
        estimates = [
            *(_judged(runs["parity"], rows["parity"], "parity", name, SOLVED) for name in RECURRENT),
            _judged(runs["parity"], rows["parity"], "parity", code, UNABLE),
            _judged(runs["parity"], rows["parity"], "parity", "mingru", UNABLE),
            _judged(runs[CONTROL], rows[CONTROL], CONTROL, passing, PASSED),
        ]
        measured = [*_accuracies(rows), *_controls(results)]
        far = {name: _far(rows["parity"].get(name, {}), "parity").value for name in MODELS}
        if None in (far["rnn"], far["lstm"], far.get(code)):
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every family")
        learned = {name: 100 * mean_of(scores(found, TRAINED, 0.5)).value for name, found in rows["parity"].items()}
        beside = "" if far["mingru"] is None else f" minGRU {100 * far['mingru']:.0f} % ({learned['mingru']:.0f} % at {TRAINED}),"
        summary = (
            f"Parity at lengths {FAR[0]} and {FAR[1]}, trained up to {TRAINED}: RNN {100 * far['rnn']:.0f} %,"
            f" LSTM {100 * far['lstm']:.0f} %,{beside} the best Transformer (positions: {CODES[code]}) {100 * far[code]:.0f} %"
            f" ({learned[code]:.0f} % at {TRAINED}); chance is 50 %."
        )
        cells = {
            family: f"parity beyond training {100 * far[name]:.0f} %"
            for family, name in (("rnn", "rnn"), ("lstm", "lstm"), ("transformer", code))
        }
        return Judged(estimates, measured, summary, {LACKING: cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Accuracy by length, one picture a probe."""
        figures: tuple[Block, ...] = ()
        for probe in ASKED:
            rows = {name: best_rate(by_rate(results, probe, model=name)) for name in MODELS}
            title = f"{numbers.capital(probe.replace('-', ' '))}, trained on lengths up to {TRAINED}"
            figures += by_length(title, rows, LENGTHS, PROBES[probe]().chance, STYLES, "accuracy")
        return figures


def network(name: str, probe: ProbeConfig) -> SeqwiseConfig:
    """A model of the size that all have."""
    if name in RECURRENT:
        return sized(name, probe, body="classic")
    return sized("attention", probe, layers=2, position_embedding=CODES[name]) if name in CODES else sized(name, probe, layers=2)


def _of_a_seed(tier: str, seed: int) -> list[Experiment]:
    """Parity, its controls, then whatever else the tier has.

    Recurrent models are given several learning rates where they are to solve parity; smoke and standard have one for attention,
    which is enough to say that it can, and not that it cannot.
    """

    def trained(probe: str, name: str, steps: int, rates: Sequence[float]) -> list[Experiment]:
        return [Experiment(part=probe, settings={"model": name, "rate": rate, "steps": steps}, seed=seed) for rate in rates]

    middle, steps, found = EVERY_RATE[1:2], STEPS[tier], []
    if tier == "smoke":
        models, rates = (*RECURRENT, "transformer, rotary"), dict.fromkeys(RECURRENT, EVERY_RATE[:1])
    else:
        models, rates = MODELS, dict.fromkeys(MODELS if tier == "long" else (*RECURRENT, "mingru"), EVERY_RATE)
    for name in models:
        found += trained("parity", name, steps[name.partition(",")[0]], rates.get(name, middle))
    if tier != "smoke":
        found += [Experiment(part=control, settings={"model": name}, seed=seed) for control in CONTROLS for name in RECURRENT]
    for probe in {"smoke": (), "standard": (CONTROL,), "long": ASKED[1:]}[tier]:
        for name in models:
            found += trained(probe, name, ELSEWHERE[tier], EVERY_RATE if tier == "long" else middle)
    return found


def _far(rows: Mapping[int, Mapping[str, Any]], probe: str) -> Estimate:
    """Accuracy beyond the lengths of training, the mean over ``FAR``."""
    at = [scores(rows, length, PROBES[probe]().chance(length)) for length in FAR]
    return mean_of({seed: sum(found[seed] for found in at) / len(FAR) for seed in rows})


def _judged(runs: Mapping[str, Runs], rows: Mapping[str, Any], probe: str, name: str | None, threshold: float) -> Estimate:
    """Accuracy beyond training; who has not learned the lengths of training, or was not given every chance to, is untrained, not unable.

    Args:
        runs: of all models, by rate and seed.
        rows: of all models, at the best rate, by seed.
        name: the model; of a Transformer every position code must have been tried.
    """
    found = rows.get(name, {})
    tried = CODES if name in CODES else (name,)
    fair = fits(found) and all(fair_chance(runs.get(other, {}), runs.values()) for other in tried)
    return unless_untrained(_far(found, probe), threshold, fair)


def _accuracies(rows: Mapping[str, Mapping[str, Mapping[int, Mapping[str, Any]]]]) -> list[Measured]:
    """Of every probe and model; what chance is; how large the models are."""
    found = []
    for probe, models in rows.items():
        quantity, chance = f"accuracy on {probe}", PROBES[probe]().chance
        for name, runs in models.items():
            size = next(iter(runs.values()))["parameters"]
            found.append(Measured(model=name, quantity="parameters", unit="", estimate=exactly(size), at={"probe": probe}))
            for n in LENGTHS:
                estimate = mean_of(scores(runs, n, chance(n)))
                found.append(Measured(model=name, quantity=quantity, unit="share", estimate=estimate, at={"length": n}))
        if models:
            estimate = exactly(chance(FAR[-1]))
            found.append(Measured(model="chance", quantity=quantity, unit="share", estimate=estimate, at={"length": FAR[-1]}))
    return found


def _controls(results: Sequence[Result]) -> list[Measured]:
    """Parity by those that have not been trained, and by the best on validation of many with random weights."""
    found = []
    for control in CONTROLS:
        for name in RECURRENT:
            rows = {e.seed: row for e, row in results if e.part == control and e.settings["model"] == name}
            for n in LENGTHS if rows else ():
                estimate = mean_of(scores(rows, n, PROBES["parity"]().chance(n)))
                found.append(
                    Measured(model=f"{name}, {control}", quantity="accuracy on parity", unit="share", estimate=estimate, at={"length": n})
                )
    return found
