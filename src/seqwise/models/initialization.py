"""The initialisation law, the same for all families and in one place.

Embeddings: normal, small, so that what is learned soon outweighs what was drawn. Linear layers and the input weights of recurrent
ones: normal, standard deviation 1/sqrt(width of the input); layers that write into the residual stream 1/sqrt(2 N) of that (GPT-2).
Recurrent weights: orthogonal per gate (Saxe et al. 2013, arXiv:1312.6120). Biases zero, except the
forget gate's of LSTM and minLSTM (Jozefowicz et al. 2015). Norms one.
"""

import functools

from torch import Tensor, nn
from transformers import initialization as init

from seqwise.models.config import SeqwiseConfig
from seqwise.models.mixers.recurrent import Recurrent
from seqwise.models.projection import BranchOutput, SummaryProjection

EMBEDDING_STD = 0.02


@functools.singledispatch
def initialize(module: nn.Module, config: SeqwiseConfig) -> None:
    """Initialise the parameters that a module owns itself. Parameters just read from a checkpoint stay as they are."""


def normal(weight: Tensor, config: SeqwiseConfig, scale: float = 1.0) -> None:
    std = weight.shape[1] ** -0.5 if config.initializer_range is None else config.initializer_range
    init.normal_(weight, std=scale * std)


@initialize.register
def _(module: nn.Linear, config: SeqwiseConfig) -> None:
    normal(module.weight, config)
    if module.bias is not None:
        init.zeros_(module.bias)


@initialize.register
def _(module: BranchOutput, config: SeqwiseConfig) -> None:
    normal(module.weight, config, scale=(2 * config.num_hidden_layers) ** -0.5 if config.body == "modern" else 1.0)


@initialize.register
def _(module: SummaryProjection, config: SeqwiseConfig) -> None:
    normal(module.weight, config, scale=EMBEDDING_STD)


@initialize.register
def _(module: nn.Embedding, config: SeqwiseConfig) -> None:
    init.normal_(module.weight, std=EMBEDDING_STD)


@initialize.register
def _(module: nn.LayerNorm, config: SeqwiseConfig) -> None:
    init.ones_(module.weight)


@initialize.register
def _(module: Recurrent, config: SeqwiseConfig) -> None:
    cell = module.cell
    for direction in range(module.config.directions):
        given = dict(zip(cell.parameters, module.weights(direction), strict=True))
        normal(given["weight_ih"], config)
        init.zeros_(given["bias_ih"])
        if cell.feedback:
            init.zeros_(given["bias_hh"])
            if not already_loaded(given["weight_hh"]):
                for gate in given["weight_hh"].chunk(cell.gates):
                    init.orthogonal_(gate)
        if cell.forget_gate is not None and not already_loaded(given["bias_ih"]):
            init.constant_(given["bias_ih"].chunk(cell.gates)[cell.forget_gate], config.forget_bias)


def already_loaded(parameter: Tensor) -> bool:
    """Slices of a parameter lose this mark, so it is asked of the whole."""
    return getattr(parameter, "_is_hf_initialized", False)
