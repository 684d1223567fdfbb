"""What the recurrent mixers share: parameters named as in torch.nn, directions, padding and accounting."""

import abc
import dataclasses
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqwise.core.config import Config
from seqwise.kernels import State, recur
from seqwise.models.config import SeqwiseConfig

PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecurrentConfig(Config):
    input_size: int
    """Width of the input."""
    units: int
    """Hidden units of one direction."""
    directions: int
    """1: causal. 2: forwards and backwards, outputs side by side."""

    @property
    def output_size(self) -> int:
        return self.units * self.directions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """What is to be known about a recurrence apart from its kernel."""

    name: str
    gates: int
    states: int
    """Tensors of (B, H) that are carried from step to step."""
    forget_gate: int | None = None
    """Which block of H rows is the forget gate."""
    feedback: bool = True
    """Whether gates see the state before, and so have weights for it."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """What torch.nn calls them, but for layer and direction."""
        return PARAMETERS if self.feedback else ("weight_ih", "bias_ih")


class Recurrent(nn.Module, abc.ABC):
    """A layer of one recurrence. A subclass says which ``cell`` and nothing else."""

    cell: ClassVar[Cell]

    def __init__(self, config: RecurrentConfig):
        super().__init__()
        self.config = config
        rows = self.cell.gates * config.units
        shapes = {"weight_ih": (rows, config.input_size), "weight_hh": (rows, config.units), "bias_ih": (rows,), "bias_hh": (rows,)}
        for direction in range(config.directions):
            for full, name in zip(parameter_names(direction, self.cell.parameters), self.cell.parameters, strict=True):
                self.register_parameter(full, nn.Parameter(torch.empty(shapes[name])))

    def forward(self, x: Tensor, state: State | None, mask: Tensor | None, carry: bool = False) -> tuple[Tensor, State | None]:
        """Mix (B, T, D) along the time axis.

        Args:
            state: what an earlier call returned, or None at the start. Not for two directions.
            mask: (B, T), true at real tokens, which stand before all padding.
            carry: return the state after the last real token of each row, else None.
        """
        if self.config.directions == 2:
            return self._both_directions(x, mask), None
        state = self.initial_state(x) if state is None else state
        y, state = recur(self.cell.name, x, state, self.weights(0), lengths(mask), final=carry)
        return y, state if carry else None

    def initial_state(self, x: Tensor) -> State:
        return (x.new_zeros(x.shape[0], self.config.units),) * self.cell.states

    def weights(self, direction: int) -> tuple[Tensor, ...]:
        return tuple(getattr(self, name) for name in parameter_names(direction, self.cell.parameters))

    def _both_directions(self, x: Tensor, mask: Tensor | None) -> Tensor:
        begin, real = self.initial_state(x), lengths(mask)
        outputs = [
            recur(self.cell.name, x, begin, self.weights(direction), real, final=False, backwards=direction == 1)[0] for direction in (0, 1)
        ]
        return torch.cat(outputs, dim=-1)

    @classmethod
    def configure(cls, config: SeqwiseConfig, layer: int) -> RecurrentConfig:
        directions = 2 if config.bidirectional else 1
        return RecurrentConfig(input_size=config.input_size(layer), units=config.hidden_size // directions, directions=directions)

    @classmethod
    def parameter_count(cls, config: RecurrentConfig) -> int:
        rows, columns = cls.cell.gates * config.units, config.input_size + 1
        if cls.cell.feedback:
            columns += config.units + 1
        return config.directions * rows * columns

    @classmethod
    def flops(cls, config: RecurrentConfig, length: int) -> int:
        """Floating-point operations of the matrix products, forwards, of one sequence."""
        rows, columns = cls.cell.gates * config.units, config.input_size + (config.units if cls.cell.feedback else 0)
        return config.directions * length * 2 * rows * columns

    @classmethod
    def state_bytes(cls, config: RecurrentConfig, length: int) -> int:
        """Bytes of float32 state; the same for every length."""
        return 4 * cls.cell.states * config.output_size


def parameter_names(direction: int, names: tuple[str, ...] = PARAMETERS) -> tuple[str, ...]:
    """The names torch.nn gives to a direction's parameters."""
    suffix = "_reverse" if direction else ""
    return tuple(f"{name}_l0{suffix}" for name in names)


def lengths(mask: Tensor | None) -> Tensor | None:
    """(B,), the real tokens of each row."""
    return None if mask is None else mask.sum(1)
