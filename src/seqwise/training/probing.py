"""Models on probes: trained, untrained, and guessed; the score at lengths that training has not seen."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from seqwise.core.config import Config
from seqwise.core.errors import UserError
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks.probes import PROBES
from seqwise.tasks.probes.probe import UNASKED, Probe
from seqwise.training.optimizer import build_optimizer
from seqwise.training.probe_models import build_network, fitted
from seqwise.training.schedule import learning_rate_factor

TRAINING, VALIDATION, TEST = range(3)
"""Streams of random numbers, so that examples of one are independent of how many another has drawn."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeConfig(Config):
    """One probe and how it is learned; the same for every model."""

    probe: str
    """A name of ``PROBES``."""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Arguments of the probe."""
    shortest: int = 1
    longest: int = 20
    """Lengths of training batches, uniformly drawn, one for each; validation has the longest."""
    test_lengths: tuple[int, ...] = (20, 40, 100)
    steps: int = 1000
    """Optimizer steps, each on a new batch."""
    batch_size: int = 64
    examples: int = 512
    """Of validation, and of each test length."""
    evaluate_every: int = 50
    """Steps between two scores on validation."""
    stop_when_solved: bool = False
    """End training at the first score that counts as solved."""
    learning_rate: float = 3e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.01
    """Decoupled weight decay, on matrices only."""
    warmup: float = 0.05
    """Share of the steps with a rising learning rate."""
    decay: float = 0.5
    """Share of the steps, at the end, with a falling learning rate."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient over all parameters."""
    shuffled: bool = False
    """A control: every training example is given the answer of another one."""

    @property
    def farthest(self) -> int:
        """The greatest length that a model is shown."""
        return max((self.longest, *self.test_lengths))

    def built(self) -> Probe:
        """Raises :class:`UserError` for lengths that the probe does not have, and for counts below 1 (of steps, 0)."""
        for name in ("steps", "batch_size", "examples", "evaluate_every"):
            if getattr(self, name) < (name != "steps"):
                raise UserError(f"{name} is {getattr(self, name)}", expected="at least 1, or 0 steps for no training")
        probe = PROBES[self.probe](**self.settings)
        lowest = min((self.shortest, *self.test_lengths))
        if lowest < probe.shortest or self.shortest > self.longest or (probe.longest and self.farthest > probe.longest):
            raise UserError(
                f"the probe {self.probe} cannot have lengths from {self.shortest} to {self.longest} and {list(self.test_lengths)}",
                expected=f"lengths from {probe.shortest} to {probe.longest or 'any'}, the shortest first",
                fix="other shortest, longest or test_lengths",
            )
        return probe


def run_probe(
    config: ProbeConfig, model: SeqwiseConfig, *, seed: int, device: str = "cpu", clock: Callable[[], float] = time.perf_counter
) -> dict[str, Any]:
    """Train a model on a probe, on one thread, and score it at each test length.

    Args:
        model: settings of the model; its vocabulary or channels become the probe's.
        seed: of weights, dropout and examples. Examples are the same for every model.
        clock: seconds, monotonic.

    Returns:
        JSON-ready: ``status`` (``"ok"`` or ``"diverged"``), ``steps`` done, ``parameters``, ``seconds`` of training with its validation,
        ``curve`` (scores on validation by step), ``solved_at`` (the first of these steps that counts as solved, or None) and ``by_length``
        (scores and ``chance`` at each test length; empty where training diverged). Scores are ``loss`` in nats per answer,
        ``accuracy`` of answers and ``exact``, the share of examples without a mistake; of a number ``mse``.

    Raises:
        UserError: for lengths or a kind of model that the probe does not go with.
    """
    probe = config.built()
    settings = fitted(model, probe, config.farthest)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, begin = build_network(probe, settings).to(device), clock()
        curve, step = train(network, probe, config, seed)
        seconds = clock() - begin
        diverged = not math.isfinite(curve[-1]["loss" if probe.classes else "mse"])
        return {
            "status": "diverged" if diverged else "ok",
            "steps": step,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "seconds": seconds,
            "curve": curve[:-1] if diverged else curve,
            "solved_at": next((point["step"] for point in curve if is_solved(point, probe)), None),
            "by_length": [] if diverged else by_length(network, probe, config, seed),
        }


def untrained(config: ProbeConfig, model: SeqwiseConfig, *, seed: int, device: str = "cpu") -> dict[str, Any]:
    """A control: :func:`run_probe` without training.

    Chance is of answers that do not depend on the input. Random ones do: where few steps decide, as in even pairs, they are seldom
    right half of the time, but more often or less.
    """
    return run_probe(config.replace(steps=0), model, seed=seed, device=device)


def guess_weights(
    config: ProbeConfig, model: SeqwiseConfig, *, tries: int, seed: int, scale: float = 1.0, device: str = "cpu"
) -> dict[str, Any]:
    """A control: the best, on validation, of ``tries`` models with random weights. Some benchmarks are solved that way.

    Hochreiter & Schmidhuber 1996, "Bridging Long Time Lags by Weight Guessing and Long Short-Term Memory".

    Args:
        scale: what all initial weights are multiplied by; the paper's guesses were far larger than what training begins with.

    Returns:
        JSON-ready: ``tries``, ``validation`` (scores of the best), ``solved`` (whether they count as that) and ``by_length``.
    """
    if tries < 1:
        raise UserError(f"tries is {tries}", expected="at least 1")
    probe = config.built()
    settings = fitted(model, probe, config.farthest)
    best: tuple[dict[str, float], nn.Module] | None = None
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for _ in range(tries):
            network = build_network(probe, settings).to(device)
            for parameter in network.parameters():
                parameter.mul_(scale)
            scores = evaluate(network, probe, config, config.longest, np.random.default_rng([seed, VALIDATION]))
            if best is None or probe.better(scores[probe.score], best[0][probe.score]):
                best = scores, network
        return {
            "tries": tries,
            "validation": best[0],
            "solved": is_solved(best[0], probe),
            "by_length": by_length(best[1], probe, config, seed),
        }


def train(
    network: nn.Module, probe: Probe, config: ProbeConfig, seed: int, watch: Callable[[int], None] = lambda step: None
) -> tuple[list[dict[str, Any]], int]:
    """Scores on validation, the last ones not finite where training diverged, and the steps done.

    Args:
        watch: called with the step at every score on validation.
    """
    optimizer = build_optimizer(network, learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    rng, parameters, curve = np.random.default_rng([seed, TRAINING]), list(network.parameters()), []
    for step in range(config.steps + 1):
        if step % config.evaluate_every == 0 or step == config.steps:
            scores = evaluate(network, probe, config, config.longest, np.random.default_rng([seed, VALIDATION]))
            curve.append({"step": step, **scores})
            watch(step)
            ended = not all(map(math.isfinite, scores.values())) or (config.stop_when_solved and is_solved(scores, probe))
            if ended or step == config.steps:
                break
        factor = learning_rate_factor(step, steps=config.steps, warmup=config.warmup, decay=config.decay)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * factor
        length = int(rng.integers(config.shortest, config.longest + 1))
        inputs, targets = examples(network, probe, rng, config.batch_size, length)
        if config.shuffled:
            targets = targets.roll(1, 0)
        loss_of(network(inputs, targets), asked(targets)).backward()
        nn.utils.clip_grad_norm_(parameters, config.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
    return curve, step


def examples(network: nn.Module, probe: Probe, rng: np.random.Generator, count: int, length: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets, on the device of the network."""
    device = next(network.parameters()).device
    inputs, targets = probe.generate(rng, count, length)
    return torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)


def asked(targets: Tensor) -> Tensor:
    """(M,): the targets that are asked for."""
    return targets[targets != UNASKED]


def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy in nats of answers (M, C), or the mean squared error of numbers (M, 1)."""
    return mse_loss(outputs[:, 0], targets) if targets.is_floating_point() else cross_entropy(outputs, targets)


def evaluate(network: nn.Module, probe: Probe, config: ProbeConfig, length: int, rng: np.random.Generator) -> dict[str, float]:
    """Scores on new examples of one length, a batch at a time."""
    sums: list[tuple[int, dict[str, float]]] = []
    network.eval()
    with torch.inference_mode():
        for start in range(0, config.examples, config.batch_size):
            count = min(config.batch_size, config.examples - start)
            inputs, targets = examples(network, probe, rng, count, length)
            sums.append((count, scores_of(network(inputs, targets), targets)))
    network.train()
    return {name: sum(count * scores[name] for count, scores in sums) / config.examples for name in sums[0][1]}


def scores_of(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Means over a batch, every example of which asks for as many answers."""
    wanted = asked(targets)
    loss = float(loss_of(outputs, wanted))
    if targets.is_floating_point():
        return {"mse": loss}
    right = (outputs.argmax(-1) == wanted).view(len(targets), -1)
    return {"loss": loss, "accuracy": float(right.float().mean()), "exact": float(right.all(1).float().mean())}


def by_length(network: nn.Module, probe: Probe, config: ProbeConfig, seed: int) -> list[dict[str, Any]]:
    """Scores and chance at each test length."""
    return [
        {"length": length, **evaluate(network, probe, config, length, np.random.default_rng([seed, TEST, length]))}
        | {"chance": probe.chance(length)}
        for length in config.test_lengths
    ]


def is_solved(scores: Mapping[str, float], probe: Probe) -> bool:
    """Whether scores are at least as good as what counts as solved."""
    score = scores[probe.score]
    return score == probe.solved or probe.better(score, probe.solved)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """These models are too small for more, and several of them run beside each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
