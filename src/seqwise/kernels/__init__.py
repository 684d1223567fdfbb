"""Recurrences: one folder each, its reference first, then faster implementations of the same signature.

A kernel is ``kernel(x, state, weight_ih, weight_hh, bias_ih, bias_hh) -> (y, state)``: ``x`` is (B, T, D), ``y`` is (B, T, H)
and ``state`` a tuple of (B, H), ``(h, c)`` for the LSTM and ``(h,)`` otherwise. Gate order and formulas are ``torch.nn``'s.
The minimal ones have no ``weight_hh`` and ``bias_hh``. What they stand on, ``linear_scan``, is no kernel of a layer.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

from seqwise.core.registry import Registry

State = tuple[Tensor, ...]
Kernel = Callable[..., tuple[Tensor, State]]

KERNELS = {
    "rnn": Registry(
        "rnn kernel",
        {
            "reference": "seqwise.kernels.rnn.reference:rnn",
            "native": "seqwise.kernels.rnn.torch_native:rnn",
            "c": "seqwise.kernels.c.kernels:rnn",
            "batched": "seqwise.kernels.rnn.batched:rnn",
        },
    ),
    "lstm": Registry(
        "lstm kernel",
        {
            "reference": "seqwise.kernels.lstm.reference:lstm",
            "native": "seqwise.kernels.lstm.torch_native:lstm",
            "c": "seqwise.kernels.c.kernels:lstm",
        },
    ),
    "gru": Registry(
        "gru kernel",
        {
            "reference": "seqwise.kernels.gru.reference:gru",
            "native": "seqwise.kernels.gru.torch_native:gru",
            "c": "seqwise.kernels.c.kernels:gru",
            "batched": "seqwise.kernels.gru.batched:gru",
        },
    ),
    "minlstm": Registry(
        "minlstm kernel",
        {
            "reference": "seqwise.kernels.minlstm.reference:minlstm",
            "scan": "seqwise.kernels.minlstm.scan:minlstm",
        },
    ),
    "mingru": Registry(
        "mingru kernel",
        {
            "reference": "seqwise.kernels.mingru.reference:mingru",
            "scan": "seqwise.kernels.mingru.scan:mingru",
        },
    ),
}

AUTOMATIC = "auto"
_backend: ContextVar[str] = ContextVar("seqwise_kernel_backend", default=AUTOMATIC)


@contextlib.contextmanager
def backend(name: str) -> Iterator[None]:
    """Use the implementation called ``name`` (``"auto"``, ``"reference"``, ``"native"``, ...) inside the block."""
    token = _backend.set(name)
    try:
        yield
    finally:
        _backend.reset(token)


def chosen() -> str:
    """The name that :func:`backend` was given, or ``"auto"``."""
    return _backend.get()


def fastest(recurrence: str, x: Tensor) -> str:
    """The implementation that is used unless one is named."""
    if "scan" in KERNELS[recurrence]:
        return "scan"
    batched = "batched" in KERNELS[recurrence] and x.device.type == "cpu" and torch.is_grad_enabled()
    return "batched" if batched else "native"


def kernel(recurrence: str, x: Tensor) -> Kernel:
    """The kernel of a recurrence for an input like ``x``. Raises :class:`UserError` when the named one does not exist."""
    name = _backend.get()
    return KERNELS[recurrence][fastest(recurrence, x) if name == AUTOMATIC else name]
