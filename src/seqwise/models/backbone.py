"""The backbone: embedding, projection, blocks, norm."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.utils import can_return_tuple

from seqwise.core.errors import UserError
from seqwise.models.block import BLOCKS
from seqwise.models.config import SeqwiseConfig
from seqwise.models.decoding import decode
from seqwise.models.dropout import Dropout, TokenDropout
from seqwise.models.features import FeatureProjection
from seqwise.models.initialization import initialize
from seqwise.models.padding import Padding
from seqwise.models.positions import input_positions
from seqwise.models.projection import Linear
from seqwise.models.state import SeqwiseCache


class SeqwisePreTrainedModel(PreTrainedModel):
    """What all models of the package share with the Hugging Face library."""

    config_class = SeqwiseConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _is_stateful = True
    _supports_sdpa = True
    _no_split_modules: ClassVar[list[str]] = ["ModernBlock", "ClassicBlock"]

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        initialize(module, self.config)


class SeqwiseModel(SeqwisePreTrainedModel):
    """Hidden states of a sequence. Padding may stand anywhere and never changes an answer."""

    blocks: ClassVar = BLOCKS

    def __init__(self, config: SeqwiseConfig):
        super().__init__(config)
        if config.num_input_channels is None:
            self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size)
            self.embedding_projection = Linear(config.embedding_size, config.projection_size, bias=False)
        else:
            self.feature_projection = FeatureProjection(config)
        self.positions = input_positions(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        self.dropout = Dropout(config.embedding_dropout)
        self.layers = nn.ModuleList(self.blocks[config.body](config, layer) for layer in range(config.num_hidden_layers))
        modern = config.body == "modern"
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps, bias=False) if modern else nn.Identity()
        self.gradient_checkpointing = False  # set by activation_checkpointing_enable()
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens if self.config.num_input_channels is None else self.feature_projection

    def set_input_embeddings(self, value: nn.Module) -> None:
        setattr(self, "embed_tokens" if self.config.num_input_channels is None else "feature_projection", value)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: SeqwiseCache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        input_features: Tensor | None = None,
        source: Any = None,
        **kwargs,
    ) -> BaseModelOutputWithPast:
        """Hidden states (B, T, D), zero at padding.

        Args:
            input_ids: (B, T); or ``inputs_embeds`` (B, T, E); or, with ``num_input_channels``, ``input_features`` (B, T, C) alone.
            attention_mask: (B, T), 1 at real tokens or steps; a longer one is read from its end.
            past_key_values: what an earlier call returned; the model continues from there.
            use_cache: return ``past_key_values``. Only causal models do, and not by themselves with activation checkpointing.
            output_hidden_states: return the embedding and every layer's output too; the last one is normalised.
            source: of a decoder, what the encoder made of its source: a :class:`~seqwise.models.cross_attention.Source`.
        """
        cache = self._cache(past_key_values, use_cache)
        hidden, padding = self.encode(input_ids, attention_mask, inputs_embeds, cache, input_features, source)
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return BaseModelOutputWithPast(
            last_hidden_state=padding.unpack(hidden[-1]),
            past_key_values=cache,
            hidden_states=tuple(padding.unpack(x) for x in hidden) if wanted else None,
        )

    def encode(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        cache: SeqwiseCache | None = None,
        input_features: Tensor | None = None,
        source: Any = None,
    ) -> tuple[list[Tensor], Padding]:
        """All hidden states, packed (B, S, D), and how they were packed. A given cache is brought up to date."""
        given = require_one(self.config, input_ids=input_ids, inputs_embeds=inputs_embeds, input_features=input_features)
        require_rows(cache, given.shape[0])
        padding = Padding.of(attention_mask, given.shape[1])
        x = self.token_dropout(self._projected(padding.pack(given), embed=input_ids is not None))
        if source is not None and source.summary is not None:
            x = x + source.summary.unsqueeze(1)
        x = self.dropout(self.positions(x, self._positions(x, cache)))
        read = (source,) if source is not None and source.summary is None else ()
        before = cache.states if cache else [None] * len(self.layers)
        at_once = decode(self, x, before) if padding.mask is None and not read else None
        hidden, states = at_once or self._layer_by_layer(x, before, padding.mask, cache is not None, *read)
        hidden = [x, *hidden]
        if cache is not None:
            count = padding.lengths
            every = torch.full((x.shape[0],), x.shape[1], device=x.device)
            cache.advance(states, every if count is None else count, padding.columns)
        return hidden, padding

    def _layer_by_layer(self, x: Tensor, before: list[tuple | None], *arguments) -> tuple[list[Tensor], list[tuple | None]]:
        hidden, states = [], []
        for layer, state in zip(self.layers, before, strict=True):
            x, state = self._run(layer, x, state, *arguments)
            hidden.append(x)
            states.append(state)
        return [*hidden[:-1], self.norm(x)], states

    def _projected(self, given: Tensor, *, embed: bool) -> Tensor:
        if self.config.num_input_channels is not None:
            return self.feature_projection(given)
        return self.embedding_projection(self.embed_tokens(given) if embed else given)

    def _run(self, layer: nn.Module, *arguments) -> tuple[Tensor, tuple | None]:
        if self.gradient_checkpointing and self.training:
            return self._gradient_checkpointing_func(layer, *arguments)
        return layer(*arguments)

    def _cache(self, cache: SeqwiseCache | None, use_cache: bool | None) -> SeqwiseCache | None:
        if cache is not None:
            if self.config.bidirectional or use_cache is False:
                raise UserError("past_key_values would be ignored", expected="a causal model, and not use_cache=False")
            return cache
        if use_cache is None:
            use_cache = self.config.use_cache and not self.training
        if not use_cache or self.config.bidirectional or (self.training and self.gradient_checkpointing):
            return None
        return SeqwiseCache(len(self.layers))

    def _positions(self, x: Tensor, cache: SeqwiseCache | None) -> Tensor:
        positions = torch.arange(x.shape[1], device=x.device).unsqueeze(0)
        past = None if cache is None else cache.tokens.state
        return positions if past is None else positions + past[0].unsqueeze(1)


def require_one(config: SeqwiseConfig, **inputs: Tensor | None) -> Tensor:
    """The one input that a model of this configuration takes."""
    channels = config.num_input_channels
    known = ["input_ids", "inputs_embeds"] if channels is None else ["input_features"]
    given = {name: value for name, value in inputs.items() if value is not None}
    if len(given) != 1 or not given.keys() <= set(known):
        raise UserError(f"the model got {' and '.join(given) or 'no input'}", expected=f"{' or '.join(known)} alone")
    (value,) = given.values()
    if channels is not None and (value.dim() != 3 or value.shape[2] != channels):
        raise UserError(f"input_features have the shape {tuple(value.shape)}", expected=f"(batch, steps, {channels}): {channels} channels")
    return value


def require_rows(cache: SeqwiseCache | None, rows: int) -> None:
    if cache is not None and cache.rows not in (None, rows):
        raise UserError(
            f"past_key_values holds {cache.rows} rows, the input has {rows}",
            expected="one state per row; beams and several answers per prompt are rows too",
            fix="past_key_values.batch_repeat_interleave(n), or batch_select_indices(rows)",
        )
