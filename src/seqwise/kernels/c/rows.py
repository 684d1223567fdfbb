"""Rows of any lengths without their padding, in the order in which the loops take them."""

import functools

import torch
from torch import Tensor

from seqwise.kernels.c.loops import Steps


class Rows:
    """Of rows (B, T) the first ``lengths`` steps are real: those of a step stand together, the longest row first; N in all.

    Args:
        reverse: every row is read from its last real step to its first.
    """

    def __init__(self, lengths: Tensor, length: int, *, reverse: bool = False):
        self.batch, self.length = len(lengths), length
        ordered, order = lengths.sort(descending=True, stable=True)
        real = torch.arange(length, device="cpu").unsqueeze(1) < ordered
        self.steps = Steps(real.sum(1)[: int(ordered[0])])
        alike = self.steps.dense and self.steps.batch == self.batch
        self._order, self._first = (None, None) if alike else (order, order.argsort())
        self._taken: Tensor | None = None
        if self.steps.count == self.batch * length and not reverse:
            return
        time, row = real.nonzero(as_tuple=True)
        time = ordered[row] - 1 - time if reverse else time
        self._taken = order[row] * length + time
        self._put = self._taken.new_zeros(self.batch * length)
        self._put[self._taken] = torch.arange(len(row), device="cpu")
        self._padding = None
        if len(row) < len(self._put):
            self._padding = (torch.arange(length, device="cpu") >= lengths.unsqueeze(1)).view(-1, 1)

    def pack(self, x: Tensor) -> Tensor:
        """(B, T, D) to (N, D)."""
        if self._taken is None:
            return x.transpose(0, 1).reshape(self.length * self.batch, x.shape[2])
        return x.reshape(self.batch * self.length, x.shape[2]).index_select(0, self._taken)

    def unpack(self, y: Tensor) -> Tensor:
        """(N, H) to (B, T, H), zero at padding."""
        if self._taken is None:
            return y.view(self.length, self.batch, -1).transpose(0, 1)
        y = y.index_select(0, self._put)
        if self._padding is not None:
            y.masked_fill_(self._padding, 0)
        return y.view(self.batch, self.length, -1)

    def sort(self, state: Tensor) -> Tensor:
        return state.contiguous() if self._order is None else state.index_select(0, self._order)

    def unsort(self, state: Tensor) -> Tensor:
        return state if self._first is None else state.index_select(0, self._first)


@functools.lru_cache(maxsize=4)
def rows_of(lengths: tuple[int, ...], length: int, reverse: bool) -> Rows:
    """The layers and directions of a model read the same rows, one after the other."""
    return Rows(torch.tensor(lengths, device="cpu"), length, reverse=reverse)


class Packed:
    """Rows that are (N, D) already."""

    def __init__(self, steps: Steps):
        self.steps = steps

    def pack(self, x: Tensor) -> Tensor:
        return x

    def unpack(self, y: Tensor) -> Tensor:
        return y

    def sort(self, state: Tensor) -> Tensor:
        return state.contiguous()

    def unsort(self, state: Tensor) -> Tensor:
        return state


@functools.lru_cache(maxsize=64)
def equally_long(batch: int, length: int) -> Packed:
    """Rows (T B, D)."""
    return Packed(Steps(torch.full((length,), batch, device="cpu")))
