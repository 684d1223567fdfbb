"""Rows of any lengths without their padding, in the order in which the loops take them, and back."""

import functools

import torch
from torch import Tensor

from seqwise.kernels.c.loops import Steps


class Rows:
    """Rows (B, T), of which the first ``lengths`` (B,) steps are real. Packed, (N, D), steps stand one after the other, and in each the
    longest row first.

    Args:
        backwards: each row is packed from its last real step to its first.
    """

    def __init__(self, lengths: Tensor, length: int, *, backwards: bool = False):
        self.batch, self.length = len(lengths), length
        ordered, order = lengths.sort(descending=True, stable=True)
        real = torch.arange(length, device="cpu").unsqueeze(1) < ordered
        self.steps = Steps(real.sum(1)[: int(ordered[0])])
        self._order = self._back = self._places = self._ranks = self._padding = None
        if int(ordered[0]) > int(ordered[-1]):
            self._order, self._back = order, order.argsort()
        if self.steps.count == self.batch * length and not backwards:
            return
        time, row = real.nonzero(as_tuple=True)
        time = ordered[row] - 1 - time if backwards else time
        self._places = order[row] * length + time  # of packed steps, in (B T)
        self._ranks = self._places.new_zeros(self.batch * length)  # of places in (B T), among packed steps
        self._ranks[self._places] = torch.arange(len(row), device="cpu")
        if len(row) < len(self._ranks):
            self._padding = (torch.arange(length, device="cpu") >= lengths.unsqueeze(1)).view(-1, 1)

    def flat(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B T, D); to (T B, D), which is packed already, where all steps are real and read forwards."""
        x = x.transpose(0, 1) if self._places is None else x
        return x.reshape(self.batch * self.length, x.shape[2])

    def shaped(self, y: Tensor) -> Tensor:
        """And back."""
        if self._places is None:
            return y.view(self.length, self.batch, -1).transpose(0, 1)
        return y.view(self.batch, self.length, -1)

    def pack(self, x: Tensor) -> Tensor:
        """What is flat to (N, D)."""
        return x if self._places is None else x.index_select(0, self._places)

    def unpack(self, y: Tensor) -> Tensor:
        """And back, zero at padding."""
        if self._places is None:
            return y
        y = y.index_select(0, self._ranks)
        return y if self._padding is None else y.masked_fill_(self._padding, 0)

    def sort(self, state: Tensor) -> Tensor:
        return state.contiguous() if self._order is None else state.index_select(0, self._order)

    def unsort(self, state: Tensor) -> Tensor:
        return state if self._back is None else state.index_select(0, self._back)


@functools.lru_cache(maxsize=4)
def rows_of(lengths: tuple[int, ...], length: int, backwards: bool) -> Rows:
    """Kept: the layers and directions of a model read the same rows, one after the other."""
    return Rows(torch.tensor(lengths, device="cpu"), length, backwards=backwards)


class Packed:
    """Rows that are packed already, (N, D)."""

    def __init__(self, steps: Steps, *, backwards: bool = False):
        self.steps, self._backwards = steps, backwards

    def pack(self, x: Tensor) -> Tensor:
        return self.steps.reverse(x) if self._backwards else x

    unpack = pack

    def sort(self, state: Tensor) -> Tensor:
        return state.contiguous()

    def unsort(self, state: Tensor) -> Tensor:
        return state


@functools.lru_cache(maxsize=64)
def equal_steps(batch: int, length: int) -> Steps:
    """Those of rows that are equally long, (T B, D)."""
    return Steps(torch.full((length,), batch, device="cpu"))
