"""Long dependencies: two tasks in which what matters stands far back, and how many trainings of each family solve them."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from scipy import stats

from seqwise.report import numbers
from seqwise.report.document import Block
from seqwise.report.svg import Axis
from seqwise.tasks.probes import PROBES
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, mean_of, paired_difference, share_of
from seqwise.textbook.pictures import FAMILIES, averaged, lines
from seqwise.textbook.probed import CODES, EVERY_RATE, Runs, best, best_rate, by_rate, fair_chance, score, sized, unless_untrained
from seqwise.training.probing import ProbeConfig

MODELS: Mapping[str, Mapping[str, Any]] = {
    "rnn": {"mixer": "rnn", "body": "classic"},
    "lstm": {"mixer": "lstm", "body": "classic"},
    "lstm, forget bias 0": {"mixer": "lstm", "body": "classic", "forget_bias": 0.0},
    **{name: {"mixer": "attention", "layers": 2, "position_embedding": code} for name, code in CODES.items()},
}
FAR = {"adding": 100, "copying": 50}
"""Numbers to add two of, and blanks to remember ten symbols over, that the clauses are about."""
OTHERS = {"standard": {}, "long": {"adding": (50, 200), "copying": (20, 100, 200)}}
"""Lengths for the pictures."""
STEPS, ELSEWHERE = {"standard": 1_000, "long": 10_000}, 3_000
"""Of what the clauses are about, and at the other lengths."""
SEEDS = {"standard": 4, "long": 6}
RATES = {"standard": EVERY_RATE[1:2], "long": EVERY_RATE}
SIGN = {"adding": -1, "copying": 1}
BATCH, EVERY = 32, 50
"""Examples a step, and steps between two scores on validation."""
QUANTITIES = {"adding": ("squared error", ""), "copying": ("accuracy of repeated symbols", "share")}
MOST, REPEATED, UNABLE = 0.5, 0.9, 0.5


class LongDependencies(Claim):
    id = "long-dependencies"
    source = "reason 2; table row: long dependencies"
    statement = "RNNs forget quickly, LSTMs remember over short to medium distances, Transformers over all."
    clauses = (
        Clause(
            statement=f"RNNs do not learn to add two numbers that lie {FAR['adding'] // 2} places back in the mean",
            scope="this data",
            effect=f"share of trainings that come to an error of 0.01, length {FAR['adding']}",
            unit="share",
            threshold=MOST,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="LSTMs come nearer to it than RNNs",
            scope="this data",
            effect=f"ln of the squared error, RNN less LSTM, length {FAR['adding']}, if one of them halves the error of no memory",
            unit="",
            threshold=0.0,
            pilot_seen=True,
        ),
        Clause(
            statement="Transformers learn it",
            scope="this data",
            effect=f"share of trainings that come to an error of 0.01, length {FAR['adding']}, position code best on validation",
            unit="share",
            threshold=MOST,
            pilot_seen=True,
        ),
        Clause(
            statement=f"LSTMs do not repeat ten symbols after {FAR['copying']} blanks",
            scope="this data",
            effect="accuracy of the symbols",
            unit="share",
            threshold=UNABLE,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="Transformers do",
            scope="this data",
            effect="accuracy of the symbols, position code best on validation",
            unit="share",
            threshold=REPEATED,
            pilot_seen=True,
        ),
    )
    published = (
        Published(
            value="adding, length 600: LSTM 0.164, GRU 5.3e-5, RNN 0.177, TCN 5.8e-5 (who says 1: 1/6)",
            source="Bai et al. 2018, arXiv:1803.01271",
            read=False,
            clauses=(0, 1),
        ),
        Published(
            value="copy memory, 1,000 blanks: LSTM 0.0204, RNN 0.0202, GRU 0.0197 (no memory: 0.0204), TCN 3.5e-5",
            source="Bai et al. 2018, arXiv:1803.01271",
            read=False,
            clauses=(3,),
        ),
        Published(
            value="two layers of attention copy strings of exponential length, models with a state of fixed size cannot",
            source="Jelassi et al. 2024, arXiv:2402.01032",
            clauses=(3, 4),
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 50_000.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        far = [(probe, length, name, STEPS[tier]) for probe, length in FAR.items() for name in (MODELS if tier == "long" else FAMILIES)]
        others = [(probe, length, name, ELSEWHERE) for probe, at in OTHERS[tier].items() for length in at for name in FAMILIES]
        return [
            Experiment(part=probe, settings={"model": name, "length": length, "steps": steps, "rate": rate}, seed=seed)
            for seed in range(SEEDS[tier])
            for probe, length, name, steps in (*far, *others)
            for rate in RATES[tier]
        ]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        settings = experiment.settings
        probe = ProbeConfig(
            probe=experiment.part,
            shortest=settings["length"],
            longest=settings["length"],
            test_lengths=(settings["length"],),
            steps=settings["steps"],
            batch_size=BATCH,
            examples=256,
            learning_rate=settings["rate"],
            evaluate_every=EVERY,
            stop_when_solved=True,
        )
        return score(probe, sized(probe=probe, **MODELS[settings["model"]]), experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        adding, copying = (_runs(results, probe, length) for probe, length in FAR.items())
        sums, copies = _best(adding, "adding"), _best(copying, "copying")
        adder, copier = (best(_of(CODES, rows), sign=SIGN[probe]) for probe, rows in (("adding", sums), ("copying", copies)))
        errors, right = (
            {name: _scored(rows, probe) for name, rows in found.items()} for probe, found in (("adding", sums), ("copying", copies))
        )
        estimates = [
            _guarded(adding, "rnn", _solved(sums.get("rnn", {})), MOST),
            _nearer(errors.get("rnn", {}), errors.get("lstm", {})),
            _guarded(adding, adder, _solved(sums.get(adder, {})), MOST),
            _guarded(copying, "lstm", mean_of(right.get("lstm", {})), UNABLE),
            _guarded(copying, copier, mean_of(right.get(copier, {})), REPEATED),
        ]
        measured = _measured(results)
        if not {"rnn", "lstm", adder} <= errors.keys() or not {"rnn", "lstm", copier} <= right.keys():
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every family")
        adders, copiers = ({"rnn": "rnn", "lstm": "lstm", "transformer": name} for name in (adder, copier))
        told = {}
        for family, name in adders.items():
            count, error = sum(row["solved_at"] is not None for row in sums[name].values()), mean_of(errors[name]).value
            told[family] = f"{count} of {len(sums[name])} (squared error {error:.3f})"
        share = {family: 100 * mean_of(right[name]).value for family, name in copiers.items()}
        summary = (
            f"Trainings that learn to add two of {FAR['adding']} numbers: RNN {told['rnn']}, LSTM {told['lstm']},"
            f" Transformer {told['transformer']},"
            f" an error of 0.167 being no memory; ten symbols are repeated after {FAR['copying']} blanks to {share['rnn']:.0f},"
            f" {share['lstm']:.0f} and {share['transformer']:.0f} %, chance being 12.5 %."
        )
        cells = {family: f"adding over {FAR['adding']}: {told[family]}; copying {share[family]:.0f} %" for family in FAMILIES}
        return Judged(estimates, measured, summary, {"Long dependencies": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Scores by length, where several were measured."""
        figures: tuple[Block, ...] = ()
        for probe, (quantity, _) in QUANTITIES.items():
            found: dict[str, dict[float, list[float]]] = {name: {} for name in FAMILIES}
            for length in _lengths(results, probe):
                for name, rows in _of(FAMILIES, _best(_runs(results, probe, length), probe)).items():
                    found[name][length] = list(_scored(rows, probe).values())
            if len(_lengths(results, probe)) > 1:
                axes = Axis("length", numbers.count, log=True), Axis(quantity, numbers.number)
                drawn = {name: averaged(rows) for name, rows in found.items()}
                figures += lines(f"{numbers.capital(probe)}, by length", drawn, FAMILIES, axes)
        return figures


def half_solved(shares: Mapping[int, float]) -> tuple[float, str]:
    """T50, the length at which half of the trainings solve a task: where the share falls below a half, linear in ln length between two.

    Args:
        shares: of trainings that solve it, by length.

    Returns:
        The length, and how it is known: "between two", or the last or first length measured as a bound, "at least" or "at most".
    """
    for (shorter, more), (longer, less) in itertools.pairwise(sorted(shares.items())):
        if more >= 0.5 > less:
            return shorter * (longer / shorter) ** ((more - 0.5) / (more - less)), "between two"
    return (max(shares), "at least") if shares[min(shares)] >= 0.5 else (min(shares), "at most")


def median_steps(sample: stats.CensoredData) -> float | None:
    """The Kaplan-Meier median of the steps until a task is solved; None where fewer than half solve it."""
    curve = stats.ecdf(sample).sf
    reached = curve.quantiles[curve.probabilities <= 0.5]
    return float(reached[0]) if len(reached) else None


def log_rank(first: stats.CensoredData, second: stats.CensoredData) -> float | None:
    """The p value of equal steps until solved (Mantel 1966); None where nothing tells them apart."""
    with np.errstate(all="ignore"):
        p = float(stats.logrank(first, second).pvalue)
    return p if np.isfinite(p) else None


def steps_of(rows: Mapping[int, Mapping[str, Any]]) -> stats.CensoredData:
    """Steps until solved; of who has not solved it more than were planned."""
    solved = [row["solved_at"] for row in rows.values() if row["solved_at"] is not None]
    return stats.CensoredData(uncensored=solved, right=[row["planned"] for row in rows.values() if row["solved_at"] is None])


def _of(names: Iterable[str], found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}


def _lengths(results: Sequence[Result], probe: str) -> list[int]:
    return sorted({experiment.settings["length"] for experiment, _ in results if experiment.part == probe})


def _runs(results: Sequence[Result], probe: str, length: int) -> dict[str, Runs]:
    return {name: runs for name in MODELS if (runs := by_rate(results, probe, model=name, length=length))}


def _best(runs: Mapping[str, Runs], probe: str) -> dict[str, dict[int, dict[str, Any]]]:
    return {name: best_rate(found, sign=SIGN[probe]) for name, found in runs.items()}


def _scored(rows: Mapping[int, Mapping[str, Any]], probe: str) -> dict[int, float]:
    """Scores on the test examples, by seed: each run has one length."""
    return {seed: next(iter(row["by_length"].values()), PROBES[probe]().chance(FAR[probe])) for seed, row in rows.items()}


def _solved(rows: Mapping[int, Mapping[str, Any]]) -> Estimate:
    return share_of(sum(row["solved_at"] is not None for row in rows.values()), len(rows))


def _nearer(rnn: Mapping[int, float], lstm: Mapping[int, float]) -> Estimate:
    """Difference of ln errors; between two that have learned nothing it says nothing."""
    estimate = paired_difference(*({seed: float(np.log(error)) for seed, error in errors.items()} for errors in (rnn, lstm)))
    half = PROBES["adding"]().chance(FAR["adding"]) / 2
    if estimate.value is None or any(mean_of(errors).value < half for errors in (rnn, lstm)):
        return estimate
    return Estimate(estimate.value, samples=estimate.samples, why="untrained: neither has halved the error of no memory")


def _guarded(runs: Mapping[str, Runs], name: str | None, estimate: Estimate, threshold: float) -> Estimate:
    """Untrained, not unable, unless every rate, every position code of a Transformer, and enough steps were tried."""
    fair = all(fair_chance(runs.get(other, {}), runs.values()) for other in (CODES if name in CODES else (name,)))
    return unless_untrained(estimate, threshold, fair)


def _measured(results: Sequence[Result]) -> list[Measured]:
    found = [Measured(model="who always says 1", quantity="squared error", unit="", estimate=exactly(1 / 6), at={"length": "any"})]
    for probe, (quantity, unit) in QUANTITIES.items():
        shares: dict[str, dict[int, float]] = {}
        for length in _lengths(results, probe):
            models, at = _best(_runs(results, probe, length), probe), {"length": length}
            for name, rows in models.items():
                solved, size = _solved(rows), next(iter(rows.values()))["parameters"]
                shares.setdefault(name, {})[length] = solved.value
                median = median_steps(steps_of(rows))
                told = {
                    (quantity, unit): mean_of(_scored(rows, probe)),
                    (f"trainings that solve {probe}", "share"): solved,
                    (f"median of steps until {probe} is solved", "steps"): Estimate(median, samples=len(rows)),
                    (f"parameters, {probe}", ""): exactly(size),
                }
                found += [Measured(model=name, quantity=what, unit=of, estimate=estimate, at=at) for (what, of), estimate in told.items()]
            if {"rnn", "lstm"} <= models.keys():
                estimate = Estimate(log_rank(steps_of(models["rnn"]), steps_of(models["lstm"])), samples=len(models["lstm"]))
                what = f"log-rank test of steps until {probe} is solved"
                found.append(Measured(model="rnn and lstm", quantity=what, unit="p", estimate=estimate, at=at))
        for name, at_length in shares.items():
            if len(at_length) > 1:
                length, how = half_solved(at_length)
                what = f"length at which half of the trainings solve {probe}"
                found.append(
                    Measured(model=name, quantity=what, unit="", estimate=Estimate(length, samples=len(at_length)), at={"known": how})
                )
    return found
