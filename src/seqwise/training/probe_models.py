"""The models that answer probes: a backbone with a linear layer, or an encoder-decoder model."""

import copy

import numpy as np
from torch import Tensor, nn

from seqwise.core.errors import UserError
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.models.initialization import initialize
from seqwise.models.seq2seq import SeqwiseForSeq2SeqLM
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig
from seqwise.tasks.probes.probe import LAST, SEQUENCE, UNASKED, Probe


class Reader(nn.Module):
    """A backbone and a linear layer that answers at the last step, or at the steps that are asked for."""

    def __init__(self, probe: Probe, config: SeqwiseConfig):
        super().__init__()
        self.answers_last, self.input = probe.answers == LAST, "input_features" if probe.channels else "input_ids"
        self.model = SeqwiseModel(config)
        self.score = nn.Linear(config.hidden_size, probe.classes or 1)
        initialize(self.score, config)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """(M, C): one row for each target that is asked for. Targets say where that is; their values are not read."""
        hidden = self.model(**{self.input: inputs}, use_cache=False).last_hidden_state
        return self.score(hidden[:, -1] if self.answers_last else hidden[targets != UNASKED])


class Writer(nn.Module):
    """An encoder-decoder model that is shown the answer up to each symbol.

    The whole answer is right exactly where the one that it would write by itself, always the likeliest symbol, is.
    """

    def __init__(self, config: SeqwiseSeq2SeqConfig):
        super().__init__()
        self.model = SeqwiseForSeq2SeqLM(config)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        before = self.model.prepare_decoder_input_ids_from_labels(targets)
        return self.model(inputs, decoder_input_ids=before, use_cache=False).logits.flatten(0, 1)


def build_network(probe: Probe, config: SeqwiseConfig) -> nn.Module:
    """A freshly initialised model that answers a probe: ``network(inputs, targets) -> (M, C)``."""
    return Writer(config) if probe.answers == SEQUENCE else Reader(probe, config)


def fitted(model: SeqwiseConfig, probe: Probe, longest: int) -> SeqwiseConfig:
    """A model's settings with the input of a probe, and positions for its examples of length ``longest``.

    Raises :class:`UserError` where a probe asks for sequences of a model that is no encoder-decoder, or the other way round.
    """
    kind = SeqwiseSeq2SeqConfig if probe.answers == SEQUENCE else SeqwiseConfig
    if type(model) is not kind:
        raise UserError(f"a {type(model).__name__} cannot answer this probe", expected=f"a {kind.__name__}")
    config, (inputs, targets) = copy.deepcopy(model), probe.generate(np.random.default_rng(0), 1, longest)
    config.num_input_channels = probe.channels
    config.vocab_size = probe.vocabulary or config.vocab_size
    config.max_position_embeddings = max(config.max_position_embeddings, inputs.shape[1], *targets.shape[1:])
    if probe.answers == SEQUENCE:
        config.pad_token_id = config.decoder_start_token_id = 0
    config.validate()
    return config
