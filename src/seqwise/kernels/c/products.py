"""Matrix products over all steps at once, by the faster of torch's two libraries.

MKL, behind ``torch.mm``, keeps to AVX2 on processors that are not Intel's; oneDNN uses AVX-512 wherever it is. On a Zen 5 core that is 110
against 250 GFLOP/s (``python benchmarks/products.py``).
"""

import functools

import torch
from torch import Tensor

from seqwise.core.environment import cpu_name

LEAST = 1 << 21
"""Multiplications from which on oneDNN's preparations pay; they are kept for the sizes that were seen last."""


@functools.cache
def onednn_is_faster() -> bool:
    return torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512" and "Intel" not in cpu_name()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b; (N, D), (G, D), (G,) give (N, G). Not differentiated."""
    if onednn_is_faster() and x.numel() * len(weight) >= LEAST:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return x @ weight.T if bias is None else torch.addmm(bias, x, weight.T)


ROWS = 1024
"""Rows that :func:`sum_of_outer` takes at a time. oneDNN reads them turned: so many copies are still in the cache when they are read."""


def sum_of_outer(left: Tensor, right: Tensor) -> Tensor:
    """The sum over rows of left (N, G) times right (N, D): (G, D). Not differentiated."""
    if not onednn_is_faster():
        return left.T @ right
    total = linear(left[:ROWS].T, right[:ROWS].T)
    for start in range(ROWS, len(left), ROWS):
        total += linear(left[start : start + ROWS].T, right[start : start + ROWS].T)
    return total
