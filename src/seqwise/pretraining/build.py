"""From options to a training: the model at its size, the settings of the loop, windows of the corpus."""

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from seqwise.comparison.sizes import language_model
from seqwise.data.token_file import TokenFile, TokenWindows
from seqwise.models.config import SeqwiseConfig
from seqwise.pretraining.options import PretrainOptions
from seqwise.training.carry import CarriedState
from seqwise.training.loop import Trainer, TrainingConfig
from seqwise.training.objectives import OBJECTIVES
from seqwise.training.pretrain import CorpusFeed

CHECKPOINT_SECONDS = 60.0
SETTINGS = ("evaluations", "learning_rate", "weight_decay", "warmup", "decay", "seed", "accumulation")


def model_config(options: PretrainOptions, tokenizer: Any) -> SeqwiseConfig:
    """The model at the size that was asked for, matched as in a comparison. Raises :class:`UserError` where it cannot be had."""
    config = language_model(
        options.contender,
        options.target_parameters,
        vocab_size=len(tokenizer),
        context=options.context,
        layers=options.layers,
        width=options.width,
        bidirectional=OBJECTIVES[options.objective].bidirectional,
    )
    for name in ("hidden_dropout", "embedding_dropout"):
        setattr(config, name, options.dropout)
    config.pad_token_id, config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    return config


def corpus_feed(options: PretrainOptions, tokenizer: Any, parts: dict[str, TokenFile]) -> CorpusFeed:
    """Batches that follow from the options alone, whatever reads them."""
    windows = TokenWindows(parts["train"], options.context, options.batch, options.seed, stateful=options.stateful)
    return CorpusFeed(windows, parts["validation"], OBJECTIVES[options.objective](tokenizer))


def training_config(options: PretrainOptions, steps: int) -> TrainingConfig:
    return TrainingConfig(steps=steps, checkpoint_seconds=CHECKPOINT_SECONDS, **{name: getattr(options, name) for name in SETTINGS})


def steps_of(options: PretrainOptions, tokens_per_step: int) -> int:
    """Of a budget in tokens."""
    return -(-options.tokens // tokens_per_step)


def steps_in(seconds: float, *, step: float, evaluation: float, evaluations: int) -> int:
    """The most that fit into a time, at least one; each is evaluated where there are fewer than ``evaluations``."""
    return max(1, int(max((seconds - evaluations * evaluation) / step, seconds / (step + evaluation))))


def build_trainer(
    options: PretrainOptions, tokenizer: Any, parts: dict[str, TokenFile], *, accelerator: Accelerator, folder: Path | None, steps: int
) -> Trainer:
    """A model with fresh weights and all that trains it; the same options give the same."""
    feed = corpus_feed(options, tokenizer, parts)
    torch.manual_seed(options.seed)
    model = OBJECTIVES[options.objective].model_class(model_config(options, tokenizer))
    carry = CarriedState(feed.windows.begins_anew) if options.stateful else None
    return Trainer(model, feed, training_config(options, steps), folder=folder, accelerator=accelerator, carry=carry)
