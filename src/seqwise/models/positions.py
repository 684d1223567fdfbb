"""Where a token stands: rotary (inside attention), learned or sinusoidal (added to the embedding), or nothing."""

import math

import torch
from torch import Tensor, nn

from seqwise.core.errors import UserError
from seqwise.models.config import SeqwiseConfig


def rotary_angles(positions: Tensor, size: int, theta: float) -> Tensor:
    """Angles (..., size // 2) of whole-number positions (...); RoFormer (Su et al. 2021, arXiv:2104.09864)."""
    exponents = torch.arange(0, size, 2, device=positions.device, dtype=torch.float32) / size
    return positions.unsqueeze(-1).float() * theta**-exponents


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the pairs (k, k + K/2) of (B, N, T, K) by angles (B or 1, 1, T, K/2)."""
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def sinusoids(positions: Tensor, size: int) -> Tensor:
    """Vaswani et al. 2017, arXiv:1706.03762, sines first; scaled to a root mean square of 1."""
    angles = rotary_angles(positions, size + size % 2, theta=10000.0)
    return math.sqrt(2) * torch.cat((angles.sin(), angles.cos()), dim=-1)[..., :size]


class LearnedPositions(nn.Module):
    """A table of vectors, one per position."""

    def __init__(self, config: SeqwiseConfig):
        super().__init__()
        self.table = nn.Embedding(config.max_position_embeddings, config.projection_size)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Add to (B, T, D) the vectors of positions (B or 1, T). Raises :class:`UserError` beyond the table."""
        if x.shape[1] > self.table.num_embeddings or int(positions.max()) >= self.table.num_embeddings:
            raise UserError(
                f"position {int(positions.max())} is beyond the {self.table.num_embeddings} learned positions",
                fix="cut the sequences, or use rotary positions",
            )
        return x + self.table(positions)


class SinusoidalPositions(nn.Module):
    """Fixed sines and cosines, scaled by a tenth so that they do not drown the embedding."""

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        return x + 0.1 * sinusoids(positions, x.shape[-1]).to(x.dtype)


class NoPositions(nn.Module):
    """Nothing added: order is the mixer's affair."""

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        return x


def input_positions(config: SeqwiseConfig) -> nn.Module:
    """The part that adds positions to the embedding."""
    if config.position_embedding == "learned":
        return LearnedPositions(config)
    return SinusoidalPositions() if config.position_embedding == "sinusoidal" else NoPositions()
