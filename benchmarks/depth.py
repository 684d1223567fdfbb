"""Do deep recurrent stacks train? The blocks of ``lstm-base`` and the plain stack, 2 to 16 layers, the same tokens in the same order."""

import dataclasses
import functools
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from figures import Bench, Figure, Findings

from seqwise.core.config import Config, fingerprint
from seqwise.core.environment import source_hash
from seqwise.core.files import read_json, write_json
from seqwise.data.token_file import TokenFile, TokenWindows
from seqwise.models.accounting import count_of_model
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.pretraining.corpus import prepare
from seqwise.pretraining.options import PretrainOptions
from seqwise.training.checkpoint import drop_checkpoint
from seqwise.training.loop import Trainer, TrainingConfig
from seqwise.training.pretrain import CorpusFeed, NextToken

NAMED = {"modern": "residual", "classic": "plain"}
"""Body -> how the table names it."""
VALIDATION_WINDOWS = 128
CHECKPOINT_SECONDS = 30.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting(Config):
    """One training."""

    body: str
    layers: int
    learning_rate: float
    seed: int
    """Of the weights; the tokens and their order are the same for all."""
    width: int
    context: int
    batch: int
    steps: int

    def model(self, vocabulary: int) -> SeqwiseForCausalLM:
        """An LSTM of equal width at every depth; the residual one has the blocks of ``lstm-base-v1``."""
        torch.manual_seed(self.seed)
        sizes = {"hidden_size": self.width, "embedding_size": self.width, "intermediate_size": 2 * self.width, "vocab_size": vocabulary}
        return SeqwiseForCausalLM(SeqwiseConfig(body=self.body, num_hidden_layers=self.layers, position_embedding="none", **sizes))


def settings(bench: Bench) -> list[Setting]:
    """Every training: one seed after the other, so that all depths have some soon."""
    sizes = bench.choose({"width": 128, "context": 128, "batch": 8, "steps": 600}, {"width": 16, "context": 16, "batch": 2, "steps": 10})
    layers, rates = bench.choose(((2, 4, 8, 16), (3e-3, 1e-3)), ((2, 16), (3e-3,)))
    return [
        Setting(body=body, layers=count, learning_rate=rate, seed=bench.seed + seed, **sizes)
        for seed, count, body, rate in itertools.product(range(2), layers, NAMED, rates)
    ]


def depth(bench: Bench, corpus: str) -> Findings:
    """Losses after a fixed number of steps, and the gradients that reach the first and the last layer before the first one.

    Every training leaves a record and, while it runs, checkpoints; the same command goes on there. Of several learning rates each depth
    and body is told at the one with the better validation; the details hold all.
    """
    chosen = settings(bench)
    folder, vocabulary, parts = tokens_of(bench, corpus, chosen[0])
    records = [trained(setting, folder, vocabulary, parts) for setting in chosen]
    kinds = sorted(
        {(record["setting"]["layers"], record["setting"]["body"]) for record in records}, key=lambda kind: (kind[0], kind[1] == "classic")
    )
    return Findings([figure for layers, body in kinds for figure in told(layers, body, records)], {"corpus": corpus, "runs": records})


def tokens_of(bench: Bench, corpus: str, setting: Setting) -> tuple[Path, int, dict[str, TokenFile]]:
    """A folder for the trainings on a text, the size of the vocabulary, and the tokens of both parts."""
    source, validation = corpus, None
    if not corpus.startswith("demo:"):
        data = bench.dataset(corpus)
        source, validation = str(data / "train.txt.gz"), str(data / "valid.txt.gz")
    options = PretrainOptions(source=source, validation=validation, tokenizer="bpe:512", context=setting.context)
    folder = bench.out / "runs" / f"depth-{corpus.replace(':', '-')}-{options.request()}"
    tokenizer, parts = prepare(options, folder, functools.partial(print, flush=True))
    return folder, len(tokenizer), parts


def trained(setting: Setting, folder: Path, vocabulary: int, parts: dict[str, TokenFile]) -> dict[str, Any]:
    """The record of one training; what is not finished goes on from its checkpoint."""
    about = {"setting": setting.to_dict(), "source_sha256": source_hash(), "text_sha256": parts["train"].sha256}
    place = folder / f"{setting.body}-{setting.layers}-{fingerprint(about, 8)}"
    if (place / "record.json").exists():
        return read_json(place / "record.json")
    model = setting.model(vocabulary)
    feed = CorpusFeed(
        TokenWindows(parts["train"], setting.context, setting.batch, seed=0), parts["validation"], NextToken(None), most=VALIDATION_WINDOWS
    )
    norms = gradient_norms(model, feed.batch(0))
    config = TrainingConfig(
        steps=setting.steps, evaluations=10, learning_rate=setting.learning_rate, weight_decay=0.1, warmup=0.05, decay=0.3,
        checkpoint_seconds=CHECKPOINT_SECONDS,
    )  # fmt: skip
    trainer = Trainer(model, feed, config, folder=place, accelerator=Accelerator(cpu=not torch.cuda.is_available()))
    trainer.resume()
    progress = trainer.run(setting.steps)
    record = about | {
        "parameters": dataclasses.asdict(count_of_model(model)),
        "gradient_norms": norms,
        "status": progress.status,
        "curve": progress.curve,
        "seconds": progress.train_seconds,
    }
    write_json(place / "record.json", record)
    drop_checkpoint(place)
    last = f"{progress.curve[-1]['bits_per_byte']:.3f} bits per byte" if progress.status == "ok" else progress.status
    print(f"{NAMED[setting.body]}, {setting.layers} layers, rate {setting.learning_rate:g}, seed {setting.seed}: {last}", flush=True)
    return record


def gradient_norms(model: SeqwiseForCausalLM, batch: dict[str, torch.Tensor]) -> list[float]:
    """Of the weights of every layer's mixer, first layer first, in the loss of one batch."""
    model.train()
    model(**batch).loss.backward()
    norms = [math.sqrt(sum(float(p.grad.square().sum()) for p in layer.mixer.parameters())) for layer in model.model.layers]
    model.zero_grad()
    return norms


def told(layers: int, body: str, records: list[dict[str, Any]]) -> list[Figure]:
    """What a depth and body came to over the seeds, at the better learning rate; a training that diverged has no loss."""
    rates: dict[float, list[dict[str, Any]]] = {}
    for record in records:
        if (record["setting"]["layers"], record["setting"]["body"]) == (layers, body):
            rates.setdefault(record["setting"]["learning_rate"], []).append(record)
    rate = min(rates, key=lambda one: np.mean([last(record, "bits_per_byte") for record in rates[one]]))
    name = f"{NAMED[body]}, {layers} layers"
    return [
        spread(f"{name}: validation (rate {rate:g})", [last(record, "bits_per_byte") for record in rates[rate]], "bits per byte"),
        spread(f"{name}: training loss", [last(record, "train_loss") for record in rates[rate]], "nats per token"),
        spread(f"{name}: gradient at the start, first layer", [record["gradient_norms"][0] for record in rates[rate]], "norm"),
        spread(f"{name}: gradient at the start, last layer", [record["gradient_norms"][-1] for record in rates[rate]], "norm"),
    ]


def last(record: dict[str, Any], score: str) -> float:
    return record["curve"][-1][score] if record["status"] == "ok" else math.inf


def spread(name: str, values: list[float], unit: str) -> Figure:
    """The mean over seeds, with the lowest and the highest; without a number where a training diverged."""
    if not all(map(math.isfinite, values)):
        diverged = sum(not math.isfinite(value) for value in values)
        return Figure(name=f"{name}: {diverged} of {len(values)} diverged", value=None, unit=unit, samples=len(values))
    return Figure(
        name=name,
        value=float(np.mean(values)),
        unit=unit,
        interval=(min(values), max(values)),
        spread="lowest and highest",
        samples=len(values),
    )
