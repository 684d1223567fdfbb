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
from seqwise.textbook.comparing import compared, contrasted, gain
from seqwise.textbook.estimates import median_of, ratio_of_medians
from seqwise.textbook.pictures import FAMILIES, estimated, lines
from seqwise.training.optimizer import build_optimizer

SOURCE = "demo:docstrings"
LABELS = {"standard": (100,), "long": (50, 100, 500, 2_000)}
FEW = 100
BUDGET, REPLICATES = {"standard": "240s", "long": "20m"}, {"standard": 4, "long": 6}
MODELS = {"standard": ("lstm", "transformer"), "long": tuple(FAMILIES)}
MORE = {"transformer-tiny": 1.0, "transformer-tiny-scratch": -1.0, "lstm-tiny": -1.0, "lstm-tiny-scratch": 1.0}
"""What pretraining is worth to a Transformer less what it is worth to an LSTM."""
WORDS, EPOCHS = 3.3e9, 40
"""Of BERT (Devlin et al. 2019, arXiv:1810.04805): words of its corpus, and how often they were read."""
TOKENS_PER_WORD, BATCH, LENGTH, ROUNDS = 1.3, 8, 128, 9


def seconds_of_steps() -> dict[str, list[float]]:
    """Of this process's time on the processor, which waits for nobody, for a training step of each family's tiny model on one thread;
    interleaved, the order turned, the first round not counted."""
    torch.manual_seed(0)
    ids, models = torch.randint(4, 4096, (BATCH, LENGTH)), {}
    for name in FAMILIES:
        model = SeqwiseForCausalLM(architecture(f"{name}-tiny-v1", vocab_size=4096)).train()
        models[name] = model, build_optimizer(model, learning_rate=1e-3, weight_decay=0.1)
    found: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(ROUNDS + 1):
        for name in list(models) if turn % 2 else list(models)[::-1]:
            model, optimizer = models[name]
            begun = time.process_time()
            model(input_ids=ids, labels=ids).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            found[name] += [time.process_time() - begun] if turn else []
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
            effect="gain of the Transformer less gain of the LSTM, paired over replicates and test examples",
            unit="share",
            threshold=0.0,
        ),
        Clause(
            statement="The text that takes a Transformer four days takes an LSTM of its size weeks",
            scope="this CPU",
            effect="processor seconds of a training step on one thread, LSTM over Transformer",
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
            read=False,
            clauses=(0, 1),
        ),
        Published(
            value="TREC-6, error of an LSTM: 10.67 from scratch, 5.69 pretrained; 100 labels match 100 times the data",
            source="Howard & Ruder 2018 (ULMFiT), arXiv:1801.06146",
            read=False,
            clauses=(0,),
        ),
        Published(
            value="names (CoNLL): ELMo 92.2, BERT base 92.4, large 92.8, Flair, an LSTM, 93.1",
            source="Devlin et al. 2019, Table 7",
            read=False,
        ),
        Published(value="four days on 4 to 16 Cloud TPUs", source="google-research/bert, README"),
        Published(value="BERT large on 8 P100: about a year", source="J. Devlin, as quoted", read=False),
        Published(value="an mLSTM, three epochs of 40 GB of text: 4 hours on 128 V100", source="Puri et al. 2018, arXiv:1808.01371"),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 7_200.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        told = {"budget": BUDGET[tier], "replicates": REPLICATES[tier], "models": list(MODELS[tier])}
        return [*(Experiment(part="labels", settings={"labels": n, **told}) for n in LABELS[tier]), Experiment(part="speed")]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        if experiment.part == "speed":
            return seconds_of_steps()
        settings = experiment.settings
        models = ",".join(f"{name}-tiny" for name in settings["models"])
        flags = ("--labels", str(settings["labels"]), "--replicates", str(settings["replicates"]), "--configurations", "1")
        return compared(SOURCE, "--from-pretrained", models, "--budget", settings["budget"], *flags, contrasts={"more": MORE})

    def judge(self, results: Sequence[Result]) -> Judged:
        rng, rows = np.random.default_rng(0), {e.settings["labels"]: row for e, row in results if e.part == "labels"}
        speed = next((row for e, row in results if e.part == "speed"), None)
        gains = {n: _gains(row) for n, row in rows.items()}
        few = gains.get(FEW, {})
        more = contrasted(rows[FEW], "more", _pair("transformer"), _pair("lstm")) if FEW in rows else None
        ratio = ratio_of_medians(speed["lstm"], speed["transformer"], rng=rng) if speed else None
        measured = [
            Measured(model=name, quantity="accuracy, fine-tuned less from scratch", unit="share", estimate=estimate, at={"labels": n})
            for n, by_family in gains.items()
            for name, estimate in by_family.items()
        ]
        steps = {name: median_of(speed[name], rng=rng) for name in FAMILIES} if speed else {}
        days = {name: _days(step.value) for name, step in steps.items()}
        measured += [Measured(model=name, quantity="a training step", unit="processor s", estimate=step) for name, step in steps.items()]
        measured += [
            Measured(model=name, quantity="days for the text of BERT, one core", unit="days", estimate=Estimate(value))
            for name, value in days.items()
        ]
        points = {name: f"{100 * estimate.value:+.1f} points" for name, estimate in few.items()}
        told = []
        if points:
            told.append(
                f"at {FEW} labels pretraining is worth {numbers.listed([f'{text} to {_the(name)}' for name, text in points.items()])}"
            )
        if days:
            needed = numbers.listed([f"{days[name]:,.0f} days as {_the(name)}" for name in ("lstm", "transformer")])
            told.append(f"the text of BERT would take a model of a million parameters {needed} on one core here")
        cells = {name: f"gain at {FEW} labels {text}" for name, text in points.items()}
        summary = numbers.capital("; ".join(told)) + "." if told else "Nothing was measured."
        return Judged([few.get("lstm"), more, ratio, None], measured, summary, {"Pretraining availability": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Gain by labels, where several numbers of them were measured."""
        rows = {e.settings["labels"]: row for e, row in results if e.part == "labels"}
        gains = {n: _gains(row) for n, row in rows.items()}
        found = {name: estimated({n: gains[n].get(name) for n in gains}) for name in FAMILIES if len(gains) > 1}
        axes = Axis("labels", numbers.count, log=True), Axis("accuracy, fine-tuned less from scratch", numbers.share)
        return lines("What pretraining is worth, by labels", found, FAMILIES, axes, "95 % intervals.", bars=True)


def _days(seconds: float) -> float:
    """For BERT's tokens at so many seconds a step."""
    return WORDS * TOKENS_PER_WORD * EPOCHS / (BATCH * LENGTH) * seconds / 86_400


def _pair(name: str) -> tuple[str, str]:
    return f"{name}-tiny", f"{name}-tiny-scratch"


def _gains(row: dict[str, Any]) -> dict[str, Estimate]:
    """What pretraining is worth to every family that was measured."""
    found = {name: gain(row, *_pair(name)) for name in FAMILIES}
    return {name: estimate for name, estimate in found.items() if estimate is not None and estimate.value is not None}


def _the(name: str) -> str:
    return {"rnn": "an RNN", "lstm": "an LSTM", "transformer": "a Transformer"}[name]
