"""A few steps of a whole stack of recurrent layers in one call, where no gradients are asked for: what generation and streams are made of.

A small layer takes microseconds, and so does every operator of torch around it. Weights are read where they lie: a change of them shows
in the next call.
"""

import ctypes
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Self
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from seqwise.kernels import AUTOMATIC, in_c, named
from seqwise.kernels.c import loops
from seqwise.kernels.c.library import library

MOST_ROWS = 16
"""Rows times steps up to which a call was faster than torch's operators for 64 to 2,048 units, on one thread and on two."""
CELLS = loops.CELLS | {"relu": 3}
GATES = loops.GATES | {"relu": 1}
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
FEED_FORWARD = ("mixer_norm", "feed_forward_norm", "gate", "up", "down")


class _Block(ctypes.Structure):
    """``Block`` of ``stack.h``."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("cell", "width", "inner")),
        *((name, ctypes.c_void_p) for name in (*WEIGHTS, *FEED_FORWARD)),
    )


class _Stack(ctypes.Structure):
    """``Stack`` of ``stack.h``."""

    _fields_ = (
        ("blocks", ctypes.c_long),
        ("units", ctypes.c_long),
        ("block", ctypes.POINTER(_Block)),
        ("norm", ctypes.c_void_p),
        ("epsilon", ctypes.c_float),
    )


@dataclasses.dataclass(frozen=True)
class Layer:
    """A cell, and weights by the names of ``stack.h``: no biases or both, and the parts of a feed-forward block all or none."""

    cell: str
    weights: Mapping[str, Tensor]

    @property
    def units(self) -> int:
        return self.weights["weight_hh"].shape[1]

    @property
    def width(self) -> int:
        return self.weights["weight_ih"].shape[1]

    @property
    def inner(self) -> int:
        return len(self.weights["gate"]) if "gate" in self.weights else 0

    def fits(self) -> bool:
        """Whether all weights are of the shapes that the loop takes them to be."""
        rows, units, inner = GATES[self.cell] * self.units, self.units, self.inner
        shapes = {
            "weight_ih": (rows, self.width), "weight_hh": (rows, units), "bias_ih": (rows,), "bias_hh": (rows,),
            "mixer_norm": (units,), "feed_forward_norm": (units,), "gate": (inner, units), "up": (inner, units), "down": (units, inner),
        }  # fmt: skip
        squared = self.width == units or not inner
        return squared and all(weight.shape == shapes[name] and readable(weight) for name, weight in self.weights.items())

    def described(self) -> _Block:
        pointers = {name: weight.data_ptr() for name, weight in self.weights.items()}
        return _Block(cell=CELLS[self.cell], width=self.width, inner=self.inner, **pointers)


class Stack:
    """Where the weights of some layers lie, the last of which may be followed by a norm; it holds them, whatever becomes of the module."""

    @classmethod
    def of(cls, layers: Sequence[Layer], norm: Tensor | None = None, epsilon: float = 0.0) -> Self | None:
        """The stack, where the loop can run it: float32 on a CPU, layers of equal units."""
        units = layers[0].units
        fit = all(layer.fits() and layer.units == units for layer in layers) and all(layer.width == units for layer in layers[1:])
        return cls(layers, norm, epsilon) if fit and (norm is None or (readable(norm) and norm.shape == (units,))) else None

    def __init__(self, layers: Sequence[Layer], norm: Tensor | None = None, epsilon: float = 0.0):
        self.layers, self.units, self.width = len(layers), layers[0].units, layers[0].width
        self._held = [weight.detach() for layer in layers for weight in layer.weights.values()] + ([] if norm is None else [norm.detach()])
        self.counts = [2 if layer.cell == "lstm" else 1 for layer in layers]
        self.states = max(self.counts)
        self._blocks = (_Block * len(layers))(*(layer.described() for layer in layers))
        self._stack = _Stack(len(layers), self.units, self._blocks, None if norm is None else norm.data_ptr(), epsilon)
        self._address = ctypes.addressof(self._stack)

    def run(self, x: Tensor, steps: int, rows: int, before: Sequence[int], y: Tensor, apart: int, final: Sequence[Tensor]) -> None:
        """Fill ``y`` and ``final``; all tensors are contiguous.

        Args:
            x: (steps, rows, width).
            before: addresses of h and, where there is one, c (layers, rows, units); none at the start of a sequence.
            y: every layer's output (steps, rows, units), ``apart`` numbers from the one before it; 0 keeps the last one alone.
            final: of the steps, h and, where there is one, c.

        Raises ``MemoryError`` where there is none to work in.
        """
        found, place = library()
        h0, c0 = (before[0], before[-1]) if before else (None, None)
        hn, cn = final[0].data_ptr(), final[-1].data_ptr()
        if found.seqwise_decode(self._address, place, steps, rows, x.data_ptr(), h0, c0, y.data_ptr(), apart, hn, cn):
            raise MemoryError(f"no memory for {steps} steps of {rows} rows")


def readable(weight: Tensor) -> bool:
    return type(weight) in (Tensor, nn.Parameter) and weight.is_cpu and weight.dtype is torch.float32 and weight.is_contiguous()


_stacks: WeakKeyDictionary[nn.Module, tuple[list[int], list[Tensor], Stack | None]] = WeakKeyDictionary()
"""Of each module where its weights lie, and the weights: as long as they are kept, an address stands for one of them."""


def possible(module: nn.Module, x: Tensor) -> bool:
    """Whether nothing but numbers is wanted for an input: no gradient, no record of operations, no other kernel or precision.

    Where it is not, what was known of the module is forgotten: it may be on its way to another device, and its weights are to go.
    """
    if torch.compiler.is_compiling():
        return False
    asked = torch.is_grad_enabled() or named() not in (AUTOMATIC, "c")
    if asked or not in_c(x):
        _stacks.pop(module, None)
        return False
    return True


def stack_of(module: nn.Module, weights: Sequence[Tensor], describe: Callable[[], Stack | None]) -> Stack | None:
    """The stack of a module, described again when one of its weights lies elsewhere; None where it has none."""
    try:
        where = [weight.data_ptr() if weight.is_contiguous() else 0 for weight in weights]
    except (AttributeError, RuntimeError):  # a weight that is not there, or has no memory of its own
        return None
    found = _stacks.get(module)
    if found is None or found[0] != where:
        found = _stacks[module] = where, [weight.detach() for weight in weights], describe()
    return found[2]
