"""Pretraining: windows of a corpus under an objective, and the score on what was held out."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from seqwise.data.masking import masked
from seqwise.data.token_file import TokenFile, TokenWindows
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.masked_lm import UNLABELLED, SeqwiseForMaskedLM

VALIDATION_SEED = 1


class NextToken:
    """Causal language modelling, scored in bits per byte of the text."""

    model_class = SeqwiseForCausalLM
    bidirectional = False
    metric = "bits_per_byte"

    def __init__(self, tokenizer: Any):
        """Nothing of the tokenizer is needed."""

    def batch(self, inputs: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        labels = torch.from_numpy(targets).contiguous()  # the library's loss asks for it
        return {"input_ids": torch.from_numpy(inputs), "labels": labels, "shift_labels": labels}

    def scores(self, nats: float, labels: int, right: int, held_out: TokenFile) -> dict[str, float]:
        """Bits of all tokens over the bytes of the text; the tokens that end documents cost bits too, and are no bytes."""
        loss = nats / labels
        return {"bits_per_byte": nats / math.log(2) / (held_out.bytes * labels / len(held_out)), "loss": loss}


class HiddenToken:
    """Masked language modelling, scored by the loss at hidden tokens, always the same ones."""

    model_class = SeqwiseForMaskedLM
    bidirectional = True
    metric = "masked_loss"

    def __init__(self, tokenizer: Any):
        self.mask, self.ordinary = tokenizer.mask_token_id, ~np.isin(np.arange(len(tokenizer)), tokenizer.all_special_ids)

    def batch(self, inputs: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        shown, labels = masked(inputs, rng, mask=self.mask, ordinary=self.ordinary)
        return {"input_ids": torch.from_numpy(shown), "labels": torch.from_numpy(labels)}

    def scores(self, nats: float, labels: int, right: int, held_out: TokenFile) -> dict[str, float]:
        return {"masked_loss": nats / labels, "masked_accuracy": right / labels}


class CorpusFeed:
    """Hands the training loop windows of a corpus and its score on what was held out.

    Args:
        windows: of the training part.
        held_out: of at least one window and a token; scored in windows that stand side by side, at most ``most`` of them, evenly spaced.
        objective: what is asked of a window.
    """

    def __init__(self, windows: TokenWindows, held_out: TokenFile, objective: NextToken | HiddenToken, *, most: int = 500):
        self.windows, self.held_out, self.objective = windows, held_out, objective
        count = (len(held_out) - 1) // windows.context
        chosen = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))
        self._starts = chosen * windows.context

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.windows.seed, 3, step])
        return self.objective.batch(*self.windows.windows(step), rng)

    def epoch(self, step: int) -> float:
        return step / self.windows.per_epoch

    def validate(self, model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        nats, labels, right = 0.0, 0, 0
        for first in range(0, len(self._starts), self.windows.batch_size):
            windows = [self._scored(int(start)) for start in self._starts[first : first + self.windows.batch_size]]
            batch = {name: torch.cat([window[name] for window in windows]) for name in windows[0]}
            wanted = batch.pop("labels").to(device)
            batch.pop("shift_labels", None)
            logits = model(**{name: value.to(device) for name, value in batch.items()}, use_cache=False).logits.float()
            nats += float(nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum", ignore_index=UNLABELLED))
            labels += int((wanted != UNLABELLED).sum())
            right += int((logits.argmax(-1) == wanted).sum())
        return self.objective.scores(nats, labels, right, self.held_out)

    def _scored(self, start: int) -> dict[str, torch.Tensor]:
        """A batch of one window, the same whatever it is scored beside."""
        row = self.held_out.tokens[None, start : start + self.windows.context + 1].astype(np.int64)
        return self.objective.batch(row[:, :-1], row[:, 1:], np.random.default_rng([VALIDATION_SEED, start]))

    def better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        return new[self.objective.metric] < old[self.objective.metric]
