"""What a task's input costs: seconds to make a batch against those of the training step that reads it.

usage: python benchmarks/pipeline.py [--quick] [--no-gate] [--out runs/evidence]
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from figures import Bench, Figure, Findings, median
from gate import NO_GATE, require_gate, run_alone

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.sizes import Shape, default_layers, embedding_size, solve
from seqwise.comparison.trial import accelerator_for
from seqwise.data.splits import Split
from seqwise.tasks import TASKS
from seqwise.tasks.task_data import Request
from seqwise.training.loop import Trainer, TrainingConfig

SOURCES = {
    "text-classification": "demo:docstrings",
    "text-generation": "demo:docs",
    "time-series-classification": "demo:digits",
    "time-series-forecasting": "demo:sunspots",
    "audio-classification": "demo:vowels",
    "automatic-speech-recognition": "demo:vowel-strings",
    "translation": "demo:dates",
}
MODELS, SIZE = ("rnn", "lstm", "gru", "transformer"), 30_000
"""The smallest models, whose steps are the shortest."""
ENDLESS = 10**9
WANTED = "< 0.1"


def trainers(tag: str, place: Path, request: Request | None = None, size: int = SIZE, context: int | None = None) -> dict[str, Trainer]:
    """One of each family, as a comparison of a size trains it; on the task's demo unless another source is asked for."""
    task, request = TASKS[tag](), request or Request(source=SOURCES[tag])
    data = task.data
    corpus = data.read(request)
    splits = data.split(corpus, replicates=1, seed=0).replicates[0]
    encoding = data.choose_encoding(corpus, splits, tokenizer="auto", context=context)
    folder = place / "replicate-0"
    facts = data.encode(corpus, splits, encoding, folder)
    train, validation = (data.examples.load(folder / f"{split}.safetensors") for split in (Split.TRAIN, Split.VALIDATION))
    shape = Shape(
        vocab_size=encoding.vocab_size,
        config_class=task.config_class,
        settings=encoding.settings,
        embedding_size=embedding_size(size),
        layers=default_layers(size),
        classes=len(data.labels(corpus)),
        context=encoding.context,
        bidirectional=task.bidirectional,
    )
    found = {}
    for name in MODELS:
        contender = task.contender(parse_contenders((name,))[0])
        config = solve(contender, shape, "modern", lambda c: float(task.parameters(c).non_embedding), float(size))
        for setting, value in task.input_settings(train).items():
            setattr(config, setting, value)
        feed = task.feed(train, validation, batch_size=data.default_batch_size(facts.lengths), seed=0)
        torch.manual_seed(0)
        model = task.build(config)
        found[name] = Trainer(model, feed, TrainingConfig(steps=ENDLESS), folder=None, accelerator=accelerator_for("cpu"))
    return found


def timed(trainer: Trainer) -> tuple[float, float, int]:
    """Seconds to make the next batch, seconds of the step that makes it again and reads it, and its examples."""
    begun = time.perf_counter()
    batch = trainer.feed.batch(trainer.progress.step)
    made = time.perf_counter()
    trainer.step()
    return made - begun, time.perf_counter() - made, len(next(iter(batch.values())))


def pipeline(bench: Bench, *, gated: bool = True) -> Findings:
    """Of every task: examples per second that its input could feed, and its share of a step, models interleaved, one thread.

    Raises :class:`~figures.Skipped` where the conformance tests fail.
    """
    gate = require_gate(bench) if gated else NO_GATE
    torch.set_num_threads(1)
    figures: list[Figure] = []
    details: dict[str, Any] = {"gate": gate, "size": SIZE, "sources": SOURCES}
    for tag in TASKS:
        with tempfile.TemporaryDirectory(prefix="seqwise-bench-") as place:
            running = trainers(tag, Path(place))
            samples: dict[str, list[tuple[float, float, int]]] = {name: [] for name in running}
            for trainer in running.values():
                trainer.model.train()
                timed(trainer)
            for _ in range(bench.choose(60, 3)):
                for name, trainer in running.items():
                    samples[name].append(timed(trainer))
        every = [sample for found in samples.values() for sample in found]
        figures.append(median(f"{tag}: examples per second of the input", [count / made for made, _, count in every], "1/s"))
        for name, found in samples.items():
            shares = [made / step for made, step, _ in found]
            figures.append(median(f"{tag}, {name}: share of a step that the input takes", shares, "ratio", WANTED))
        details[tag] = samples
    return Findings(figures, details)


if __name__ == "__main__":
    run_alone(__doc__, {"pipeline": pipeline})
