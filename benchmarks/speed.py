"""Training speed: share of the matrix-product peak, what our loop costs over a bare one, what a second worker brings.

usage: python benchmarks/speed.py [--quick] [--no-gate] [--out runs/evidence]
"""

import dataclasses
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import Bench, Figure, Findings, median
from gate import NO_GATE, require_gate, run_alone
from startup import planned, startup

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.cost import matmul_peak
from seqwise.comparison.engine import LocalEngine
from seqwise.comparison.sizes import Shape, default_layers, embedding_size, solve
from seqwise.comparison.trial import Reporter, accelerator_for
from seqwise.data.batching import SequenceSet, collate
from seqwise.models.accounting import mixers, training_flops
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks import TASKS
from seqwise.training.loop import Trainer, TrainingConfig

MODELS = ("rnn", "lstm", "gru", "transformer")
SIZE, VOCABULARY, CLASSES, DROPOUT = 1_000_000, 8_000, 6, 0.2
BATCHES = 8
ENDLESS = 10**9
"""Steps of a schedule whose evaluations are never reached here."""


@dataclasses.dataclass(frozen=True)
class Workload:
    """Texts of one length in batches; ``steps`` are timed together."""

    name: str
    batch: int
    length: int
    steps: int

    def tokens(self, seed: int) -> SequenceSet:
        rng = np.random.default_rng(seed)
        count = self.batch * BATCHES
        ids = rng.integers(4, VOCABULARY, (count, self.length), dtype=np.int32)
        return SequenceSet(ids.ravel(), np.arange(count + 1, dtype=np.int64) * self.length, rng.integers(0, CLASSES, count))


WORKLOADS = (Workload("32 x 16", 32, 16, 5), Workload("16 x 256", 16, 256, 1))


def config_of(name: str, length: int) -> SeqwiseConfig:
    """The model that a comparison at ``--size 1m`` trains."""
    shape = Shape(
        vocab_size=VOCABULARY,
        embedding_size=embedding_size(SIZE),
        layers=default_layers(SIZE),
        classes=CLASSES,
        context=length,
        bidirectional=True,
    )
    task = TASKS["text-classification"]()
    config = solve(parse_contenders((name,))[0], shape, "modern", lambda config: float(task.parameters(config).non_embedding), float(SIZE))
    config.hidden_dropout = config.embedding_dropout = config.classifier_dropout = DROPOUT
    return config


@dataclasses.dataclass(frozen=True)
class Loop:
    """A training loop: ``run(n)`` takes n whole steps of ``flops`` each."""

    run: Callable[[int], None]
    flops: float


def our_loop(config: SeqwiseConfig, work: Workload, place: Path) -> Loop:
    """The Trainer as a trial uses it, with its report of progress and its batches made from tokens."""
    task, tokens = TASKS["text-classification"](), work.tokens(0)
    torch.manual_seed(0)
    feed = task.feed(tokens, tokens, batch_size=work.batch, seed=0)
    trainer = Trainer(task.build(config), feed, TrainingConfig(steps=ENDLESS), folder=None, accelerator=accelerator_for("cpu"))
    reporter = Reporter(place / "progress.json", ENDLESS)

    def run(count: int) -> None:
        trainer.run(trainer.progress.step + count, reporter)

    return Loop(run, training_flops(config, work.length) * work.batch)


def bare_loop(config: SeqwiseConfig, work: Workload) -> Loop:
    """The same model and batches, ready in memory, in the plainest loop."""
    task, tokens = TASKS["text-classification"](), work.tokens(0)
    torch.manual_seed(0)
    model = task.build(config).train()
    order = task.feed(tokens, tokens, batch_size=work.batch, seed=0).batches
    batches = [collate(tokens, order.batch(step)) for step in range(BATCHES)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)

    def run(count: int) -> None:
        for step in range(count):
            loss = model(**batches[step % BATCHES]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    return Loop(run, training_flops(config, work.length) * work.batch)


def torch_layers(name: str, config: SeqwiseConfig, work: Workload) -> Loop:
    """torch.nn's own recurrent layers of the same width and depth, and nothing else but a linear answer."""
    width, flops = config.hidden_size, 3 * sum(mixer.flops(settings, work.length) for mixer, settings in mixers(config)) * work.batch
    layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name]
    model = layer(width, width // 2, num_layers=config.num_hidden_layers, bidirectional=True, batch_first=True)
    head = torch.nn.Linear(width, CLASSES)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=1e-6, fused=True)
    x, labels = torch.randn(work.batch, work.length, width), torch.randint(CLASSES, (work.batch,))

    def run(count: int) -> None:
        for _ in range(count):
            torch.nn.functional.cross_entropy(head(model(x)[0].mean(1)), labels).backward()
            optimizer.step()
            optimizer.zero_grad()

    return Loop(run, flops)


def measure(loops: dict[str, Loop], steps: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Seconds per step and share of the peak, interleaved: every loop once a round, the order turned, the peak before each."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in loops}
    for loop in loops.values():
        loop.run(1)
    for turn in range(rounds):
        for name in list(loops) if turn % 2 else list(loops)[::-1]:
            peak = statistics.median(matmul_peak() for _ in range(3))
            begun = time.perf_counter()
            loops[name].run(steps)
            seconds = (time.perf_counter() - begun) / steps
            found[name].append({"seconds": seconds, "share": loops[name].flops / seconds / peak, "peak_gflops": peak / 1e9})
    return found


def training_speed(bench: Bench, work: Workload, place: Path) -> Findings:
    loops: dict[str, Loop] = {}
    for name in MODELS:
        config = config_of(name, work.length)
        loops |= {name: our_loop(config, work, place), f"{name}, bare loop": bare_loop(config, work)}
        if name != "transformer":
            loops[f"{name}, torch.nn layers alone"] = torch_layers(name, config, work)
    found = measure(loops, work.steps, bench.choose(8, 2))
    figures = []
    for name, rows in found.items():
        wanted = ">= 0.6" if name in MODELS else None
        figures.append(median(f"{work.name}, {name}: share of the peak", [row["share"] for row in rows], "share", wanted))
    for name in MODELS:
        pairs = zip(found[name], found[f"{name}, bare loop"], strict=True)
        overhead = [100 * (ours["seconds"] / bare["seconds"] - 1) for ours, bare in pairs]
        figures.append(median(f"{work.name}, {name}: our loop over a bare one", overhead, "%", wanted="< 5"))
    peaks = [row["peak_gflops"] for rows in found.values() for row in rows]
    return Findings([median(f"{work.name}: matrix-product peak", peaks, "GFLOP/s"), *figures], {work.name: found})


def worker_speed_up(bench: Bench) -> tuple[Figure, list[dict[str, float]]]:
    """Wall seconds of the same trials by one worker over those by two, alternating."""
    one, two = LocalEngine(1), LocalEngine(2)
    steps = bench.choose("1600", "96")
    rows = []
    with planned(one, models=("lstm",), size="100k", steps=steps, replicates=4, configurations=1) as (folder, jobs):
        searches = [job for job in jobs if job["kind"] == "search"]
        _seconds(two, folder, searches[:2])
        for _ in range(bench.choose(2, 1)):
            rows.append({"one": _seconds(one, folder, searches), "two": _seconds(two, folder, searches)})
    return median("speed-up of two workers over one", [row["one"] / row["two"] for row in rows], "ratio", wanted=">= 1.8"), rows


def _seconds(engine: LocalEngine, folder: Any, jobs: list[dict[str, Any]]) -> float:
    begun = time.perf_counter()
    engine.run(folder, jobs, lambda _: True)
    seconds = time.perf_counter() - begun
    failed = [record for record in (folder.record(job["fingerprint"]) for job in jobs) if record["status"] == "failed"]
    if failed:
        raise RuntimeError(f"a trial failed: {failed[0]['error']}")
    shutil.rmtree(folder.path / "trials")
    return seconds


def speed(bench: Bench, *, gated: bool = True) -> Findings:
    """One thread throughout. Refuses where the conformance tests fail; raises :class:`Skipped` then."""
    gate = require_gate(bench) if gated else NO_GATE
    torch.set_num_threads(1)
    figures, details = [], {"gate": gate, "size": SIZE, "dropout": DROPOUT}
    with tempfile.TemporaryDirectory(prefix="seqwise-bench-") as place:
        for work in WORKLOADS:
            found = training_speed(bench, work, Path(place))
            figures += found.figures
            details |= found.details
    figure, details["workers"] = worker_speed_up(bench)
    return Findings([*figures, figure], details)


if __name__ == "__main__":
    run_alone(__doc__, {"speed": speed, "startup": startup})
