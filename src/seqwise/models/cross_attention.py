"""How a decoder learns of its source: by attention to every token of it in each block, or by one vector that sums it up."""

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from seqwise.models.backbone import SeqwiseModel
from seqwise.models.block import ClassicBlock, ModernBlock
from seqwise.models.padding import Padding
from seqwise.models.projection import BranchOutput, Linear
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig

Keys = tuple[Tensor, Tensor, Tensor]
"""Keys and values (B, N, S, K) of the source, and (B, S), true where they may be read."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What the encoder made of a source.

    Args:
        hidden: (B, S, D), real tokens first.
        mask: (B, S), true at what may be read; a row without tokens reads the zeros at its padding.
        summary: (B, P), added to what the decoder reads at every step; None with cross-attention.
    """

    hidden: Tensor
    mask: Tensor
    summary: Tensor | None = None

    @classmethod
    def of(cls, hidden: Tensor, attention_mask: Tensor | None) -> "Source":
        """From hidden states (B, T, D) that are zero at padding, wherever that stands."""
        padding = Padding.of(attention_mask, hidden.shape[1])
        packed = padding.pack(hidden)
        if padding.mask is None:
            return cls(packed, torch.ones(packed.shape[:2], dtype=torch.bool, device=packed.device))
        packed = packed.masked_fill(~padding.mask.unsqueeze(-1), 0.0)
        return cls(packed, padding.mask | ~padding.mask.any(1, keepdim=True))

    def mean(self) -> Tensor:
        """(B, D), over each row's tokens."""
        return self.hidden.sum(1) / self.mask.sum(1, keepdim=True)


class CrossAttention(nn.Module):
    """Each target token reads the source (Bahdanau et al. 2015, arXiv:1409.0473), by scaled dot products in several heads (Vaswani et al.
    2017, arXiv:1706.03762). Without positions: what the encoder wrote says where it stands."""

    def __init__(self, config: SeqwiseSeq2SeqConfig):
        super().__init__()
        self.heads, width = config.num_attention_heads, config.hidden_size
        self.q_proj = Linear(width, width, bias=False)
        self.k_proj = Linear(width, width, bias=False)
        self.v_proj = Linear(width, width, bias=False)

    def keys(self, source: Source) -> Keys:
        return self._split(self.k_proj(source.hidden)), self._split(self.v_proj(source.hidden)), source.mask

    def forward(self, x: Tensor, keys: Keys) -> Tensor:
        """What (B, T, D) reads: (B, T, D)."""
        key, value, mask = keys
        read = scaled_dot_product_attention(self._split(self.q_proj(x)), key, value, attn_mask=mask[:, None, None, :])
        return read.transpose(1, 2).flatten(2)

    def weights(self, x: Tensor, keys: Keys) -> Tensor:
        """(B, N, T, S): how much of each source token each target token reads; rows sum to one."""
        key, _, mask = keys
        scores = self._split(self.q_proj(x)) @ key.transpose(2, 3) * key.shape[-1] ** -0.5
        return scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(-1)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def of_state(state: tuple | None, attention: CrossAttention, source: Source) -> tuple[tuple | None, Keys]:
    """The mixer's state, and the keys: of the source at the start, afterwards as they were carried."""
    return (None, attention.keys(source)) if state is None else (state[:-3], state[-3:])


class ModernDecoderBlock(ModernBlock):
    """x + mixer(norm(x)), then x + cross_attention(norm(x)), then x + feed_forward(norm(x)) (Vaswani et al. 2017)."""

    def __init__(self, config: SeqwiseSeq2SeqConfig, layer: int):
        super().__init__(config, layer)
        self.cross_norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps, bias=False)
        self.cross_attention = CrossAttention(config)
        self.cross_output = BranchOutput(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, state: tuple | None, mask: Tensor | None, carry: bool, source: Source) -> tuple[Tensor, tuple | None]:
        state, keys = of_state(state, self.cross_attention, source)
        y, state = self.mixer(self.mixer_norm(x), state, mask, carry)
        x = x + self.dropout(y)
        x = x + self.dropout(self.cross_output(self.cross_attention(self.cross_norm(x), keys)))
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, (*state, *keys) if carry else None


class ClassicDecoderBlock(ClassicBlock):
    """y = mixer(x), then tanh(W [cross_attention(y); y]): the attentional state of Luong et al. 2015, arXiv:1508.04025, equation 5."""

    def __init__(self, config: SeqwiseSeq2SeqConfig, layer: int):
        super().__init__(config, layer)
        self.cross_attention = CrossAttention(config)
        self.cross_output = Linear(2 * config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, state: tuple | None, mask: Tensor | None, carry: bool, source: Source) -> tuple[Tensor, tuple | None]:
        state, keys = of_state(state, self.cross_attention, source)
        y, state = self.mixer(x, state, mask, carry)
        y = torch.tanh(self.cross_output(torch.cat((self.cross_attention(y, keys), y), dim=-1)))
        return self.dropout(y), (*state, *keys) if carry else None


class CrossAttendingModel(SeqwiseModel):
    """The causal backbone with cross-attention in every block."""

    blocks: ClassVar = {"modern": ModernDecoderBlock, "classic": ClassicDecoderBlock}
