"""What a model costs: parameters, floating-point operations, state; of ours from the configuration alone."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from seqwise.models.config import SeqwiseConfig
from seqwise.models.mixers import MIXERS


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParameterCount:
    total: int
    embedding: int
    """The token embedding, a table of learned positions and the output's own table of tokens, where there are such."""

    @property
    def non_embedding(self) -> int:
        return self.total - self.embedding


def mixers(config: SeqwiseConfig) -> Iterator[tuple[Any, Any]]:
    """The mixer class of every layer and its settings."""
    for layer, name in enumerate(config.layer_types):
        yield MIXERS[name], MIXERS[name].configure(config, layer)


def count_parameters(config: SeqwiseConfig, num_labels: int | None = None, *, vocabulary_head: bool = False) -> ParameterCount:
    """Trainable parameters of the backbone, and of a head on it: a classifier of ``num_labels`` classes, or a language model's."""
    width, channels = config.hidden_size, config.num_input_channels
    table = config.vocab_size * config.embedding_size if channels is None else 0
    embedding = table
    if config.position_embedding == "learned":
        embedding += config.max_position_embeddings * config.projection_size
    body = (config.embedding_size if channels is None else channels + 1) * config.projection_size
    body += sum(mixer.parameter_count(settings) for mixer, settings in mixers(config))
    if config.body == "modern":
        body += config.num_hidden_layers * (2 * width + 3 * width * config.intermediate_size) + width
    head = (width + 1) * num_labels if num_labels else 0
    if vocabulary_head:
        head += width * config.embedding_size
        embedding += 0 if config.tie_word_embeddings else table
    return ParameterCount(total=embedding + body + head, embedding=embedding)


def count_of_model(model: Any) -> ParameterCount:
    """The parameters of a model itself, whoever made it: every table that is looked up belongs to the embedding, and the output's."""
    import torch

    tables = [part for part in model.modules() if isinstance(part, torch.nn.Embedding)]
    output = model.get_output_embeddings()
    weights = {id(part.weight): part.weight.numel() for part in [*tables, *([output] if output is not None else [])]}
    return ParameterCount(total=sum(parameter.numel() for parameter in model.parameters()), embedding=sum(weights.values()))


def forward_flops(config: SeqwiseConfig, length: int, *, vocabulary_head: bool = False) -> int:
    """Floating-point operations of the matrix products for one sequence of ``length`` tokens.

    Those of the backbone, and with ``vocabulary_head`` those of the logits of every token.
    """
    flops = 2 * length * (config.num_input_channels or config.embedding_size) * config.projection_size
    flops += sum(mixer.flops(settings, length) for mixer, settings in mixers(config))
    if config.body == "modern":
        flops += config.num_hidden_layers * 2 * length * 3 * config.hidden_size * config.intermediate_size
    if vocabulary_head:
        flops += 2 * length * config.embedding_size * (config.hidden_size + config.vocab_size)
    return flops


def training_flops(config: SeqwiseConfig, length: int, *, vocabulary_head: bool = False) -> int:
    """Forwards and backwards, one sequence: three times the forward pass (Kaplan et al. 2020, arXiv:2001.08361)."""
    return 3 * forward_flops(config, length, vocabulary_head=vocabulary_head)


def flops_per_token(config: SeqwiseConfig, lengths: Iterable[int], *, vocabulary_head: bool = False) -> float:
    """Training operations per token, over sequences of these lengths."""
    lengths = list(lengths)
    return sum(training_flops(config, length, vocabulary_head=vocabulary_head) for length in lengths) / sum(lengths)


def state_bytes(config: SeqwiseConfig, length: int) -> int:
    """Bytes of float32 that a causal model carries after ``length`` tokens of one sequence."""
    return sum(mixer.state_bytes(settings, length) for mixer, settings in mixers(config))
