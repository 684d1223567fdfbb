"""Attention support: sequences rewritten with and without attention to the source, for every family."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from seqwise.comparison.contenders import Contender
from seqwise.comparison.sizes import Shape, solve
from seqwise.models.seq2seq_accounting import count_seq2seq
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig
from seqwise.report.document import Block, Style
from seqwise.tasks.probes import PROBES
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import exactly, mean_of, paired_difference
from seqwise.textbook.probed import (
    CODES,
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
    unless_untrained,
)
from seqwise.training.probing import ProbeConfig

WIDTH, PARAMETERS, TRAINED, LENGTHS = 64, 110_000, 10, (4, 7, 10)
ALONE = "transformer, no attention to the source"
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "rnn": {"mixer": "rnn", "cross_attention": False},
    "rnn+attention": {"mixer": "rnn", "cross_attention": True},
    "lstm": {"mixer": "lstm", "cross_attention": False},
    "lstm+attention": {"mixer": "lstm", "cross_attention": True},
    "transformer": {"mixer": "attention", "cross_attention": True},
    ALONE: {"mixer": "attention", "cross_attention": False},
}
MODELS: Mapping[str, Mapping[str, Any]] = {
    **FAMILIES,
    "gru": {"mixer": "gru", "cross_attention": False},
    "gru+attention": {"mixer": "gru", "cross_attention": True},
    **{name: {**FAMILIES["transformer"], "position_embedding": code} for name, code in CODES.items()},
}
STYLES = {name: Style(index, index, "" if settings["cross_attention"] else "7 4") for index, (name, settings) in enumerate(MODELS.items())}
SEEDS, STEPS = {"standard": 3, "long": 6}, {"standard": 1_200, "long": 8_000}
EVERY = 50
"""Steps between two scores on validation."""
USE = 0.3
"""What attention must add to count as of use: the threshold of the experiment that the claim was planned with."""


class AttentionSupport(Claim):
    id = "attention-support"
    source = "table row: attention support"
    statement = "RNNs and LSTMs have no attention; it is the Transformer's own."
    clauses = (
        Clause(
            statement="Attention to the source does little for an LSTM",
            scope="this data",
            effect=f"share of sequences of {TRAINED} reversed without a mistake, with attention less without, if one of them learns it",
            unit="share",
            threshold=USE,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="Nor does it do much for an RNN",
            scope="this data",
            effect=f"share of sequences of {TRAINED} reversed without a mistake, with attention less without, if one of them learns it",
            unit="share",
            threshold=USE,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="A Transformer reverses better than an LSTM with attention",
            scope="this data",
            effect=f"share of sequences of {TRAINED} reversed without a mistake, Transformer less LSTM with attention",
            unit="share",
            threshold=0.0,
            pilot_seen=True,
            control=True,
        ),
    )
    published = (
        Published(
            value="attention was first used between recurrent encoders and decoders",
            source="Bahdanau et al. 2015, arXiv:1409.0473",
            read=False,
            clauses=(0, 1),
        ),
        Published(
            value="RNMT+, of LSTMs with multi-head attention, is ahead of the Transformer on WMT 2014",
            source="Chen et al. 2018, arXiv:1804.09849",
            clauses=(2,),
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 9_000.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [
            Experiment(part="reverse", settings={"model": name, "rate": rate, "steps": STEPS[tier]}, seed=seed)
            for seed in range(SEEDS[tier])
            for name in (MODELS if tier == "long" else FAMILIES)
            for rate in EVERY_RATE
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
            batch_size=32,
            examples=256,
            evaluate_every=EVERY,
            stop_when_solved=True,
        )
        return score(probe, rewriter(**MODELS[settings["model"]]), experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        runs = {name: found for name in MODELS if (found := by_rate(results, "reverse", model=name))}
        rows = {name: best_rate(found) for name, found in runs.items()}
        right = {name: scores(found, TRAINED, 0.0) for name, found in rows.items()}
        code = best({name: rows[name] for name in CODES if name in rows})
        estimates = [_gain(rows, right, "lstm"), _gain(rows, right, "rnn"), _ahead(runs, right, code)]
        measured = [
            Measured(
                model=name,
                quantity="sequences reversed without a mistake",
                unit="share",
                estimate=mean_of(scores(found, n, 0.0)),
                at={"length": n},
            )
            for name, found in rows.items()
            for n in LENGTHS
        ]
        measured += [
            Measured(model=name, quantity="parameters", unit="", estimate=exactly(next(iter(found.values()))["parameters"]))
            for name, found in rows.items()
        ]
        if not FAMILIES.keys() <= right.keys():
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every model")
        share = {name: 100 * mean_of(values).value for name, values in right.items()}
        summary = (
            f"Of sequences of {TRAINED} an LSTM reverses {share['lstm']:.0f} % without attention and"
            f" {share['lstm+attention']:.0f} % with it, an RNN"
            f" {share['rnn']:.0f} and {share['rnn+attention']:.0f} %, a Transformer {share[ALONE]:.0f} and {share[code]:.0f} %."
        )
        cells = {
            "rnn": f"reversing {share['rnn']:.0f} %, with attention {share['rnn+attention']:.0f} %",
            "lstm": f"reversing {share['lstm']:.0f} %, with attention {share['lstm+attention']:.0f} %",
            "transformer": f"reversing {share[ALONE]:.0f} %, with attention to the source {share[code]:.0f} %",
        }
        return Judged(estimates, measured, summary, {"Attention support": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Share of sequences without a mistake, by length."""
        rows = {name: best_rate(by_rate(results, "reverse", model=name)) for name in MODELS}
        return by_length("Reversed without a mistake, by length", rows, LENGTHS, _nothing, STYLES, "share")


def rewriter(mixer: str, **settings: Any) -> SeqwiseSeq2SeqConfig:
    """An encoder and a decoder with ``PARAMETERS`` together, give or take 1 %, with attention between them or without."""
    shape = Shape(
        vocab_size=PROBES["reverse"]().vocabulary,
        config_class=SeqwiseSeq2SeqConfig,
        embedding_size=WIDTH,
        layers=1,
        classes=0,
        context=TRAINED + 1,
        bidirectional=False,
        width=WIDTH,
    )

    def parameters(config: SeqwiseSeq2SeqConfig) -> float:
        return float(count_seq2seq(config).non_embedding)

    return solve(Contender(mixer, (mixer,), settings=settings), shape, "modern", parameters, float(PARAMETERS))


def _nothing(length: int) -> float:
    """What counts for a training that diverged."""
    return 0.0


def _gain(rows: Mapping[str, Any], right: Mapping[str, Mapping[int, float]], name: str) -> Estimate:
    """What attention adds; where neither of the two has learned to reverse, that it adds nothing says nothing."""
    pair = (f"{name}+attention", name)
    gain = paired_difference(*(right.get(one, {}) for one in pair))
    return unless_untrained(gain, USE, any(fits(rows.get(one, {})) for one in pair))


def _ahead(runs: Mapping[str, Runs], right: Mapping[str, Mapping[int, float]], code: str | None) -> Estimate:
    """What a Transformer has before an LSTM with attention; behind it only with every rate, every position code and enough steps."""
    fair = all(fair_chance(runs.get(name, {}), runs.values()) for name in CODES)
    return unless_untrained(paired_difference(right.get(code, {}), right.get("lstm+attention", {})), 0.0, fair)
