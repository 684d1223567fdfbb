"""Sizes are solved, not guessed: a width in steps of 8 and an adjusted feed-forward give every contender the same count."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from seqwise.comparison.contenders import Contender
from seqwise.core.config import Config
from seqwise.core.errors import UserError
from seqwise.models.accounting import count_parameters
from seqwise.models.config import SeqwiseConfig

FEED_FORWARD_RATIO = 8 / 3
"""Feed-forward over model width of a gated feed-forward (Shazeer 2020, arXiv:2002.05202)."""
TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape(Config):
    """What all contenders of a comparison share."""

    vocab_size: int
    config_class: type[SeqwiseConfig] = SeqwiseConfig
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What a configuration says of the input."""
    embedding_size: int
    layers: int
    classes: int
    """0 where the answer is none of a set of classes."""
    context: int
    bidirectional: bool
    width: int | None = None


def embedding_size(target: int) -> int:
    """One embedding width for all contenders of a size."""
    return 64 if target < 300_000 else 128


def default_layers(target: int) -> int:
    return 2 if target < 3_000_000 else 4


def _config(contender: Contender, shape: Shape, body: str, width: int, knob: int) -> SeqwiseConfig:
    sized = {"intermediate_size": knob} if body == "modern" else {"projection_size": knob}
    return shape.config_class(
        vocab_size=shape.vocab_size,
        embedding_size=shape.embedding_size,
        hidden_size=width,
        num_hidden_layers=shape.layers,
        layer_types=contender.layer_types(shape.layers),
        body=body,
        bidirectional=shape.bidirectional,
        max_position_embeddings=shape.context,
        **shape.settings,
        **contender.settings,
        **({"num_labels": shape.classes} if shape.classes else {}),
        **sized,
    )


def _best_knob(build: Callable[[int], SeqwiseConfig], measure: Callable[[SeqwiseConfig], float], target: float) -> int:
    """The whole number whose config measures closest to ``target``; ``measure`` is linear in it."""
    low, high = measure(build(8)), measure(build(16))
    return max(1, round(8 + (target - low) * 8 / (high - low)))


def widths(contender: Contender) -> list[int]:
    """Multiples of 8; with attention those that heads of 16, or from 96 on of 32, divide: smaller heads are slow and unusual."""
    found = range(8, 4096, 8)
    if "attention" not in contender.mixers and not contender.settings.get("cross_attention"):
        return list(found)
    return [width for width in found if width % (16 if width < 96 else 32) == 0]


def solve(contender: Contender, shape: Shape, body: str, measure: Callable[[SeqwiseConfig], float], target: float) -> SeqwiseConfig:
    """The config of ``contender`` whose ``measure`` lies within 1 % of ``target``.

    Width is a multiple of 8. In the modern body the feed-forward is adjusted, in the classic body, which has none, the
    width of the embedding projection. Among the solutions the one with the most usual proportions is taken.

    Raises :class:`UserError` where no width comes within 1 %.
    """
    ratio = FEED_FORWARD_RATIO if body == "modern" else 1.0
    found: list[tuple[float, SeqwiseConfig]] = []
    for width in [shape.width] if shape.width else widths(contender):
        build = lambda knob, width=width: _config(contender, shape, body, width, knob)  # noqa: E731
        if not shape.width and measure(build(1)) > target * (1 + TOLERANCE):
            break
        knob = _best_knob(build, measure, target)
        config = build(knob)
        if abs(measure(config) / target - 1) <= TOLERANCE:
            found.append((abs(knob / width - ratio), config))
    if not found:
        raise UserError(
            f"{contender.name} ({body}) cannot be given {target:,.0f} within 1 %",
            expected="a size that a width in steps of 8 can reach",
            fix="choose another --size, or leave --width to the solver",
        )
    return min(found, key=lambda pair: pair[0])[1]


def language_model(
    contender: Contender,
    target: int,
    *,
    vocab_size: int,
    context: int,
    body: str = "modern",
    embedding: int | None = None,
    layers: int | None = None,
    width: int | None = None,
    bidirectional: bool = False,
) -> SeqwiseConfig:
    """The config of a language model with ``target`` parameters without embeddings; what is None follows from the target.

    Raises :class:`UserError` where no width comes within 1 %.
    """
    shape = Shape(
        vocab_size=vocab_size,
        embedding_size=embedding or embedding_size(target),
        layers=layers or default_layers(target),
        classes=0,
        context=context,
        bidirectional=bidirectional,
        width=width,
    )
    return solve(contender, shape, body, lambda config: float(count_parameters(config, vocabulary_head=True).non_embedding), float(target))
