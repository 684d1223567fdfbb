"""Pretraining and transfer: what each family gains from it at few labels, and how long the text of BERT would take each here."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from seqwise.models.architectures import architecture
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.report import numbers
from seqwise.report.document import Block
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.comparing import compared, gain
from seqwise.textbook.estimates import median_of, paired_difference, ratio_of_medians
from seqwise.textbook.pictures import FAMILIES, estimated, lines
from seqwise.training.optimizer import build_optimizer

SOURCE = "demo:docstrings"
LABELS = {"standard": (100,), "long": (50, 100, 500, 2_000)}
FEW = 100
BUDGET, REPLICATES = {"standard": "240s", "long": "20m"}, {"standard": 3, "long": 6}
WORDS, EPOCHS = 3.3e9, 40
"""Of BERT (Devlin et al. 2019, arXiv:1810.04805): words of its corpus, and how often they were read."""
TOKENS_PER_WORD, BATCH, LENGTH, ROUNDS = 1.3, 8, 128, 9


def seconds_of_steps() -> dict[str, list[float]]:
    """Of a training step of each family's tiny model, interleaved, the order turned; the first round is not counted."""
    torch.manual_seed(0)
    ids, models = torch.randint(4, 4096, (BATCH, LENGTH)), {}
    for name in FAMILIES:
        model = SeqwiseForCausalLM(architecture(f"{name}-tiny-v1", vocab_size=4096)).train()
        models[name] = model, build_optimizer(model, learning_rate=1e-3, weight_decay=0.1)
    found: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(ROUNDS + 1):
        for name in list(models) if turn % 2 else list(models)[::-1]:
            model, optimizer = models[name]
            begun = time.perf_counter()
            model(input_ids=ids, labels=ids).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            found[name] += [time.perf_counter() - begun] if turn else []
    return found


class Pretraining(Claim):
    id = "pretraining"
    source = "reasons 4 and 5; table row: pretraining availability"
    statement = "LSTMs are not pretrained and transfer poorly; BERT read 3.3 billion words in 4 days, LSTMs would take weeks."
    clauses = (
        Clause(
            statement=f"A pretrained LSTM is no better than one from scratch at {FEW} labels",
            scope="this data",
            effect="accuracy, fine-tuned less from scratch, LSTM",
            unit="share",
            threshold=0.0,
            direction="below",
        ),
        Clause(
            statement=f"Pretraining is worth more to a Transformer than to an LSTM at {FEW} labels",
            scope="this data",
            effect="gain of the Transformer less gain of the LSTM",
            unit="share",
            threshold=0.0,
        ),
        Clause(
            statement="The text that takes a Transformer four days takes an LSTM of its size weeks",
            scope="this CPU",
            effect="seconds of a training step, LSTM over Transformer",
            unit="times",
            threshold=3.5,
            pilot_seen=True,
        ),
        Clause(
            statement="BERT read 3.3 billion words in 4 days",
            scope="history",
            effect="days, on 4 to 16 Cloud TPUs, forty times over",
            unit="days",
            threshold=4.0,
            direction="below",
        ),
    )
    published = (
        Published(
            value="without pretraining 59.9, with it 74.7, an LSTM with it 69.1 (mean of tasks)",
            source="Radford et al. 2018 (GPT-1), Table 5",
        ),
        Published(
            value="TREC-6, error: 10.67 from scratch, 5.69 pretrained; 100 labels match 100 times the data",
            source="Howard & Ruder 2018 (ULMFiT), arXiv:1801.06146",
        ),
        Published(value="an mLSTM, three epochs of 40 GB of text: 4 hours on 128 V100", source="Puri et al. 2018, arXiv:1808.01371"),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 7_200.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        told = {"budget": BUDGET[tier], "replicates": REPLICATES[tier]}
        return [Experiment(part="speed"), *(Experiment(part="labels", settings={"labels": n, **told}) for n in LABELS[tier])]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        if experiment.part == "speed":
            return seconds_of_steps()
        settings, models = experiment.settings, ",".join(f"{name}-tiny" for name in FAMILIES)
        flags = ("--labels", str(settings["labels"]), "--replicates", str(settings["replicates"]), "--configurations", "1")
        return compared(SOURCE, "--from-pretrained", models, "--budget", settings["budget"], *flags)

    def judge(self, results: Sequence[Result]) -> Judged:
        rng, rows = np.random.default_rng(0), {e.settings["labels"]: row for e, row in results if e.part == "labels"}
        speed = next((row for e, row in results if e.part == "speed"), None)
        gains = {n: {name: gain(row, f"{name}-tiny", f"{name}-tiny-scratch") for name in FAMILIES} for n, row in rows.items()}
        ratio = ratio_of_medians(speed["lstm"], speed["transformer"], rng=rng) if speed else None
        lstm = gains[FEW]["lstm"] if FEW in gains else None
        estimates = [lstm, _more(rows.get(FEW), "transformer", "lstm"), ratio, None]
        measured = [
            Measured(model=name, quantity="accuracy, fine-tuned less from scratch", unit="share", estimate=estimate, at={"labels": n})
            for n, by_family in gains.items()
            for name, estimate in by_family.items()
            if estimate
        ]
        days = {name: _days(float(np.median(speed[name]))) for name in FAMILIES} if speed else {}
        measured += [Measured(model=name, quantity="a training step", unit="s", estimate=median_of(speed[name], rng=rng)) for name in days]
        measured += [
            Measured(model=name, quantity="days for the text of BERT, one core", unit="days", estimate=Estimate(value))
            for name, value in days.items()
        ]
        if not days or lstm is None or lstm.value is None:
            return Judged(estimates, measured, f"{len(measured)} measurements; the models that come with the package, or time, are missing")
        others = {name: gains[FEW][name] for name in FAMILIES}
        told = {name: 100 * estimate.value for name, estimate in others.items() if estimate and estimate.value is not None}
        summary = (
            f"At {FEW} labels pretraining is worth {told.get('lstm', 0):+.1f} points to the LSTM and"
            f" {told.get('transformer', 0):+.1f} to the"
            f" Transformer; the text of BERT would take a million parameters {days['lstm']:,.0f} days as an LSTM"
            f" and {days['transformer']:,.0f} as"
            f" a Transformer on one core here."
        )
        cells = {name: f"gain at {FEW} labels {value:+.1f} points" for name, value in told.items()}
        return Judged(estimates, measured, summary, {"Pretraining availability": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Gain by labels, where several numbers of them were measured."""
        rows = {e.settings["labels"]: row for e, row in results if e.part == "labels"}
        gains = {name: {n: gain(row, f"{name}-tiny", f"{name}-tiny-scratch") for n, row in rows.items()} for name in FAMILIES}
        found = {name: estimated(of) for name, of in gains.items() if len(of) > 1}
        axes = Axis("labels", numbers.count, log=True), Axis("accuracy, fine-tuned less from scratch", numbers.share)
        return lines("What pretraining is worth, by labels", found, FAMILIES, axes, "95 % intervals.", bars=True)


def _days(seconds: float) -> float:
    """For BERT's tokens at so many seconds a step."""
    return WORDS * TOKENS_PER_WORD * EPOCHS / (BATCH * LENGTH) * seconds / 86_400


def _more(row: dict[str, Any] | None, one: str, other: str) -> Estimate | None:
    """How much more pretraining is worth to one family than to another, over replicates."""
    if row is None:
        return None
    scores = {name: row["scores"][name]["per_replicate"] for name in row["scores"] if name.endswith(("-tiny", "-scratch"))}
    gains = {}
    for name in (one, other):
        if not {f"{name}-tiny", f"{name}-tiny-scratch"} <= scores.keys():
            return None
        gains[name] = np.subtract(scores[f"{name}-tiny"], scores[f"{name}-tiny-scratch"])
    return paired_difference(gains[one], gains[other])
