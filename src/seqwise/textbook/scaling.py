"""Scaling: loss against parameters, data and seconds, a power law for each family, and where two of them would cross."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqwise.report import numbers
from seqwise.report.document import Block
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import mean_of, paired_difference
from seqwise.textbook.language import LanguageRun, train
from seqwise.textbook.pictures import FAMILIES, averaged, lines

SIZES = {"standard": (10_000, 30_000, 100_000), "long": (10_000, 30_000, 100_000, 300_000, 1_000_000)}
SEEDS = {"standard": 3, "long": 6}
STEPS = {"standard": 250, "long": 1_500}
SHARES = {"standard": (0.02, 0.1), "long": (0.02, 0.1, 0.3)}
MIDDLE = 30_000
"""Parameters at which the amount of data is varied."""


class Scaling(Claim):
    id = "scaling"
    source = "reason 1: Transformers are more scalable; table row: best use cases"
    statement = "Transformers gain more from every parameter, every byte of text and every second than LSTMs and RNNs do."
    clauses = (
        Clause(
            statement="A Transformer's loss falls faster with parameters than an LSTM's, tokens being equal",
            scope="this data",
            effect="exponent of parameters, Transformer less LSTM",
            unit="",
            threshold=0.0,
        ),
        Clause(
            statement="It falls faster than an RNN's",
            scope="this data",
            effect="exponent of parameters, Transformer less RNN",
            unit="",
            threshold=0.0,
        ),
        Clause(
            statement="It falls faster with the amount of text than an LSTM's",
            scope="this data",
            effect="exponent of text, Transformer less LSTM",
            unit="",
            threshold=0.0,
        ),
        Clause(
            statement="It falls faster with the seconds spent than an LSTM's",
            scope="this CPU",
            effect="exponent of seconds over the sizes, Transformer less LSTM",
            unit="",
            threshold=0.0,
        ),
    )
    published = (
        Published(
            value="exponent of parameters 0.076; LSTMs as good early in the context, not beyond",
            source="Kaplan et al. 2020, arXiv:2001.08361",
        ),
        Published(
            value="the quasi-LSTM has the more favourable law of accelerator hours; crossing extrapolated to 50,000 of them",
            source="Stanic et al. 2023 (Languini), arXiv:2309.11197",
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 7200.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        found = []
        for seed in range(SEEDS[tier]):
            told = {"steps": STEPS[tier]}
            found += [Experiment(part="size", settings={"model": m, "size": s, **told}, seed=seed) for s in SIZES[tier] for m in FAMILIES]
            found += [
                Experiment(part="data", settings={"model": m, "size": MIDDLE, "share": share, **told}, seed=seed)
                for share in SHARES[tier]
                for m in FAMILIES
            ]
        return found

    def run(self, experiment: Experiment) -> dict[str, Any]:
        found = train(LanguageRun(seed=experiment.seed, **experiment.settings))
        return {name: found[name] for name in ("bits_per_byte", "parameters", "seconds")}

    def judge(self, results: Sequence[Result]) -> Judged:
        exponents = {what: {name: _exponents(results, what, name) for name in FAMILIES} for what in ("size", "data", "seconds")}
        less = lambda what, other: _less(exponents[what]["transformer"], exponents[what][other])  # noqa: E731
        estimates = [less("size", "lstm"), less("size", "rnn"), less("data", "lstm"), less("seconds", "lstm")]
        measured = [
            Measured(model=name, quantity=f"exponent of {what}", unit="", estimate=mean_of(list(rows[name].values())))
            for what, rows in exponents.items()
            for name in FAMILIES
            if rows[name]
        ]
        measured += _scores(results)
        told = {name: mean_of(list(exponents["size"][name].values())).value for name in FAMILIES}
        if None in told.values():
            return Judged(estimates, measured, f"{len(measured)} measurements, too few for a law of every family")
        summary = (
            f"Bits per byte fall with parameters to the power of {-told['rnn']:.3f} (RNN), {-told['lstm']:.3f} (LSTM) and"
            f" {-told['transformer']:.3f} (Transformer). {_crossing(results)}"
        )
        cells = {name: f"loss falls as parameters^{-told[name]:.3f}" for name in FAMILIES}
        return Judged(estimates, measured, summary, {"Best use cases": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Bits per byte against parameters."""
        found = {name: averaged(_by_amount(results, "size", name)) for name in FAMILIES}
        axes = Axis("parameters without embeddings", numbers.count, log=True), Axis("bits per byte", numbers.number)
        return lines("Bits per byte of held-out text, by parameters, after the same text", found, FAMILIES, axes)


def _rows(results: Sequence[Result], part: str, model: str) -> list[Result]:
    return [row for row in results if row[0].part == part and row[0].settings["model"] == model]


def _by_amount(results: Sequence[Result], part: str, model: str) -> dict[float, list[float]]:
    found: dict[float, list[float]] = {}
    for experiment, row in _rows(results, part, model):
        amount = experiment.settings["size"] if part == "size" else experiment.settings["share"]
        found.setdefault(amount, []).append(row["bits_per_byte"])
    return found


def _exponents(results: Sequence[Result], what: str, model: str) -> dict[int, float]:
    """Of each seed: b in loss = a x^-b by least squares on logarithms, over parameters, shares of the text, or seconds."""
    rows = _rows(results, "data" if what == "data" else "size", model)
    found = {}
    for seed in sorted({experiment.seed for experiment, _ in rows}):
        mine = [(experiment, row) for experiment, row in rows if experiment.seed == seed]
        if what == "data":  # the whole text is a point of the sizes
            mine += [row for row in _rows(results, "size", model) if row[0].seed == seed and row[0].settings["size"] == MIDDLE]
        x = {"size": lambda e, r: r["parameters"], "data": lambda e, r: e.settings.get("share", 1.0), "seconds": lambda e, r: r["seconds"]}[
            what
        ]
        points = [(math.log(x(experiment, row)), math.log(row["bits_per_byte"])) for experiment, row in mine]
        if len(points) >= 3:
            found[seed] = -float(np.polyfit(*np.array(points).T, 1)[0])
    return found


def _less(one: dict[int, float], other: dict[int, float]) -> Estimate:
    seeds = sorted(one.keys() & other.keys())
    return paired_difference([one[seed] for seed in seeds], [other[seed] for seed in seeds])


def _scores(results: Sequence[Result]) -> list[Measured]:
    return [
        Measured(
            model=name,
            quantity="bits per byte",
            unit="bits",
            estimate=mean_of(values),
            at={{"size": "parameters", "data": "share of the text"}[part]: amount},
        )
        for part in ("size", "data")
        for name in FAMILIES
        for amount, values in sorted(_by_amount(results, part, name).items())
    ]


def _crossing(results: Sequence[Result]) -> str:
    """Where the fitted laws of LSTM and Transformer meet, as extrapolation where it lies beyond what was measured."""
    laws = {}
    for name in ("lstm", "transformer"):
        points = [(math.log(row["parameters"]), math.log(row["bits_per_byte"])) for _, row in _rows(results, "size", name)]
        laws[name] = np.polyfit(*np.array(points).T, 1)
    slope, height = laws["transformer"] - laws["lstm"]
    if slope == 0:
        return "The two laws are parallel."
    log_size, sizes = -height / slope, [row["parameters"] for _, row in _rows(results, "size", "lstm")]
    if not math.log(min(sizes)) - math.log(100) <= log_size <= math.log(max(sizes)) + math.log(100):
        return "The laws of LSTM and Transformer do not meet within a hundred times the sizes measured."
    where = "" if min(sizes) <= math.exp(log_size) <= max(sizes) else ", by extrapolation"
    return f"The laws of LSTM and Transformer meet at about {numbers.count(math.exp(log_size))} parameters{where}."
