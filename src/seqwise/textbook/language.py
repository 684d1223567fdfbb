"""A small language model of bytes, trained in seconds: what claims about language are measured with."""

import dataclasses
import functools
import math
import time
from typing import Any

import numpy as np
import torch

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.sizes import language_model
from seqwise.core.config import Config
from seqwise.data.demos import docs
from seqwise.data.masking import masked
from seqwise.models.accounting import count_parameters
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.models.masked_lm import UNLABELLED, SeqwiseForMaskedLM
from seqwise.textbook.probed import EVERY_RATE
from seqwise.training.optimizer import build_optimizer
from seqwise.training.schedule import learning_rate_factor

BYTES = 256
SCORED, ASKED = 128, 4_096
"""Windows of held-out text that a score is of, and bytes that a score by context is of."""
PIECE = 1_024
"""Bytes of running text that a share of the text is made of."""
TRIED = 0.2
"""Share of a training after which the learning rate is chosen; before the schedule's decay, so that the kept one goes on from there."""
WARMUP, DECAY = 0.05, 0.3
"""Shares of a training with a rising and with a falling learning rate."""
TRAINING, VALIDATION, TEST = range(3)
"""Streams of random numbers: the same for every model of a seed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageRun(Config):
    """One training on the documentation of Python.

    Args:
        size: parameters without embeddings.
        window, batch: bytes of a window, windows of a step.
        seconds: of the processor, which end the training in place of the steps.
        rates: peak learning rates, of which the best on validation, after a fifth of the training, is kept.
        share: of the text to train on.
        contexts: bytes before a byte, for each of which it is scored what knowing no more costs.
        masked: whether hidden bytes are asked for, by a model that sees both sides, in place of the next one.
        settings: of the model's configuration, besides its size: ``{"forget_bias": 0.0}``.
    """

    model: str
    size: int = 100_000
    layers: int = 2
    window: int = 128
    batch: int = 16
    steps: int = 300
    seconds: float | None = None
    rates: tuple[float, ...] = EVERY_RATE
    seed: int = 0
    share: float = 1.0
    contexts: tuple[int, ...] = ()
    masked: bool = False
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


@functools.cache
def text() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bytes for training, validation and test: the first nine tenths of every document, a twentieth and a twentieth."""
    documents = [np.frombuffer(document.encode(), np.uint8) for document in docs().columns["text"]]

    def part(first: float, last: float) -> np.ndarray:
        return np.concatenate([document[int(first * len(document)) : int(last * len(document))] for document in documents])

    return part(0.0, 0.9), part(0.9, 0.95), part(0.95, 1.0)


def thinned(data: np.ndarray, share: float) -> np.ndarray:
    """Pieces of it, evenly spaced, so that none of its topics are left out more than others."""
    pieces = data[: len(data) // PIECE * PIECE].reshape(-1, PIECE)
    return pieces[np.linspace(0, len(pieces) - 1, max(1, round(share * len(pieces)))).astype(int)].ravel()


def config_of(run: LanguageRun) -> SeqwiseConfig:
    """Within 1 % of its size. Raises :class:`UserError` where no width comes so near."""
    (contender,), body = parse_contenders((run.model,)), run.settings.get("body", "modern")
    sight = {"vocab_size": BYTES + 1, "bidirectional": True} if run.masked else {"vocab_size": BYTES}
    config = language_model(contender, run.size, **sight, context=run.window, body=body, embedding=64, layers=run.layers)
    for name, value in run.settings.items():
        setattr(config, name, value)
    return config


def hidden(rows: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Bytes (B, T) some of which are hidden behind the kind ``BYTES``; and those, the others unlabelled."""
    ordinary = np.arange(BYTES + 1) < BYTES
    return tuple(map(torch.from_numpy, masked(rows.numpy(), rng, mask=BYTES, ordinary=ordinary)))


def windows(data: np.ndarray, starts: np.ndarray, length: int) -> torch.Tensor:
    """(B, length + 1) bytes."""
    return torch.from_numpy(np.stack([data[start : start + length + 1] for start in starts]).astype(np.int64))


class Training:
    """A model that learns with one learning rate; a pure function of both but for seconds, one thread."""

    def __init__(self, run: LanguageRun, rate: float):
        torch.manual_seed(run.seed)
        self.run, self.rate = run, rate
        self.model = (SeqwiseForMaskedLM if run.masked else SeqwiseForCausalLM)(config_of(run))
        self.optimizer = build_optimizer(self.model, learning_rate=rate, weight_decay=0.1)
        self.rng, self.steps, self.seconds, self.diverged = np.random.default_rng([run.seed, TRAINING]), 0, 0.0, False

    @property
    def done(self) -> float:
        """Share of the steps, or of the seconds."""
        return self.steps / self.run.steps if self.run.seconds is None else self.seconds / self.run.seconds

    def until(self, share: float, data: np.ndarray) -> None:
        """Go on until so much is done, or the loss is no number."""
        self.model.train()
        while self.done < share and not self.diverged:
            begun = time.process_time()
            self.diverged = not math.isfinite(self._step(data))
            self.steps += 1
            self.seconds += time.process_time() - begun

    def _step(self, data: np.ndarray) -> float:
        run = self.run
        factor = learning_rate_factor(self.done * run.steps, steps=run.steps, warmup=WARMUP, decay=DECAY)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor
        rows = windows(data, self.rng.integers(0, len(data) - run.window, run.batch), run.window)
        if run.masked:
            inputs, labels = hidden(rows[:, 1:], self.rng)
            loss = self.model(input_ids=inputs, labels=labels).loss
        else:
            loss = self.model(input_ids=rows[:, :-1], shift_labels=rows[:, 1:], labels=rows[:, 1:]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())

    def score(self, validation: np.ndarray) -> float:
        """Bits per byte, infinite where it diverged."""
        bits = self.by_place(validation, np.random.default_rng([self.run.seed, VALIDATION])).mean()
        return float(bits) if not self.diverged and math.isfinite(bits) else math.inf

    def by_place(self, held_out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Bits per byte at every place of a window (window,); of a masked model (1,), of what was hidden."""
        if self.run.masked:
            return of_hidden(self.model.eval(), held_out, self.run.window, rng)
        return by_place(self.model.eval(), held_out, self.run.window, rng)


def train(run: LanguageRun) -> dict[str, Any]:
    """Bits per byte of held-out text, by place in the window and by context too, of the learning rate that did best on validation.

    The windows of held-out text are drawn anew for every seed and are the same for every model, so that what differs between seeds
    differs by the text, too. A model that diverged counts as one that knows how often each byte comes in the training part, and no more.

    Returns:
        JSON-ready: ``status`` (``"ok"`` or ``"diverged"``), ``bits_per_byte``, ``by_place``, ``by_context``, ``trivial`` (bits per byte of
        who knows those frequencies), ``parameters``, ``rate``, ``steps`` and ``seconds`` of the processor in the training that was kept.
    """
    whole, validation, test = text()
    data = thinned(whole, run.share)
    trainings = [Training(run, rate) for rate in run.rates]
    for one in trainings:
        one.until(TRIED, data)
    kept = min(trainings, key=lambda one: one.score(validation))
    kept.until(1.0, data)
    rng = np.random.default_rng([run.seed, TEST])
    places = kept.by_place(test, rng)
    ends = rng.integers(max(run.contexts, default=0), len(test) - 1, ASKED)
    contexts = {str(n): by_context(kept.model, test, ends, n) for n in run.contexts}
    diverged = kept.diverged or not np.isfinite([*places, *contexts.values()]).all()
    trivial = frequencies_only(data, test)
    if diverged:
        places, contexts = np.full_like(places, trivial), dict.fromkeys(contexts, trivial)
    return {
        "status": "diverged" if diverged else "ok",
        "bits_per_byte": float(places.mean()),
        "by_place": places.tolist(),
        "by_context": contexts,
        "trivial": trivial,
        "parameters": count_parameters(kept.model.config, vocabulary_head=True).non_embedding,
        "rate": kept.rate,
        "steps": kept.steps,
        "seconds": kept.seconds,
    }


def frequencies_only(data: np.ndarray, test: np.ndarray) -> float:
    """Bits per byte of a model that knows the frequencies of the bytes and nothing else; one is added to each count (Laplace)."""
    counts = np.bincount(data, minlength=BYTES) + 1
    return float(-np.log2(counts / counts.sum())[test].mean())


@torch.inference_mode()
def by_place(model: SeqwiseForCausalLM, held_out: np.ndarray, window: int, rng: np.random.Generator) -> np.ndarray:
    """Bits per byte at every place of a window (window,), mean over windows drawn at random."""
    rows = windows(held_out, rng.integers(0, len(held_out) - window, SCORED), window)
    logits = model(rows[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
    return losses.view(SCORED, window).mean(0).double().numpy() / math.log(2)


@torch.inference_mode()
def of_hidden(model: SeqwiseForMaskedLM, held_out: np.ndarray, window: int, rng: np.random.Generator) -> np.ndarray:
    """Bits per hidden byte (1,), mean over windows drawn at random."""
    inputs, labels = hidden(windows(held_out, rng.integers(0, len(held_out) - window, SCORED), window - 1), rng)
    loss = torch.nn.functional.cross_entropy(model(inputs).logits.flatten(0, 1), labels.flatten(), ignore_index=UNLABELLED)
    return np.array([float(loss) / math.log(2)])


@torch.inference_mode()
def by_context(model: SeqwiseForCausalLM, held_out: np.ndarray, ends: np.ndarray, context: int) -> float:
    """Bits for the bytes after ``ends`` (N,) when only ``context`` bytes, the last of them there, are shown."""
    total = 0.0
    for start in range(0, len(ends), SCORED):
        rows = windows(held_out, ends[start : start + SCORED] - context + 1, context)
        logits = model(rows[:, :-1], use_cache=False, logits_to_keep=1).logits[:, -1]
        total += float(torch.nn.functional.cross_entropy(logits, rows[:, -1], reduction="sum"))
    return total / len(ends) / math.log(2)
