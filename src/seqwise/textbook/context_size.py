"""Memory and context: how far back a language model gains from knowing more, and how many pairs a state recalls."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from seqwise.models.accounting import state_bytes
from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, values_of
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, mean_of, paired_difference
from seqwise.textbook.language import LanguageRun, train
from seqwise.textbook.pictures import FAMILIES, averaged, lines
from seqwise.textbook.probed import model, score, unless_untrained
from seqwise.training.probing import ProbeConfig

CONTEXTS = (2, 4, 8, 16, 32, 64, 128)
WITHIN = 0.01
"""A context is enough from which on a longer one changes the loss by less than this share."""
WIDTH, WIDTHS = 64, {"standard": (), "long": (16, 32, 128)}
"""Of the models that recall: that of the clauses, and others, whose states are smaller or larger."""
FEW, MANY = 2, 8
"""Pairs of a key and a value."""
SEEDS = {"standard": 3, "long": 6}
STEPS = {"standard": {"language": 300, "recall": 1_000}, "long": {"language": 3_000, "recall": 10_000}}


class ContextSize(Claim):
    id = "context-size"
    source = "table row: memory / context size"
    statement = "An RNN's memory is small, an LSTM's medium, a Transformer's large."
    clauses = (
        Clause(
            statement="An LSTM uses more context than an RNN",
            scope="this data",
            effect="ln of the bytes beyond which the loss changes by less than 1 %, LSTM less RNN",
            unit="",
            threshold=0.0,
        ),
        Clause(
            statement="A Transformer uses more than an LSTM",
            scope="this data",
            effect="ln of the bytes beyond which the loss changes by less than 1 %, Transformer less LSTM",
            unit="",
            threshold=0.0,
        ),
        Clause(
            statement=f"A Transformer recalls {MANY} pairs",
            scope="this data",
            effect=f"accuracy of recall with {MANY} pairs",
            unit="share",
            threshold=0.9,
            pilot_seen=True,
        ),
        Clause(
            statement="What an LSTM recalls falls with the number of pairs",
            scope="this data",
            effect=f"accuracy with {MANY} pairs less that with {FEW}",
            unit="share",
            threshold=-0.1,
            direction="below",
        ),
        Clause(
            statement="A Transformer's memory is bought: what it keeps grows with every token, an LSTM's does not",
            scope="exact",
            effect="bytes kept after 1,000 tokens, Transformer over LSTM of equal width",
            unit="times",
            threshold=10.0,
        ),
    )
    published = (
        Published(
            value="relative effective context: LSTM 400, Transformer 128 (its window), Transformer-XL 900",
            source="Dai et al. 2019, arXiv:1901.02860",
        ),
        Published(
            value="perplexity gains 1 % or less beyond 150 to 250 tokens (AWD-LSTM)", source="Khandelwal et al. 2018, arXiv:1805.04623"
        ),
        Published(value="82 % of the gap between attention and gated convolutions is recall", source="Arora et al. 2023, arXiv:2312.04927"),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 7_200.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        found = []
        for seed in range(SEEDS[tier]):
            steps = STEPS[tier]
            found += [Experiment(part="language", settings={"model": m, "steps": steps["language"]}, seed=seed) for m in FAMILIES]
            found += [
                Experiment(part="recall", settings={"model": m, "width": width, "steps": steps["recall"]}, seed=seed)
                for width in (WIDTH, *WIDTHS[tier])
                for m in FAMILIES
            ]
        return found

    def run(self, experiment: Experiment) -> dict[str, Any]:
        name, steps = experiment.settings["model"], experiment.settings["steps"]
        if experiment.part == "language":
            run = LanguageRun(model=name, steps=steps, seed=experiment.seed, size=50_000, contexts=CONTEXTS)
            return {key: value for key, value in train(run).items() if key in ("bits_per_byte", "by_context", "by_place")}
        probe = ProbeConfig(
            probe="recall",
            shortest=FEW,
            longest=MANY,
            test_lengths=(FEW, 4, MANY),
            steps=steps,
            examples=256,
            evaluate_every=max(1, steps // 5),
        )
        return score(probe, recaller(name, experiment.settings["width"]), experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        known = {name: values_of(results, "language", "by_context", model=name) for name in FAMILIES}
        enough = {name: [math.log(enough_context(row)) for row in rows] for name, rows in known.items()}
        recalled = {name: values_of(results, "recall", "by_length", model=name, width=WIDTH) for name in FAMILIES}
        right = {name: {n: [row[str(n)] for row in rows if row] for n in (FEW, MANY)} for name, rows in recalled.items()}
        size = [state_bytes(recaller(name), 1_000) for name in ("transformer", "lstm")]
        estimates = [
            paired_difference(enough["lstm"], enough["rnn"]),
            paired_difference(enough["transformer"], enough["lstm"]),
            _recalls(right["transformer"][MANY]),
            paired_difference(right["lstm"][MANY], right["lstm"][FEW]),
            exactly(size[0] / size[1]) if results else None,
        ]
        measured = [
            Measured(
                model=name, quantity="bits for a byte", unit="bits", estimate=mean_of([row[str(n)] for row in rows]), at={"context": n}
            )
            for name, rows in known.items()
            for n in CONTEXTS
            if rows
        ]
        measured += [
            Measured(model=name, quantity="accuracy of recall", unit="share", estimate=mean_of(values), at={"pairs": n})
            for name, by_pairs in right.items()
            for n, values in by_pairs.items()
            if values
        ]
        recall = f"recall of {MANY} pairs"
        told = {"place": ("bits for a byte at its place", "bits", _by_place), "state bytes": (recall, "share", _by_state)}
        measured += [
            Measured(model=name, quantity=quantity, unit=unit, estimate=mean_of(values), at={key: x})
            for key, (quantity, unit, rows_of) in told.items()
            for name in FAMILIES
            for x, values in rows_of(results, name).items()
        ]
        if not all(enough.values()) or not all(by_pairs[MANY] for by_pairs in right.values()):
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every family")
        bytes_used = {name: math.exp(sum(values) / len(values)) for name, values in enough.items()}
        share = {name: 100 * sum(right[name][MANY]) / len(right[name][MANY]) for name in FAMILIES}
        summary = (
            f"The loss changes by less than 1 % beyond {bytes_used['rnn']:.0f} bytes of context in the RNN,"
            f" {bytes_used['lstm']:.0f} in the LSTM"
            f" and {bytes_used['transformer']:.0f} in the Transformer; of {MANY} pairs they recall"
            f" {share['rnn']:.0f}, {share['lstm']:.0f} and"
            f" {share['transformer']:.0f} %."
        )
        cells = {name: f"{bytes_used[name]:.0f} bytes of use; recall {share[name]:.0f} %" for name in FAMILIES}
        return Judged(estimates, measured, summary, {"Memory / context size": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Bits for a byte against the context that is shown and its place in the window; recall against the bytes of the state."""
        rows = {name: values_of(results, "language", "by_context", model=name) for name in FAMILIES}
        found = {name: averaged({n: [row[str(n)] for row in known] for n in CONTEXTS}) for name, known in rows.items()}
        axes = Axis("bytes of context", numbers.count, log=True), Axis("bits", numbers.number)
        places = {name: averaged(_by_place(results, name)) for name in FAMILIES}
        where = Axis("place in the window", numbers.count, log=True), Axis("bits", numbers.number)
        sizes = {name: averaged(_by_state(results, name)) for name in FAMILIES}
        state = Axis("bytes of state", numbers.count, log=True), Axis(f"accuracy with {MANY} pairs", numbers.number)
        return (
            *lines("Bits for a byte, by how many bytes before it are shown", found, FAMILIES, axes),
            *lines("Bits for a byte, by its place in the window", places, FAMILIES, where),
            *(lines("Recall, by what a model can keep", sizes, FAMILIES, state) if max(map(len, sizes.values())) > 1 else ()),
        )


def recaller(name: str, width: int = WIDTH) -> SeqwiseConfig:
    """Two layers, which attention needs to recall (Olsson et al. 2022, arXiv:2209.11895)."""
    return model({"transformer": "attention"}.get(name, name), width, layers=2)


def _by_place(results: Sequence[Result], name: str) -> dict[float, list[float]]:
    """Means over places 1, 2, 3 to 4, 5 to 8 and so on, under the last of them."""
    rows = values_of(results, "language", "by_place", model=name)
    ends = [2**power for power in range(len(rows[0]).bit_length())] if rows else []
    return {end: [sum(row[end // 2 : end]) / (end - end // 2) for row in rows] for end in ends if end <= len(rows[0])}


def _by_state(results: Sequence[Result], name: str) -> dict[float, list[float]]:
    """Recall of many pairs, by the bytes kept when all of them have been read."""
    found = {}
    for width in sorted({e.settings["width"] for e, _ in results if e.part == "recall"}):
        rows = values_of(results, "recall", "by_length", model=name, width=width)
        found[state_bytes(recaller(name, width), 2 * MANY)] = [row[str(MANY)] for row in rows if row]
    return found


def enough_context(bits: Mapping[str, float]) -> int:
    """The least context from which on every longer one is within 1 % of the longest (Khandelwal et al. 2018)."""
    contexts = sorted(map(int, bits))
    best = bits[str(contexts[-1])]
    worse = [n for n in contexts if bits[str(n)] > (1 + WITHIN) * best]
    return next(n for n in contexts if n > max(worse, default=0))


def _recalls(values: Sequence[float]) -> Estimate | None:
    """Without an interval where it is not learned at all: with so few steps that is untrained, not unable."""
    return unless_untrained(mean_of(values), able=max(values, default=0.0) > 0.9, fair=False)
