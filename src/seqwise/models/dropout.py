"""Dropout for a processor: torch's draws one Bernoulli number per element, which was 7 % of a training step at a million parameters.

Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
"""

import torch
from torch import Tensor, nn

LEVELS = 256


class Dropout(nn.Module):
    """``torch.nn.Dropout`` with one random byte per element on a CPU: ``p`` in steps of 1/256, kept elements scaled by what was kept.

    On other devices it is ``torch.nn.functional.dropout``.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.p)
        dropped = min(round(self.p * LEVELS), LEVELS - 1)
        kept = (random_bytes(x.numel()).view(x.shape) >= dropped).to(x.dtype)
        return x * kept.mul_(LEVELS / (LEVELS - dropped))

    def extra_repr(self) -> str:
        return f"p={self.p}"


class TokenDropout(Dropout):
    """In training, zero whole tokens with probability ``p`` and leave the others as they are.

    Word dropout (Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text Classification").
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * torch.empty(x.shape[0], x.shape[1], 1, device=x.device, dtype=x.dtype).bernoulli_(1 - self.p)


def random_bytes(count: int) -> Tensor:
    """Uniform bytes (count,) from torch's CPU generator, eight from each draw."""
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.uint8)[:count]
