"""Scaling: loss against parameters, data and seconds, a power law for each family, and where two of them would cross."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqwise.comparison.data_curve import crossing, fit
from seqwise.comparison.statistics import FEWEST_REPLICATES
from seqwise.report import numbers
from seqwise.report.document import Block
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, by_seed
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import mean_of, paired_difference
from seqwise.textbook.language import LanguageRun, train
from seqwise.textbook.pictures import FAMILIES, averaged, lines

SIZES = {"standard": (10_000, 30_000, 100_000), "long": (10_000, 30_000, 100_000, 300_000, 1_000_000)}
SEEDS = {"standard": 3, "long": 6}
STEPS = {"standard": 300, "long": 1_200}
SHARES = {"standard": (0.02, 0.1), "long": (0.02, 0.1, 0.3)}
SECONDS = {"standard": 8.0, "long": 60.0}
"""Of the processor, for those trained for equal seconds."""
MIDDLE = 30_000
"""Parameters at which the amount of data and the seconds are told."""
POINTS = {"size": "parameters", "data": "share of the text"}


class Scaling(Claim):
    id = "scaling"
    source = "reason 1: Transformers are more scalable"
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
            statement=f"At equal seconds a Transformer of {MIDDLE:,} parameters reaches a lower loss than an LSTM",
            scope="this CPU",
            effect="bits per byte after as many seconds of processor time, one thread, in training alone; Transformer less LSTM",
            unit="bits",
            threshold=0.0,
            direction="below",
            pilot_seen=True,
        ),
    )
    published = (
        Published(
            value="exponent of parameters 0.076; LSTMs as good early in the context, not beyond",
            source="Kaplan et al. 2020, arXiv:2001.08361",
            read=False,
            clauses=(0,),
        ),
        Published(
            value="the quasi-LSTM has the more favourable law of accelerator hours; crossing extrapolated to 50,000 of them",
            source="Stanic et al. 2023 (Languini), arXiv:2309.11197",
            clauses=(3,),
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 10_800.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        told, found = {"steps": STEPS[tier]}, []
        for seed in range(SEEDS[tier]):
            for part, settings in (
                *(("size", {"size": size, **told}) for size in SIZES[tier]),
                *(("data", {"size": MIDDLE, "share": share, **told}) for share in SHARES[tier]),
                ("time", {"size": MIDDLE, "seconds": SECONDS[tier]}),
            ):
                found += [Experiment(part=part, settings={"model": m, **settings}, seed=seed) for m in FAMILIES]
        return found

    def run(self, experiment: Experiment) -> dict[str, Any]:
        """The learning rate is chosen on validation in each training; seconds are those of the processor in the one that is kept."""
        found = train(LanguageRun(seed=experiment.seed, **experiment.settings))
        return {name: found[name] for name in ("status", "bits_per_byte", "parameters", "rate", "steps", "seconds")}

    def judge(self, results: Sequence[Result]) -> Judged:
        laws = {part: {name: _laws(results, part, name) for name in FAMILIES} for part in POINTS}
        exponents = {
            part: {name: {seed: -float(slope) for seed, (_, slope) in found.items()} for name, found in rows.items()}
            for part, rows in laws.items()
        }
        timed = {name: by_seed(results, "time", "bits_per_byte", model=name) for name in FAMILIES}
        estimates = [
            paired_difference(exponents["size"]["transformer"], exponents["size"]["lstm"]),
            paired_difference(exponents["size"]["transformer"], exponents["size"]["rnn"]),
            paired_difference(exponents["data"]["transformer"], exponents["data"]["lstm"]),
            paired_difference(timed["transformer"], timed["lstm"]),
        ]
        measured = [
            Measured(model=name, quantity=f"exponent of {POINTS[part]}", unit="", estimate=mean_of(values))
            for part, rows in exponents.items()
            for name, values in rows.items()
        ]
        measured += [
            Measured(model=name, quantity="bits per byte", unit="bits", estimate=mean_of(values), at={POINTS[part]: amount})
            for part in POINTS
            for name in FAMILIES
            for amount, values in sorted(_by_amount(results, part, name).items())
        ]
        for quantity, key, unit in (
            ("bits per byte after equal seconds", "bits_per_byte", "bits"),
            ("steps in equal seconds", "steps", ""),
            ("seconds of the processor", "seconds", "s"),
        ):
            rows = {name: by_seed(results, "time", key, model=name) for name in FAMILIES}
            measured += [Measured(model=name, quantity=quantity, unit=unit, estimate=mean_of(values)) for name, values in rows.items()]
        measured = [row for row in measured if row.estimate.value is not None]
        told = {name: mean_of(values).value for name, values in exponents["size"].items()}
        if None in told.values():
            return Judged(estimates, measured, f"{len(measured)} measurements, too few for a law of every family")
        summary = (
            f"Bits per byte fall with parameters to the power of {-told['rnn']:.3f} (RNN), {-told['lstm']:.3f} (LSTM) and"
            f" {-told['transformer']:.3f} (Transformer). {_met(laws['size'], list(_by_amount(results, 'size', 'lstm')))}"
        )
        return Judged(estimates, measured, summary)

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Bits per byte against parameters, and against the share of the text."""
        bits, share = Axis("bits per byte", numbers.number), Axis("share of the text", numbers.number, log=True)
        found = {part: {name: averaged(_by_amount(results, part, name)) for name in FAMILIES} for part in POINTS}
        sizes = Axis("parameters without embeddings", numbers.count, log=True), bits
        return (
            *lines("Bits per byte of held-out text, by parameters, after as many steps", found["size"], FAMILIES, sizes),
            *lines(f"Bits per byte of {MIDDLE:,} parameters, by the share of the text", found["data"], FAMILIES, (share, bits)),
        )


def _by_amount(results: Sequence[Result], part: str, model: str) -> dict[float, dict[int, float]]:
    """Bits per byte by parameters, or by share of the text, and seed. The whole text is a point of the sizes."""
    found: dict[float, dict[int, float]] = {}
    for experiment, row in results:
        settings = experiment.settings
        if settings["model"] == model and (experiment.part == part or (part == "data" and _is_whole(experiment))):
            amount = settings["size"] if part == "size" else settings.get("share", 1.0)
            found.setdefault(amount, {})[experiment.seed] = row["bits_per_byte"]
    return found


def _is_whole(experiment: Experiment) -> bool:
    return experiment.part == "size" and experiment.settings["size"] == MIDDLE


def _laws(results: Sequence[Result], part: str, model: str) -> dict[int, np.ndarray]:
    """Coefficients (2,) of ln loss = c0 + c1 ln amount, by seed, of the seeds that have every amount; a power law without a floor."""
    found = _by_amount(results, part, model)
    amounts, seeds = sorted(found), sorted(set.intersection(*map(set, found.values()))) if found else []
    coefficients = fit(
        np.array([[found[amount][seed] for amount in amounts] for seed in seeds]).reshape(len(seeds), len(amounts)), np.array(amounts)
    )
    return {} if coefficients is None else dict(zip(seeds, coefficients, strict=True))


def _met(laws: dict[str, dict[int, np.ndarray]], sizes: Sequence[float]) -> str:
    """Where the laws of LSTM and Transformer meet, with its interval, as extrapolation where that lies beyond what was measured."""
    seeds = sorted(laws["lstm"].keys() & laws["transformer"].keys())
    if len(seeds) < FEWEST_REPLICATES:
        return "Where the laws of LSTM and Transformer meet cannot be told of so few seeds."
    one, other = (np.array([laws[name][seed] for seed in seeds]) for name in ("lstm", "transformer"))
    found = crossing(one, other, min(sizes)) or crossing(one, other, max(sizes))
    if found is None:
        return (
            "The laws of LSTM and Transformer do not surely differ in their exponents, or do not meet above the smallest size within a"
            " hundred times the largest."
        )
    low, high = (numbers.count(found[end]) if found[end] else "no end in reach" for end in ("low", "high"))
    beyond = ", by extrapolation" if found["at"] > max(sizes) else ""
    return (
        f"The laws of LSTM and Transformer meet at about {numbers.count(found['at'])} parameters (95 % interval {low} to {high}){beyond}."
    )
