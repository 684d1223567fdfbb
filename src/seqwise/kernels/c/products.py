"""Matrix products over all steps at once, by the faster of torch's two libraries.

MKL, behind ``torch.mm``, keeps to AVX2 on processors that are not Intel's; oneDNN uses AVX-512 wherever it is. What either reaches here
stands in the record of ``benchmarks/recurrent.py``.
"""

import functools

import torch
from torch import Tensor

from seqwise.core.environment import cpu_name

LEAST = 1 << 23
"""Multiplications from which on oneDNN pays even for a size that it has not prepared itself for, which takes it .2 ms."""

ROWS = 1024
"""Of a long product that are taken at once."""


@functools.cache
def onednn_is_faster() -> bool:
    return torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512" and "Intel" not in cpu_name()


def onednn_pays(multiplications: int) -> bool:
    return multiplications >= LEAST and onednn_is_faster()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b; (N, D), (G, D), (G,) give (N, G). Not differentiated."""
    if onednn_pays(x.numel() * len(weight)) and is_whole(x) and is_whole(weight):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return x @ weight.T if bias is None else torch.addmm(bias, x, weight.T)


def is_whole(x: Tensor) -> bool:
    """Whether a matrix or its transpose fills its memory: oneDNN takes others by its slowest way."""
    return x.is_contiguous() or x.T.is_contiguous()


def sum_of_outer(left: Tensor, right: Tensor) -> Tensor:
    """The sum over rows of left (N, G) times right (N, D): (G, D). Not differentiated.

    Of many rows the narrower factor stands first, which either library likes better; of few that would cost more, when a gradient is laid
    out as its weight, than it saves. For oneDNN the rows come in blocks: it copies what is not in its order.
    """
    if left.shape[1] > right.shape[1] and len(left) > ROWS:
        return sum_of_outer(right, left).T
    if not onednn_pays(left.numel() * right.shape[1]):
        return left.T @ right
    parts = zip(left.split(ROWS), right.split(ROWS), strict=True)
    return functools.reduce(Tensor.add_, (linear(a.T, b.T) for a, b in parts))
