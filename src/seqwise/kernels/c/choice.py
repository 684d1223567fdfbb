"""When the loops in C may be chosen unasked."""

import torch
from torch import Tensor

from seqwise.kernels.c.library import available


def usable(x: Tensor) -> bool:
    """Whether an input like ``x`` is theirs: float32 on a CPU, and nobody watches what torch does with it.

    Tracers, compilers and function transforms see torch's own operations alone, and autocast asks for other numbers.
    """
    plain = type(x) in (Tensor, torch.nn.Parameter) and x.dtype is torch.float32 and x.device.type == "cpu"
    return plain and available() and not torch.is_autocast_enabled("cpu") and not watched()


def watched() -> bool:
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._functorch.maybe_current_level() is not None
