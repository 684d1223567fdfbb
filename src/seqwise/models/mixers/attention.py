"""Multi-head scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762)."""

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from seqwise.core.config import Config
from seqwise.models.config import SeqwiseConfig
from seqwise.models.positions import rotary_angles, rotate
from seqwise.models.projection import BranchOutput, Linear

State = tuple[Tensor, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentionConfig(Config):
    input_size: int
    """Width of the input."""
    hidden_size: int
    """Width of the output."""
    heads: int
    causal: bool
    """Each token sees itself and what is before it; else every token sees all."""
    rope_theta: float | None
    """Base of the rotary wavelengths; None for no rotary positions."""

    @property
    def output_size(self) -> int:
        return self.hidden_size

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.heads


class Attention(nn.Module):
    """Its state is ``(keys, values, valid, count)``: (B, N, S, K) twice, (B, S) true at real tokens, and (B,) tokens so far."""

    def __init__(self, config: AttentionConfig):
        super().__init__()
        self.config = config
        self.q_proj = Linear(config.input_size, config.hidden_size, bias=False)
        self.k_proj = Linear(config.input_size, config.hidden_size, bias=False)
        self.v_proj = Linear(config.input_size, config.hidden_size, bias=False)
        self.o_proj = BranchOutput(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, state: State | None, mask: Tensor | None, carry: bool = False) -> tuple[Tensor, State | None]:
        """Mix (B, T, D) along the time axis.

        Args:
            state: what an earlier call returned, or None at the start.
            mask: (B, T), true at real tokens, which stand before all padding.
            carry: return the keys and values so far, else None.
        """
        query, key, value = (self._heads(project(x)) for project in (self.q_proj, self.k_proj, self.v_proj))
        if self.config.rope_theta is not None:
            angles = self._angles(x, state)
            query, key = rotate(query, angles), rotate(key, angles)
        if state is None and not carry:
            return self._join(self._attend(query, key, value, mask)), None
        state = self._extend(state or self.initial_state(x), key, value, mask)
        keys, values, valid, _ = state
        y = scaled_dot_product_attention(query, keys, values, attn_mask=self._visible(valid, x.shape[1]))
        return self._join(y), state if carry else None

    def initial_state(self, x: Tensor) -> State:
        batch = x.shape[0]
        nothing = x.new_zeros(batch, self.config.heads, 0, self.config.head_size)
        valid = torch.zeros(batch, 0, dtype=torch.bool, device=x.device)
        return nothing, nothing, valid, torch.zeros(batch, dtype=torch.long, device=x.device)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.config.heads, self.config.head_size)).transpose(1, 2)

    def _join(self, y: Tensor) -> Tensor:
        return self.o_proj(y.transpose(1, 2).flatten(2))

    def _angles(self, x: Tensor, state: State | None) -> Tensor:
        positions = torch.arange(x.shape[1], device=x.device).unsqueeze(0)
        if state is not None:
            positions = positions + state[3].unsqueeze(1)
        return rotary_angles(positions, self.config.head_size, self.config.rope_theta).unsqueeze(1)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Without a past. Padding stands last, so a causal token never sees it."""
        if self.config.causal or mask is None:
            return scaled_dot_product_attention(query, key, value, is_causal=self.config.causal)
        return scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])

    def _extend(self, state: State, key: Tensor, value: Tensor, mask: Tensor | None) -> State:
        keys, values, valid, count = state
        new = torch.ones_like(key[:, 0, :, 0], dtype=torch.bool) if mask is None else mask
        extended = torch.cat((keys, key), dim=2), torch.cat((values, value), dim=2), torch.cat((valid, new), dim=1)
        return *extended, count + new.sum(1)

    def _visible(self, valid: Tensor, length: int) -> Tensor:
        """(B, 1, T, S): which of S keys each of the last T tokens sees. Padding sees itself, so that it is finite."""
        offset = valid.shape[1] - length
        query = torch.arange(length, device=valid.device).unsqueeze(1) + offset
        key = torch.arange(valid.shape[1], device=valid.device).unsqueeze(0)
        visible = valid.unsqueeze(1) & (key <= query) if self.config.causal else valid.unsqueeze(1)
        return (visible | (key == query)).unsqueeze(1)

    @classmethod
    def configure(cls, config: SeqwiseConfig, layer: int) -> AttentionConfig:
        return AttentionConfig(
            input_size=config.input_size(layer),
            hidden_size=config.hidden_size,
            heads=config.num_attention_heads,
            causal=not config.bidirectional,
            rope_theta=config.rope_theta if config.position_embedding == "rotary" else None,
        )

    @classmethod
    def parameter_count(cls, config: AttentionConfig) -> int:
        return (3 * config.input_size + config.hidden_size) * config.hidden_size

    @classmethod
    def flops(cls, config: AttentionConfig, length: int) -> int:
        """Floating-point operations of the matrix products, forwards, of one sequence; all T x T scores are counted."""
        return length * 2 * cls.parameter_count(config) + 2 * 2 * length * length * config.hidden_size

    @classmethod
    def state_bytes(cls, config: AttentionConfig, length: int) -> int:
        """Bytes of float32 keys and values after ``length`` tokens."""
        return 4 * 2 * length * config.hidden_size
