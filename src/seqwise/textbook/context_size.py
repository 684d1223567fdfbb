"""Memory and context: how far back a language model gains from knowing more, and how many pairs a state recalls."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch

from seqwise.models.accounting import state_bytes
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.report import numbers
from seqwise.report.document import Block
from seqwise.report.svg import Axis
from seqwise.tasks.probes import PROBES
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, by_seed, values_of
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import UNKNOWN, exactly, mean_of, paired_difference
from seqwise.textbook.inference_speed import bytes_kept, states_after
from seqwise.textbook.language import LanguageRun, train
from seqwise.textbook.pictures import FAMILIES, averaged, lines
from seqwise.textbook.probed import DISTRIBUTION, EVERY_RATE, Runs, best_rate, by_rate, fair_chance, model, score, unless_untrained
from seqwise.training.probing import ProbeConfig

CONTEXTS = (2, 4, 8, 16, 32, 64, 128)
WINDOW = CONTEXTS[-1]
WITHIN = 0.01
"""A context is enough from which on a longer one changes the loss by less than this share."""
USED = f"ln of the bytes of context, within a window of {WINDOW}, beyond which the loss changes by less than 1 %"
WIDTH, WIDTHS = 64, {"standard": (), "long": (16, 32, 128)}
"""Of the models that recall: that of the clauses, and others, whose states are smaller or larger, with one learning rate."""
MIDDLE_RATE = EVERY_RATE[1]
CODES = {"rnn": ("none",), "lstm": ("none",), "transformer": ("rotary", "sinusoidal", "none")}
"""Position codes that all must have been tried before a model is said to be unable."""
TRIED = {"standard": 1, "long": 3}
"""How many of them a tier tries."""
FEW, MANY = 2, 8
"""Pairs of a key and a value."""
FALL = -0.1
SEEDS = {"standard": 3, "long": 6}
STEPS = {"standard": {"language": 300, "recall": 800}, "long": {"language": 3_000, "recall": 10_000}}
HALF, WHOLE = 500, 1_000
"""Tokens after which it is counted what a model keeps."""


class ContextSize(Claim):
    id = "context-size"
    source = "table row: memory / context size"
    statement = "An RNN's memory is small, an LSTM's medium, a Transformer's large."
    clauses = (
        Clause(
            statement="An LSTM uses more context than an RNN",
            scope="this data",
            effect=f"{USED}, LSTM less RNN",
            unit="",
            threshold=0.0,
        ),
        Clause(
            statement="A Transformer uses more than an LSTM",
            scope="this data",
            effect=f"{USED}, Transformer less LSTM",
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
            effect=f"accuracy with {MANY} pairs less that with {FEW}, of an LSTM that recalls {FEW}",
            unit="share",
            threshold=FALL,
            direction="below",
        ),
        Clause(
            statement="A Transformer's memory is bought: what it keeps grows with every token, an LSTM's does not",
            scope="exact",
            effect=f"bytes kept after {WHOLE:,} tokens over those after {HALF}, Transformer's over LSTM's",
            unit="times",
            threshold=1.5,
            control=True,
        ),
    )
    published = (
        Published(
            value="relative effective context: LSTM 400, Transformer 128 (its window), Transformer-XL 900",
            source="Dai et al. 2019, arXiv:1901.02860",
            read=False,
            clauses=(0, 1),
        ),
        Published(
            value="perplexity gains 1 % or less beyond 150 to 250 tokens (AWD-LSTM)",
            source="Khandelwal et al. 2018, arXiv:1805.04623",
            read=False,
            clauses=(0,),
        ),
        Published(
            value="82 % of the gap between attention and gated convolutions is recall",
            source="Arora et al. 2023, arXiv:2312.04927",
            clauses=(2, 3),
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 14_400.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        steps = STEPS[tier]
        found = [Experiment(part="kept", settings={"model": m}) for m in FAMILIES]
        for seed in range(SEEDS[tier]):
            found += [Experiment(part="language", settings={"model": m, "steps": steps["language"]}, seed=seed) for m in FAMILIES]
            cells = [(m, WIDTH, code, rate) for m in FAMILIES for code in CODES[m][: TRIED[tier]] for rate in EVERY_RATE]
            cells += [(m, width, CODES[m][0], MIDDLE_RATE) for width in WIDTHS[tier] for m in FAMILIES]
            found += [
                Experiment(
                    part="recall",
                    settings={"model": m, "width": width, "position": code, "rate": rate, "steps": steps["recall"]},
                    seed=seed,
                )
                for m, width, code, rate in cells
            ]
        return found

    def run(self, experiment: Experiment) -> dict[str, Any]:
        settings = experiment.settings
        if experiment.part == "kept":
            return {"bytes": kept(settings["model"])}
        if experiment.part == "language":
            run = LanguageRun(**settings, seed=experiment.seed, size=50_000, window=WINDOW, contexts=CONTEXTS)
            return {key: value for key, value in train(run).items() if key in ("status", "rate", "bits_per_byte", "by_context", "by_place")}
        probe = ProbeConfig(
            probe="recall",
            shortest=FEW,
            longest=MANY,
            test_lengths=(FEW, 4, MANY),
            steps=settings["steps"],
            batch_size=32,
            examples=256,
            evaluate_every=50,
            stop_when_solved=True,
            learning_rate=settings["rate"],
        )
        return score(probe, recaller(settings["model"], settings["width"], settings["position"]), experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        known = {name: by_seed(results, "language", "by_context", model=name) for name in FAMILIES}
        enough = {name: {seed: enough_context(row) for seed, row in rows.items()} for name, rows in known.items()}
        right = {name: {n: recalled(results, name, n) for n in (FEW, MANY)} for name in FAMILIES}
        estimates = [
            paired_difference(enough["lstm"], enough["rnn"]),
            paired_difference(enough["transformer"], enough["lstm"]),
            unless_untrained(mean_of(right["transformer"][MANY]), 0.9, fair(results, "transformer")),
            _fall(right["lstm"], fair(results, "lstm")),
            _growth(results),
        ]
        measured = [
            Measured(
                model=name,
                quantity="bits for a byte",
                unit="bits",
                estimate=mean_of([row[str(n)] for row in rows.values()]),
                at={"context": n},
            )
            for name, rows in known.items()
            for n in CONTEXTS
        ]
        measured += [
            Measured(model=name, quantity="accuracy of recall", unit="share", estimate=mean_of(values), at={"pairs": n})
            for name, by_pairs in right.items()
            for n, values in by_pairs.items()
        ]
        recall = f"recall of {MANY} pairs"
        told = {"place": ("bits for a byte at its place", "bits", _by_place), "state bytes": (recall, "share", _by_state)}
        measured += [
            Measured(model=name, quantity=quantity, unit=unit, estimate=mean_of(values), at={key: x})
            for key, (quantity, unit, rows_of) in told.items()
            for name in FAMILIES
            for x, values in rows_of(results, name).items()
        ]
        measured = [row for row in measured if row.estimate.value is not None]
        if not all(enough.values()) or not all(by_pairs[MANY] for by_pairs in right.values()):
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every family")
        bytes_used = {name: math.exp(mean_of(values).value) for name, values in enough.items()}
        share = {name: 100 * mean_of(right[name][MANY]).value for name in FAMILIES}
        summary = (
            f"Within a window of {WINDOW} bytes the loss changes by less than 1 % beyond {bytes_used['rnn']:.0f} bytes of context in the"
            f" RNN, {bytes_used['lstm']:.0f} in the LSTM and {bytes_used['transformer']:.0f} in the Transformer; of {MANY} pairs they"
            f" recall {share['rnn']:.0f}, {share['lstm']:.0f} and {share['transformer']:.0f} %."
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


def recaller(name: str, width: int = WIDTH, position: str = "rotary") -> SeqwiseConfig:
    """Two layers, which attention needs to recall (Olsson et al. 2022, arXiv:2209.11895)."""
    return model({"transformer": "attention"}.get(name, name), width, layers=2, position_embedding=position)


def kept(name: str) -> dict[str, int]:
    """Bytes in the states of a model that has read so many tokens, counted."""
    torch.manual_seed(0)
    network = SeqwiseForCausalLM(recaller(name)).eval()
    states = states_after(network, (HALF, WHOLE), torch.randint(1, network.config.vocab_size, (1, WHOLE)))
    return {str(tokens): bytes_kept(state) for tokens, state in states.items()}


def enough_context(bits: Mapping[str, float]) -> float:
    """ln of the least context from which on every longer one is within 1 % of the longest (Khandelwal et al. 2018, arXiv:1805.04623).

    Between two contexts that were measured bits are a line over ln context.
    """
    contexts = sorted(map(int, bits))
    limit = (1 + WITHIN) * bits[str(contexts[-1])]
    worse = [n for n in contexts if bits[str(n)] > limit]
    if not worse:
        return math.log(contexts[0])
    before, after = worse[-1], contexts[contexts.index(worse[-1]) + 1]
    share = (bits[str(before)] - limit) / (bits[str(before)] - bits[str(after)])
    return math.log(before) + share * math.log(after / before)


def tried(results: Sequence[Result], name: str) -> dict[str, Runs]:
    """Runs of recall by position code."""
    return {code: by_rate(results, "recall", model=name, width=WIDTH, position=code) for code in CODES[name]}


def recalled(results: Sequence[Result], name: str, pairs: int) -> dict[int, float]:
    """Accuracy by seed, with the position code and learning rate that did best on validation; chance where it diverged."""
    runs = {(code, rate): rows for code, found in tried(results, name).items() for rate, rows in found.items()}
    return {seed: _accuracy(row["by_length"], pairs) for seed, row in best_rate(runs).items()}


def _accuracy(by_length: Mapping[str, float], pairs: int) -> float:
    return by_length.get(str(pairs), PROBES["recall"]().chance(pairs))


def fair(results: Sequence[Result], name: str) -> bool:
    """Whether every position code had a fair chance. What is trained is what is asked, so that fitting the one is no test apart."""
    every = [runs for other in FAMILIES for runs in tried(results, other).values()]
    return all(fair_chance(runs, every) for runs in tried(results, name).values())


def _fall(right: Mapping[int, Mapping[int, float]], fair: bool) -> Estimate:
    """Of what a model recalls, from few pairs to many.

    Naming any value that was seen is right in one case of as many as there are pairs: a model that does no more falls, too, from nothing.
    """
    found, few = unless_untrained(paired_difference(right[MANY], right[FEW]), FALL, fair), mean_of(right[FEW]).value
    if few is None or few >= DISTRIBUTION:
        return found
    return Estimate(found.value, samples=found.samples, why=f"untrained: it recalls {100 * few:.0f} % of {FEW} pairs")


def _growth(results: Sequence[Result]) -> Estimate:
    sizes = {name: values_of(results, "kept", "bytes", model=name) for name in ("transformer", "lstm")}
    if not all(sizes.values()):
        return UNKNOWN
    grown = {name: found[str(WHOLE)] / found[str(HALF)] for name, (found,) in sizes.items()}
    return exactly(grown["transformer"] / grown["lstm"])


def _by_place(results: Sequence[Result], name: str) -> dict[float, list[float]]:
    """Means over places 1, 2, 3 to 4, 5 to 8 and so on, under the last of them."""
    rows = values_of(results, "language", "by_place", model=name)
    ends = [2**power for power in range(WINDOW.bit_length())]
    return {end: [sum(row[end // 2 : end]) / (end - end // 2) for row in rows] for end in ends if rows}


def _by_state(results: Sequence[Result], name: str) -> dict[float, list[float]]:
    """Recall of many pairs with one learning rate, by the bytes kept when all of them have been read."""
    found, told = {}, {"model": name, "position": CODES[name][0], "rate": MIDDLE_RATE}
    for width in sorted({e.settings["width"] for e, _ in results if e.part == "recall"}):
        rows = values_of(results, "recall", "by_length", width=width, **told)
        found[state_bytes(recaller(name, width), 2 * MANY)] = [_accuracy(row, MANY) for row in rows]
    return found
