"""The training loop, on Accelerate: devices, precision and several processes are its business, equal terms are ours."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from seqwise.core.config import Config
from seqwise.core.errors import UserError
from seqwise.tasks.task import Feed
from seqwise.training.carry import CarriedState
from seqwise.training.checkpoint import load_carried, load_checkpoint, save_checkpoint, weights
from seqwise.training.finetune import depths, rate_at, shallowest
from seqwise.training.optimizer import build_optimizer
from seqwise.training.schedule import learning_rate_factor


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """Settings of one training; every family has the same ones."""

    steps: int
    """Optimizer steps of the whole schedule."""
    evaluations: int = 12
    """Evaluations on validation, evenly spread over ``steps``."""
    learning_rate: float = 3e-3
    """Peak learning rate of AdamW."""
    weight_decay: float = 0.05
    """Decoupled weight decay, on matrices only."""
    warmup: float = 0.05
    """Share of the steps with a rising learning rate."""
    decay: float = 0.5
    """Share of the steps, at the end, with a falling learning rate."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient over all parameters."""
    seed: int = 0
    """Seed of the weights and of dropout."""
    layer_decay: float = 1.0
    """The learning rate of a layer as a share of the one above it; 1 for the same everywhere."""
    unfreezing: float = 0.0
    """Share of the steps in which layers begin to learn, one after the other from the head down; 0 for all at once."""
    patience: int | None = None
    """Evaluations without a better score after which training ends; None for never."""
    accumulation: int = 1
    """Parts that a batch is computed in, one after the other; its gradient is that of the whole."""
    checkpoint_seconds: float = 15.0
    """A checkpoint at least this often; a kill loses no more work than that."""


@dataclasses.dataclass
class Progress:
    """Where a training stands. JSON-ready; stored with every checkpoint."""

    step: int = 0
    status: str = "ok"
    seconds: float = 0.0
    train_seconds: float = 0.0
    tokens: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    curve: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best: dict[str, Any] | None = None

    def still_improving(self, steps: int) -> bool:
        """Whether the best evaluation lies in the last tenth of ``steps``."""
        return self.best is not None and self.best["step"] > 0.9 * steps


def _copied(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in weights(model).items()}


class Trainer:
    """Trains one model and can stop and go on at any step with the same numbers.

    Args:
        model: returns an output with ``.loss`` for a batch.
        feed: batches and validation.
        config: the settings.
        folder: where checkpoints go; None for none.
        accelerator: device and precision.
        clock: seconds, monotonic.
        carry: the state that goes from one batch to the next; None for none.
    """

    def __init__(
        self,
        model: nn.Module,
        feed: Feed,
        config: TrainingConfig,
        *,
        folder: Path | None,
        accelerator: Accelerator,
        clock: Callable[[], float] = time.perf_counter,
        carry: CarriedState | None = None,
    ):
        self.feed, self.config, self.folder, self.accelerator, self.clock = feed, config, folder, accelerator, clock
        self.depths = depths(model) if config.layer_decay != 1 or config.unfreezing else {}
        self.head, self.lowest = max(self.depths.values(), default=0), 0
        shares = {name: rate_at(depth, self.head, config.layer_decay) for name, depth in self.depths.items()}
        optimizer = build_optimizer(model, learning_rate=config.learning_rate, weight_decay=config.weight_decay, shares=shares)
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.progress, self.carry = Progress(), carry
        self.best_weights: dict[str, torch.Tensor] = {}

    @property
    def bare_model(self) -> nn.Module:
        return self.accelerator.unwrap_model(self.model)

    def resume(self, folder: Path | None = None) -> bool:
        """Go on from the checkpoint under ``folder`` (default: the own one). Returns whether there was one."""
        folder = folder or self.folder
        found = load_checkpoint(folder, self.bare_model, self.optimizer.optimizer)
        if found is None:
            return False
        self.best_weights, state = found
        if self.carry is not None:
            self.carry.restore(load_carried(folder))
        self.progress = Progress(**state)
        return True

    def save(self) -> None:
        if self.folder is not None and self.accelerator.is_main_process:
            carried = self.carry.tensors() if self.carry is not None else {}
            state = dataclasses.asdict(self.progress)
            save_checkpoint(self.folder, self.bare_model, self.optimizer.optimizer, self.best_weights, state, carried)

    def step(self) -> float:
        """One optimizer step; returns the loss."""
        config, progress = self.config, self.progress
        factor = learning_rate_factor(progress.step, steps=config.steps, warmup=config.warmup, decay=config.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * factor * group["share"]
        self._thaw()
        batch = self.feed.batch(progress.step)
        progress.tokens += tokens_of(batch)
        value = sum(self._backward(part, last=last) for part, last in self._parts(batch))
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, config.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        progress.step += 1
        return value if math.isfinite(float(norm)) else math.nan

    def _thaw(self) -> None:
        """Let those layers learn whose turn it is."""
        config = self.config
        if config.unfreezing:
            lowest = shallowest(self.progress.step, steps=config.steps, unfreezing=config.unfreezing, head=self.head)
            if lowest != self.lowest:
                for name, parameter in self.bare_model.named_parameters():
                    parameter.requires_grad_(self.depths[name] >= lowest)
                self.lowest = lowest

    def _out_of_patience(self) -> bool:
        """Whether as many evaluations as are waited for have passed since the best one, all layers learning and the rate falling."""
        config, best = self.config, self.progress.best
        if config.patience is None or best is None:
            return False
        settled = max(config.unfreezing, 1 - config.decay) * config.steps
        return sum(point["step"] > max(best["step"], settled) for point in self.progress.curve) >= config.patience

    def _parts(self, batch: Mapping[str, Any]) -> list[tuple[dict[str, Any], bool]]:
        """This process's share of a batch in as many parts as are asked for, and whether each is the last one.

        Losses of parts are divided by the labels of the whole batch, so that they add up to its mean, whoever computes them.
        """
        processes, parts = self.accelerator.num_processes, self.config.accumulation
        rows = len(next(iter(batch.values())))
        if processes * parts == 1:
            return [(dict(batch), True)]
        if rows % (processes * parts):
            raise UserError(f"a batch of {rows} rows cannot be divided into {processes} x {parts} parts", fix="another batch size")
        size, first = rows // (processes * parts), self.accelerator.process_index * parts
        count = (batch["shift_labels" if "shift_labels" in batch else "labels"] >= 0).sum() / processes
        shares = [slice((first + part) * size, (first + part + 1) * size) for part in range(parts)]
        found = [{name: value[share] for name, value in batch.items()} | {"num_items_in_batch": count} for share in shares]
        return [(part, place == parts - 1) for place, part in enumerate(found)]

    def _backward(self, batch: dict[str, Any], *, last: bool) -> float:
        """Adds the gradient of a part of a batch; the last one brings those of all processes together. Returns the loss."""
        batch = {name: value.to(self.accelerator.device) for name, value in batch.items()}
        state = self.carry.inputs(self.progress.step) if self.carry is not None else {}
        with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
            with self.accelerator.autocast():
                output = self.model(**batch, **state)
            self.accelerator.backward(output.loss)
        if self.carry is not None:
            self.carry.keep(output.past_key_values)
        loss = output.loss.detach()
        return float(self.accelerator.reduce(loss, "mean") if self.accelerator.num_processes > 1 else loss)

    def evaluate(self) -> None:
        """Score validation; keep the weights where they are the best so far."""
        progress = self.progress
        self.model.eval()
        with torch.inference_mode():
            scores = self.feed.validate(self.bare_model)
        self.model.train()
        if not all(map(math.isfinite, scores.values())):
            progress.status = "diverged"
            return
        point = {
            "step": progress.step,
            "epoch": self.feed.epoch(progress.step),
            "train_loss": progress.loss_sum / max(1, progress.loss_steps),
            "seconds": progress.seconds,
            **scores,
        }
        progress.loss_sum, progress.loss_steps = 0.0, 0
        progress.curve.append(point)
        if progress.best is None or self.feed.better(scores, progress.best):
            progress.best = point
            self.best_weights = _copied(self.bare_model)

    def run(self, until: int, on_progress: Callable[[Progress], None] = lambda progress: None) -> Progress:
        """Train up to step ``until``; stop early when the loss or a score is no longer a number, or patience is at an end."""
        config, progress = self.config, self.progress
        every = max(1, config.steps // config.evaluations)
        self.model.train()
        last = saved = self.clock()
        while progress.step < until and progress.status == "ok" and not self._out_of_patience():
            loss = self.step()
            progress.loss_sum += loss
            progress.loss_steps += 1
            now = self.clock()
            progress.train_seconds += now - last
            if not math.isfinite(loss):
                progress.status = "diverged"
            elif progress.step % every == 0 or progress.step == config.steps:
                self.evaluate()
            now, before = self.clock(), last
            progress.seconds += now - before
            last = now
            on_progress(progress)
            if now - saved > config.checkpoint_seconds and progress.status == "ok":
                self.save()
                saved = last = self.clock()
        return progress


def tokens_of(batch: Mapping[str, torch.Tensor]) -> int:
    """Real tokens, or steps, of a batch."""
    if "attention_mask" in batch:
        return int(batch["attention_mask"].sum())
    return sum(batch[name].shape[:2].numel() for name in ("input_ids", "past_values", "future_values") if name in batch)
