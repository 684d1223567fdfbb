"""Attention support: sequences rewritten with and without attention to the source, for every family."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig
from seqwise.report.document import Block, Style
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import mean_of, paired_difference
from seqwise.textbook.probed import by_length, score
from seqwise.training.probing import ProbeConfig

WIDTH, TRAINED, LENGTHS = 64, 10, (4, 7, 10)


def rewriter(mixer: str, *, attention: bool) -> SeqwiseSeq2SeqConfig:
    sizes = {"embedding_size": WIDTH, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 1}
    return SeqwiseSeq2SeqConfig(layer_types=[mixer], cross_attention=attention, **sizes)


MODELS: Mapping[str, SeqwiseSeq2SeqConfig] = {
    "rnn": rewriter("rnn", attention=False),
    "rnn+attention": rewriter("rnn", attention=True),
    "lstm": rewriter("lstm", attention=False),
    "lstm+attention": rewriter("lstm", attention=True),
    "transformer": rewriter("attention", attention=True),
}
STYLES = {name: Style(index, index, "" if "+" in name else "7 4") for index, name in enumerate(MODELS)}
SEEDS, STEPS = {"standard": 3, "long": 6}, {"standard": 1_500, "long": 8_000}


class AttentionSupport(Claim):
    id = "attention-support"
    source = "table row: attention support"
    statement = "RNNs and LSTMs have no attention; it is the Transformer's own."
    clauses = (
        Clause(
            statement="An LSTM has no use for attention to its source",
            scope="this data",
            effect=f"share of sequences of {TRAINED} reversed without a mistake, with attention less without",
            unit="share",
            threshold=0.05,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="Nor has an RNN",
            scope="this data",
            effect=f"share of sequences of {TRAINED} reversed without a mistake, with attention less without",
            unit="share",
            threshold=0.05,
            direction="below",
        ),
        Clause(
            statement="A Transformer reverses better than an LSTM with attention",
            scope="this data",
            effect=f"share of sequences of {TRAINED} reversed without a mistake, Transformer less LSTM with attention",
            unit="share",
            threshold=0.0,
        ),
    )
    published = (
        Published(
            value="attention was first used between recurrent encoders and decoders",
            source="Bahdanau et al. 2015, arXiv:1409.0473",
            read=False,
        ),
        Published(
            value="RNMT+, of LSTMs with multi-head attention, is ahead of the Transformer on WMT 2014",
            source="Chen et al. 2018, arXiv:1804.09849",
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 3_600.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [
            Experiment(part="reverse", settings={"model": name, "steps": STEPS[tier]}, seed=seed)
            for seed in range(SEEDS[tier])
            for name in MODELS
        ]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        steps = experiment.settings["steps"]
        probe = ProbeConfig(
            probe=experiment.part,
            shortest=2,
            longest=TRAINED,
            test_lengths=LENGTHS,
            steps=steps,
            batch_size=32,
            examples=256,
            evaluate_every=max(1, steps // 10),
        )
        return score(probe, MODELS[experiment.settings["model"]], experiment.seed)

    def judge(self, results: Sequence[Result]) -> Judged:
        rows = {name: _rows(results, name) for name in MODELS}
        right = {name: [row["by_length"][str(TRAINED)] for row in found if row["by_length"]] for name, found in rows.items()}
        estimates = [
            paired_difference(right["lstm+attention"], right["lstm"]),
            paired_difference(right["rnn+attention"], right["rnn"]),
            paired_difference(right["transformer"], right["lstm+attention"]),
        ]
        measured = [
            Measured(
                model=name,
                quantity="sequences reversed without a mistake",
                unit="share",
                estimate=mean_of([row["by_length"][str(n)] for row in found if row["by_length"]]),
                at={"length": n},
            )
            for name, found in rows.items()
            for n in LENGTHS
            if found
        ]
        if not all(right.values()):
            return Judged(estimates, measured, f"{len(measured)} measurements, not of every model")
        share = {name: 100 * sum(values) / len(values) for name, values in right.items()}
        summary = (
            f"Of sequences of {TRAINED} an LSTM reverses {share['lstm']:.0f} % without attention and"
            f" {share['lstm+attention']:.0f} % with it, an RNN"
            f" {share['rnn']:.0f} and {share['rnn+attention']:.0f} %, a Transformer {share['transformer']:.0f} %."
        )
        cells = {
            "rnn": f"reversing {share['rnn']:.0f} %, with attention {share['rnn+attention']:.0f} %",
            "lstm": f"reversing {share['lstm']:.0f} %, with attention {share['lstm+attention']:.0f} %",
            "transformer": f"reversing {share['transformer']:.0f} %",
        }
        return Judged(estimates, measured, summary, {"Attention support": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Share of sequences without a mistake, by length."""
        return by_length("Reversed without a mistake, by length", {name: _rows(results, name) for name in MODELS}, STYLES, "share")


def _rows(results: Sequence[Result], name: str) -> list[dict[str, Any]]:
    return [row for experiment, row in sorted(results, key=lambda pair: pair[0].seed) if experiment.settings["model"] == name]
