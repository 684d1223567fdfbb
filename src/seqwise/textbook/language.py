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
from seqwise.models.accounting import count_parameters
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.training.optimizer import build_optimizer
from seqwise.training.schedule import learning_rate_factor

BYTES = 256
SCORED, ASKED = 64, 512
"""Windows of held-out text that a score is of, and bytes that a score by context is of."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageRun(Config):
    """One training on the documentation of Python.

    Args:
        size: parameters without embeddings.
        window, batch: bytes of a window, windows of a step.
        settings: of the model's configuration, besides its size: ``{"body": "classic"}``.
        share: of the text that is trained on.
    """

    model: str
    size: int = 100_000
    layers: int = 2
    window: int = 128
    batch: int = 16
    steps: int = 300
    learning_rate: float = 3e-3
    seed: int = 0
    share: float = 1.0
    contexts: tuple[int, ...] = ()
    """Bytes before a byte, for each of which it is scored what knowing no more costs."""
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


@functools.cache
def text() -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out bytes: the last tenth of every document is held out."""
    documents = [np.frombuffer(document.encode(), np.uint8) for document in docs().columns["text"]]
    cuts = [len(document) * 9 // 10 for document in documents]
    train = np.concatenate([document[:cut] for document, cut in zip(documents, cuts, strict=True)])
    return train, np.concatenate([document[cut:] for document, cut in zip(documents, cuts, strict=True)])


def config_of(run: LanguageRun) -> SeqwiseConfig:
    """Within 1 % of its size. Raises :class:`UserError` where no width comes so near."""
    (contender,), body = parse_contenders((run.model,)), run.settings.get("body", "modern")
    config = language_model(contender, run.size, vocab_size=BYTES, context=run.window, body=body, embedding=64, layers=run.layers)
    for name, value in run.settings.items():
        setattr(config, name, value)
    return config


def windows(data: np.ndarray, starts: np.ndarray, length: int) -> torch.Tensor:
    """(B, length + 1) bytes."""
    return torch.from_numpy(np.stack([data[start : start + length + 1] for start in starts]).astype(np.int64))


def train(run: LanguageRun) -> dict[str, Any]:
    """Bits per byte on held-out text, by place in the window too, parameters and seconds; one thread, a pure function but for these."""
    whole, held_out = text()
    data, rng = whole[: max(int(run.share * len(whole)), 2 * run.window)], np.random.default_rng([run.seed, 1])
    torch.manual_seed(run.seed)
    model = SeqwiseForCausalLM(config_of(run)).train()
    optimizer, begun = build_optimizer(model, learning_rate=run.learning_rate, weight_decay=0.1), time.perf_counter()
    for step in range(run.steps):
        factor = learning_rate_factor(step, steps=run.steps, warmup=0.05, decay=0.3)
        for group in optimizer.param_groups:
            group["lr"] = run.learning_rate * factor
        rows = windows(data, rng.integers(0, len(data) - run.window - 1, run.batch), run.window)
        loss = model(input_ids=rows[:, :-1], shift_labels=rows[:, 1:], labels=rows[:, 1:]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    seconds, places = time.perf_counter() - begun, by_place(model.eval(), held_out, run.window)
    parameters = count_parameters(model.config, vocabulary_head=True).non_embedding
    known = {str(n): by_context(model, held_out, n, max(run.contexts)) for n in run.contexts}
    return {
        "bits_per_byte": float(places.mean()),
        "by_place": places.tolist(),
        "by_context": known,
        "parameters": parameters,
        "seconds": seconds,
    }


@torch.inference_mode()
def by_place(model: SeqwiseForCausalLM, held_out: np.ndarray, window: int) -> np.ndarray:
    """Bits per byte at every place of a window (window,), mean over windows that are evenly spaced."""
    rows = windows(held_out, np.linspace(0, len(held_out) - window - 1, SCORED).astype(int), window)
    logits = model(rows[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
    return losses.view(SCORED, window).mean(0).double().numpy() / math.log(2)


@torch.inference_mode()
def by_context(model: SeqwiseForCausalLM, held_out: np.ndarray, context: int, longest: int) -> float:
    """Bits for a byte when only ``context`` bytes before it are shown; the same bytes are asked whatever the context."""
    ends, total = np.linspace(longest, len(held_out) - 2, ASKED).astype(int), 0.0
    for start in range(0, ASKED, SCORED):
        rows = windows(held_out, ends[start : start + SCORED] - context + 1, context)
        logits = model(rows[:, :-1], use_cache=False, logits_to_keep=1).logits[:, -1]
        total += float(torch.nn.functional.cross_entropy(logits, rows[:, -1], reduction="sum"))
    return total / ASKED / math.log(2)
