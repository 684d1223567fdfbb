"""Long dependencies: two tasks in which what matters stands far back, and how many trainings of each family solve them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, mean_of, paired_difference, share_of
from seqwise.textbook.pictures import FAMILIES, averaged, lines
from seqwise.textbook.probed import EVERY_RATE, best_rate, by_rate, fair_chance, model, score, unless_untrained
from seqwise.training.probing import ProbeConfig

MODELS: Mapping[str, SeqwiseConfig] = {
    "rnn": model("rnn", body="classic"),
    "lstm": model("lstm", body="classic"),
    "transformer": model("attention", layers=2),
}
LENGTHS = {"standard": {"adding": (100,), "copying": (50,)}, "long": {"adding": (50, 100, 200, 400), "copying": (20, 50, 100, 200)}}
STEPS = {"standard": 1_500, "long": 5_000}
SEEDS = {"standard": 3, "long": 6}
RATES = {"standard": (3e-3,), "long": EVERY_RATE}
SOLVED = {"adding": 0.01, "copying": 0.99}
FAR = {"adding": 100, "copying": 50}
"""Numbers to add two of, and blanks to remember ten symbols over, that the clauses are about."""
BATCH = 32


class LongDependencies(Claim):
    id = "long-dependencies"
    source = "reason 2; table row: long dependencies"
    statement = "RNNs forget quickly, LSTMs remember over short to medium distances, Transformers over all."
    clauses = (
        Clause(
            statement=f"RNNs do not learn to add two numbers that lie {FAR['adding'] // 2} places back in the mean",
            scope="this data",
            effect=f"share of trainings with an error below 0.01, length {FAR['adding']}",
            unit="share",
            threshold=0.5,
            direction="below",
        ),
        Clause(
            statement="LSTMs come nearer to it than RNNs",
            scope="this data",
            effect=f"ln of the squared error, RNN less LSTM, length {FAR['adding']}",
            unit="",
            threshold=0.0,
            pilot_seen=True,
        ),
        Clause(
            statement="Transformers learn it",
            scope="this data",
            effect=f"share of trainings with an error below 0.01, length {FAR['adding']}",
            unit="share",
            threshold=0.5,
        ),
        Clause(
            statement=f"LSTMs do not repeat ten symbols after {FAR['copying']} blanks",
            scope="this data",
            effect="accuracy of the symbols",
            unit="share",
            threshold=0.5,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="Transformers do",
            scope="this data",
            effect="accuracy of the symbols",
            unit="share",
            threshold=0.9,
            pilot_seen=True,
        ),
    )
    published = (
        Published(
            value="adding, length 600: LSTM 0.164, GRU 5.3e-5, RNN 0.177, TCN 5.8e-5 (who says 1: 1/6)",
            source="Bai et al. 2018, arXiv:1803.01271",
        ),
        Published(
            value="copy memory, 1,000 blanks: LSTM 0.0204, RNN 0.0202, GRU 0.0197 (no memory: 0.0204), TCN 3.5e-5",
            source="Bai et al. 2018, arXiv:1803.01271",
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 14_400.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [
            Experiment(part=probe, settings={"model": name, "length": length, "steps": STEPS[tier], "rate": rate}, seed=seed)
            for seed in range(SEEDS[tier])
            for probe, lengths in LENGTHS[tier].items()
            for length in lengths
            for name in MODELS
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
            evaluate_every=max(1, settings["steps"] // 20),
            stop_when_solved=True,
        )
        return score(probe, MODELS[settings["model"]], experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        adding = {name: _scores(results, "adding", name, FAR["adding"]) for name in MODELS}
        copying = {name: _scores(results, "copying", name, FAR["copying"]) for name in MODELS}
        logs = {name: np.log(values) for name, values in adding.items()}
        solved = {name: share_of(sum(value < 0.01 for value in values), len(values)) for name, values in adding.items()}
        guarded = lambda probe, name, estimate: unless_untrained(  # noqa: E731
            estimate, _able(probe, estimate), _fair(results, probe, name)
        )
        estimates = [
            guarded("adding", "rnn", solved["rnn"]),
            paired_difference(logs["rnn"], logs["lstm"]),
            guarded("adding", "transformer", solved["transformer"]),
            guarded("copying", "lstm", mean_of(copying["lstm"])),
            guarded("copying", "transformer", mean_of(copying["transformer"])),
        ]
        measured = [
            Measured(
                model=name, quantity=quantity, unit=unit, estimate=mean_of(_scores(results, probe, name, length)), at={"length": length}
            )
            for probe, quantity, unit in (("adding", "squared error", ""), ("copying", "accuracy of repeated symbols", "share"))
            for length in sorted({experiment.settings["length"] for experiment, _ in results if experiment.part == probe})
            for name in MODELS
        ]
        measured += _steps_to_solve(results)
        measured.append(
            Measured(model="who always says 1", quantity="squared error", unit="", estimate=exactly(1 / 6), at={"length": "any"})
        )
        if not all(adding.values()) or not all(copying.values()):
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every family")
        error = {name: float(np.mean(values)) for name, values in adding.items()}
        right = {name: 100 * float(np.mean(values)) for name, values in copying.items()}
        summary = (
            f"Two of {FAR['adding']} numbers are added with a squared error of {error['rnn']:.3f} (RNN), {error['lstm']:.3f} (LSTM) and"
            f" {error['transformer']:.3f} (Transformer), 0.167 being no memory; ten symbols are repeated after {FAR['copying']} blanks to"
            f" {right['rnn']:.0f}, {right['lstm']:.0f} and {right['transformer']:.0f} %."
        )
        cells = {name: f"adding over {FAR['adding']}: {error[name]:.3f}; copying {right[name]:.0f} %" for name in MODELS}
        return Judged(estimates, measured, summary, {"Long dependencies": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Scores by length, where several were measured."""
        figures = []
        for probe, axis in (("adding", "squared error"), ("copying", "accuracy")):
            lengths = sorted({experiment.settings["length"] for experiment, _ in results if experiment.part == probe})
            found = {name: averaged({n: _scores(results, probe, name, n) for n in lengths}) for name in MODELS}
            axes = Axis("length", numbers.count, log=True), Axis(axis, numbers.number)
            figures += lines(f"{probe.capitalize()}, by length", found, FAMILIES, axes) if len(lengths) > 1 else ()
        return tuple(figures)


def _scores(results: Sequence[Result], probe: str, name: str, length: int) -> list[float]:
    """Test scores by seed, of the learning rate that did best on validation; what diverged counts as no memory."""
    fallback = 1 / 6 if probe == "adding" else 0.0
    return [row["by_length"].get(str(length), fallback) for row in _best(results, probe, name, length)]


def _best(results: Sequence[Result], probe: str, name: str, length: int) -> list[dict[str, Any]]:
    return best_rate(by_rate(results, probe, model=name, length=length), sign=-1 if probe == "adding" else 1)


def _fair(results: Sequence[Result], probe: str, name: str) -> bool:
    every = {model: by_rate(results, probe, model=model, length=FAR[probe]) for model in MODELS}
    return fair_chance(every[name], every.values())


def _steps_to_solve(results: Sequence[Result]) -> list[Measured]:
    """Mean steps until solved, of the best rate; who has not solved it counts with all steps, so that the mean is a lower bound then."""
    found = []
    for probe, length, name in sorted({(e.part, e.settings["length"], e.settings["model"]) for e, _ in results}):
        rows = _best(results, probe, name, length)
        open_, steps = sum(row["solved_at"] is None for row in rows), [row["solved_at"] or row["steps"] for row in rows]
        at = {"length": length, "unsolved": f"{open_} of {len(rows)}"}
        found.append(Measured(model=name, quantity=f"steps until {probe} is solved", unit="steps", estimate=mean_of(steps), at=at))
    return found


def _able(probe: str, estimate: Estimate) -> bool:
    """Whether a share of solved trainings, or an accuracy, is that of a model that has learned it."""
    return estimate.value is not None and estimate.value > (0.5 if probe == "adding" else SOLVED[probe])
