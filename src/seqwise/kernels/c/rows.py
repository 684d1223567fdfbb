"""Rows of different lengths without their padding, in the order in which the loops take them."""

import dataclasses

import torch
from torch import Tensor

from seqwise.kernels.c.loops import Steps


@dataclasses.dataclass(frozen=True)
class Dense:
    """All rows (B, T) are equally long."""

    batch: int
    length: int

    @property
    def steps(self) -> Steps:
        return Steps(torch.full((self.length,), self.batch, device="cpu"))

    def pack(self, x: Tensor) -> Tensor:
        """(B, T, D) to (T B, D)."""
        return x.transpose(0, 1).reshape(self.length * self.batch, x.shape[2])

    def unpack(self, y: Tensor) -> Tensor:
        """(T B, H) to (B, T, H)."""
        return y.view(self.length, self.batch, -1).transpose(0, 1)

    def sort(self, state: Tensor) -> Tensor:
        return state.contiguous()

    def unsort(self, state: Tensor) -> Tensor:
        return state


class Ragged:
    """The first ``lengths`` (B,) steps of each row are real; the longest row comes first."""

    def __init__(self, lengths: Tensor, length: int):
        self.batch, self.length = len(lengths), length
        lengths, self.order = lengths.sort(descending=True, stable=True)
        real = torch.arange(length, device="cpu").unsqueeze(1) < lengths
        self.steps = Steps(real.sum(1)[: int(lengths[0])])
        time, row = real.nonzero(as_tuple=True)
        self.places = self.order[row] * length + time

    def pack(self, x: Tensor) -> Tensor:
        """(B, T, D) to (N, D)."""
        return x.reshape(self.batch * self.length, x.shape[2]).index_select(0, self.places)

    def unpack(self, y: Tensor) -> Tensor:
        """(N, H) to (B, T, H), zero at padding."""
        return y.new_zeros(self.batch * self.length, y.shape[1]).index_copy(0, self.places, y).view(self.batch, self.length, -1)

    def sort(self, state: Tensor) -> Tensor:
        return state.index_select(0, self.order)

    def unsort(self, state: Tensor) -> Tensor:
        return state.index_select(0, self.order.argsort())
