"""Architectures with a name and a version, to be cited and rebuilt. What a name means never changes; a change gets the next version.

Version 1, as ``lstm-base-v1``: a token embedding as wide as the model and a linear layer on it; N pre-norm residual blocks, each
``x + lstm(norm(x))`` and then ``x + feed_forward(norm(x))``, with one causal LSTM layer and a gated feed-forward (SwiGLU) of twice the
width; a last norm. Norms are LayerNorm without bias, the linear layers have none either. No positions, no dropout. A language model has
one more linear layer, whose output is compared with the token embedding. Weights start by the law of
:mod:`seqwise.models.initialization`. With another mixer the blocks and the width stay, and the feed-forward, in steps of 8, makes up for
the difference in parameters.
"""

import functools
from collections.abc import Callable
from typing import Any

from seqwise.core.errors import UserError, did_you_mean
from seqwise.models.config import SeqwiseConfig, check_known, default_heads
from seqwise.models.mixers import MIXERS

FAMILIES = {"lstm": "lstm", "gru": "gru", "rnn": "rnn", "transformer": "attention"}
"""First part of a name -> mixer of every block."""
SIZES = {"tiny": (4, 128), "small": (8, 304), "base": (12, 768)}
"""Second part of a name -> blocks and width: about 1, 10 and 100 million parameters without the token embedding."""


def version_1(mixer: str, blocks: int, width: int) -> dict[str, Any]:
    """The settings of :class:`SeqwiseConfig` that make up version 1."""
    spared = mixer_parameters("lstm", width) - mixer_parameters(mixer, width)
    return {
        "body": "modern",
        "layer_types": [mixer] * blocks,
        "num_hidden_layers": blocks,
        "embedding_size": width,
        "projection_size": width,
        "hidden_size": width,
        "intermediate_size": 2 * width + 8 * round(spared / (8 * 3 * width)),
        "position_embedding": "rotary" if mixer == "attention" else "none",
        "num_attention_heads": default_heads(width) if mixer == "attention" else None,
        "rope_theta": 10000.0,
        "forget_bias": 1.0,
        "initializer_range": None,
        "norm_eps": 1e-5,
        "tie_word_embeddings": True,
    }


def mixer_parameters(name: str, width: int) -> int:
    """Parameters of one causal mixer."""
    mixer = MIXERS[name]
    return mixer.parameter_count(mixer.configure(SeqwiseConfig(hidden_size=width, layer_types=[name], num_hidden_layers=1), 0))


ARCHITECTURES: dict[str, Callable[[], dict[str, Any]]] = {
    f"{family}-{size}-v1": functools.partial(version_1, mixer, *sizes)
    for family, mixer in FAMILIES.items()
    for size, sizes in SIZES.items()
}
"""Full name -> function that gives the settings it stands for."""
NEWEST = {name.rpartition("-v")[0]: name for name in ARCHITECTURES}
"""Name without version -> full name."""


def architecture(name: str, **settings: Any) -> SeqwiseConfig:
    """The configuration of a named architecture: ``SeqwiseForCausalLM(architecture("lstm-base-v1", vocab_size=50_000))``.

    Args:
        name: ``lstm-``, ``gru-``, ``rnn-`` or ``transformer-``, then ``tiny``, ``small`` or ``base``, then the version; without a version
            the newest. The text of the module says what it stands for.
        settings: what the architecture leaves open: ``vocab_size`` and the numbers of special tokens, labels, dropout, and
            ``bidirectional=True`` for the same blocks reading both ways (recurrent ones with half as many units each).

    Raises :class:`~seqwise.core.errors.UserError` for an unknown name, and for settings that are fixed or do not exist.
    """
    full = NEWEST.get(name, name)
    if full not in ARCHITECTURES:
        raise UserError(f"unknown architecture '{name}'", fix=did_you_mean(name, [*NEWEST, *ARCHITECTURES]))
    fixed = ARCHITECTURES[full]()
    if clash := sorted(fixed.keys() & settings.keys()):
        raise UserError(f"{clash[0]} is fixed by {full}", fix="leave it out, or make a SeqwiseConfig of your own, under another name")
    check_known(settings)
    return SeqwiseConfig(**fixed, **settings)
