"""The linear recurrence in blocks of time that are walked through side by side. See README.md for the derivation."""

import math

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from seqwise.kernels.first_order import first_order_only

WIDE = 4096
"""Units of a batch, B H, from which on a single step keeps the processor busy: blocks would only read everything twice."""


def linear_scan(a: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """As :func:`seqwise.kernels.linear_scan.reference.linear_scan`; gradients of first order only."""
    return BlockedScan.apply(a, b, h)


class BlockedScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.empty(b.shape, dtype=b.dtype, device=b.device)
        scan(a, b, h, y)
        ctx.save_for_backward(a, h, y)
        return y, y[:, -1].clone()

    @staticmethod
    @first_order_only
    def backward(ctx: FunctionCtx, grad_y: Tensor, grad_h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h, y = ctx.saved_tensors
        db = torch.empty_like(y)
        torch.add(grad_y[:, -1], grad_h, out=db[:, -1])
        scan(a[:, 1:], grad_y[:, :-1], db[:, -1], db[:, :-1], backwards=True)
        da = torch.empty_like(y)
        torch.mul(db[:, 0], h, out=da[:, 0])
        torch.mul(db[:, 1:], y[:, :-1], out=da[:, 1:])
        return da, db, a[:, 0] * db[:, 0]


def scan(a: Tensor, b: Tensor, h: Tensor, out: Tensor, *, backwards: bool = False) -> None:
    """Write the states (B, T, H) to ``out``, which overlaps neither ``a`` nor ``b``; ``backwards`` starts at the last step."""
    batch, length, units = b.shape
    blocks = max(1, math.isqrt(length)) if batch * units < WIDE else 1
    rest = length % blocks
    first, others = (slice(length - rest, length), slice(length - rest)) if backwards else (slice(rest), slice(rest, length))
    turn = -1 if backwards else 1
    h = walk(a[:, first].unbind(1)[::turn], b[:, first].unbind(1)[::turn], h, out[:, first].unbind(1)[::turn])
    a, b, out = (x[:, others].unflatten(1, (blocks, length // blocks)).unbind(2)[::turn] for x in (a, b, out))
    if a:
        walk(a, b, starts(a, b, h, turn), out)


def walk(a: tuple[Tensor, ...], b: tuple[Tensor, ...], h: Tensor, out: tuple[Tensor, ...]) -> Tensor:
    """Step by step; the steps of all blocks at a time where there is an axis of blocks. Returns the last state."""
    for a_t, b_t, y_t in zip(a, b, out, strict=True):
        h = torch.addcmul(b_t, a_t, h, out=y_t)
    return h


def starts(a: tuple[Tensor, ...], b: tuple[Tensor, ...], h: Tensor, turn: int) -> Tensor:
    """The state before each block, (B, blocks, H): a block turns the state before it, h, into product * h + last."""
    found = torch.empty_like(b[0], memory_format=torch.contiguous_format)
    before = found.unbind(1)[::turn]
    before[0].copy_(h)
    if len(before) > 1:
        product, last = a[0].clone(), b[0].clone()
        for a_t, b_t in zip(a[1:], b[1:], strict=True):
            torch.addcmul(b_t, a_t, last, out=last)
            product.mul_(a_t)
        walk(product.unbind(1)[::turn][:-1], last.unbind(1)[::turn][:-1], h, before[1:])
    return found
