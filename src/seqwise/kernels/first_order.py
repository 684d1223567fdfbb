"""Backward passes that torch does not differentiate again: they say so, where a gradient of a gradient would be wrong without a word."""

import functools
from collections.abc import Callable
from typing import Any

import torch


def first_order_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A ``backward`` that raises ``RuntimeError`` under ``create_graph=True``.

    :func:`torch.autograd.function.once_differentiable` does so only where the incoming gradient has a history of its own.
    """

    @functools.wraps(backward)
    def checked(ctx: Any, *gradients: Any) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError("this kernel has no gradients of gradients: compute its outputs under seqwise.kernels.backend('reference')")
        return backward(ctx, *gradients)

    return checked
