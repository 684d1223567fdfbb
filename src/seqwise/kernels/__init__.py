"""Recurrences: one folder each, its reference first, then faster implementations of the same signature.

A kernel is ``kernel(x, state, weight_ih, weight_hh, bias_ih, bias_hh) -> (y, state)``: ``x`` is (B, T, D), ``y`` is (B, T, H)
and ``state`` a tuple of (B, H), ``(h, c)`` for the LSTM and ``(h,)`` otherwise. Gate order and formulas are ``torch.nn``'s.
The minimal ones have no ``weight_hh`` and ``bias_hh``. What they stand on, ``linear_scan``, is no kernel of a layer.
Those called ``c`` take float32 on a CPU alone, and ``lengths`` and ``backwards`` as :func:`recur` does.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

from seqwise.core.errors import UserError
from seqwise.core.registry import Registry
from seqwise.kernels.c.library import available

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
            "c": "seqwise.kernels.c.scan:minlstm",
        },
    ),
    "mingru": Registry(
        "mingru kernel",
        {
            "reference": "seqwise.kernels.mingru.reference:mingru",
            "scan": "seqwise.kernels.mingru.scan:mingru",
            "c": "seqwise.kernels.c.scan:mingru",
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


def named() -> str:
    """What :func:`backend` was given, or ``"auto"``."""
    return _backend.get()


def fastest(recurrence: str, x: Tensor) -> str:
    """The implementation that is used unless one is named."""
    if in_c(x):
        return "c"
    if "scan" in KERNELS[recurrence]:
        return "scan"
    batched = "batched" in KERNELS[recurrence] and x.device.type == "cpu" and torch.is_grad_enabled()
    return "batched" if batched else "native"


def in_c(x: Tensor) -> bool:
    """Whether the loops in C are there, and may run on ``x`` as things stand."""
    return available() and is_plain(x)


def is_plain(x: Tensor) -> bool:
    """Whether ``x`` is float32 on a CPU, and nothing but numbers is wanted of what is done with it."""
    usual = type(x) in (Tensor, torch.nn.Parameter) and x.is_cpu and x.dtype is torch.float32
    dense = usual and x.layout is torch.strided and not x.is_nested
    return dense and not (torch.is_autocast_enabled("cpu") or _recorded())


def _recorded() -> bool:
    """Whether torch takes operations down, or transforms them: it does not see what C does."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._len_torch_dispatch_stack():
        return True
    return torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0


def chosen(recurrence: str, x: Tensor) -> str:
    """The name of the implementation for an input like ``x``. Raises :class:`UserError` where the loops in C are named and torch would not
    see what they do."""
    name = _backend.get()
    if name == "c" and _recorded():
        raise UserError(
            "torch records or transforms what is done, and would not see the loops in C", fix="backend 'auto', or one of torch's"
        )
    return fastest(recurrence, x) if name == AUTOMATIC else name


def kernel(recurrence: str, x: Tensor) -> Kernel:
    """The kernel of a recurrence for an input like ``x``. Raises :class:`UserError` when the named one does not exist."""
    return KERNELS[recurrence][chosen(recurrence, x)]


def recur(
    recurrence: str,
    x: Tensor,
    state: State,
    weights: tuple[Tensor, ...],
    lengths: Tensor | None = None,
    *,
    final: bool = True,
    backwards: bool = False,
) -> tuple[Tensor, State]:
    """Run the kernel of a recurrence over rows of different lengths.

    Args:
        lengths: (B,), the real steps of each row, from 0 to T, which come first; None where all are. What ``y`` is beyond them is
            undefined.
        final: whether the state after each row's last real step is wanted; else it may be any.
        backwards: read each row from its last real step to its first.
    """
    name = chosen(recurrence, x)
    run = KERNELS[recurrence][name]
    if name == "c":
        return run(x, state, *weights, lengths=lengths, backwards=backwards)
    lengths = None if lengths is None else lengths.clamp(0, x.shape[1])
    x = reverse(x, lengths) if backwards else x
    if lengths is None or not final:
        y, state = run(x, state, *weights)
    else:
        y, state = until_each_length(run, x, state, weights, lengths)
    return reverse(y, lengths) if backwards else y, state


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse (B, T, D) along time, each row within its real length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    time, last = torch.arange(x.shape[1], device=x.device), lengths.unsqueeze(1) - 1
    index = torch.where(time <= last, last - time, time)
    return x.gather(1, index.unsqueeze(-1).expand_as(x))


def until_each_length(run: Kernel, x: Tensor, state: State, weights: tuple[Tensor, ...], lengths: Tensor) -> tuple[Tensor, State]:
    """Stop at every length that occurs, so that each row's state is taken after its last real step."""
    outputs, final, start = [], state, 0
    for stop in [*torch.unique(lengths[lengths > 0]).tolist(), x.shape[1]]:
        if stop > start:
            y, state = run(x[:, start:stop], state, *weights)
            outputs.append(y)
        reached = (lengths >= stop).unsqueeze(-1)
        final = tuple(torch.where(reached, new, old) for new, old in zip(state, final, strict=True))
        start = stop
    return torch.cat(outputs, dim=1), final
