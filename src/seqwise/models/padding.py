"""Padding, dealt with once: mixers only ever see real tokens first and padding last, cut to the longest row."""

import dataclasses
from typing import Self

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Padding:
    """How a batch was packed.

    Attributes:
        columns: T as it came.
        mask: (B, S), true at real tokens after packing, where S is the longest real length; None where there is no padding.
        order: (B, S), the column that each packed token came from; None where real tokens stood first anyway.
    """

    columns: int
    mask: Tensor | None = None
    order: Tensor | None = None

    @classmethod
    def of(cls, attention_mask: Tensor | None, columns: int) -> Self:
        if attention_mask is None:
            return cls(columns)
        given = attention_mask[:, -columns:].bool()
        lengths = given.sum(1)
        if int(lengths.min()) == columns:
            return cls(columns)
        longest = max(int(lengths.max()), 1)
        mask = torch.arange(longest, device=given.device) < lengths.unsqueeze(1)
        if torch.equal(given[:, :longest], mask):  # then no real token is left beyond
            return cls(columns, mask)
        order = torch.argsort(given.logical_not().to(torch.int8), dim=1, stable=True)[:, :longest]
        return cls(columns, mask, order)

    @property
    def lengths(self) -> Tensor | None:
        return None if self.mask is None else self.mask.sum(1)

    def pack(self, x: Tensor) -> Tensor:
        """(B, T, ...) to (B, S, ...)."""
        if self.mask is None:
            return x
        if self.order is None:
            return x[:, : self.mask.shape[1]]
        return x.gather(1, self._index(x))

    def unpack(self, y: Tensor) -> Tensor:
        """(B, S, D) back to (B, T, D), zero at padding."""
        if self.mask is None:
            return y
        y = y.masked_fill(~self.mask.unsqueeze(-1), 0.0)
        if self.order is None:
            return torch.nn.functional.pad(y, (0, 0, 0, self.columns - y.shape[1]))
        return y.new_zeros(y.shape[0], self.columns, y.shape[2]).scatter(1, self._index(y), y)

    def mean(self, y: Tensor) -> Tensor:
        """The mean of (B, S, D) over each row's real tokens; zero where there are none."""
        if self.mask is None:
            return y.mean(1)
        total = y.masked_fill(~self.mask.unsqueeze(-1), 0.0).sum(1)
        return total / self.mask.sum(1, keepdim=True).clamp(min=1)

    def _index(self, x: Tensor) -> Tensor:
        order = self.order.reshape(self.order.shape + (1,) * (x.dim() - 2))
        return order.expand(*self.order.shape, *x.shape[2:])
