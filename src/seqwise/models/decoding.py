"""A few steps of a recurrent backbone in one call: of what a generated token costs, most is torch's operators around the layers."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from seqwise.kernels import State
from seqwise.kernels.c.decoding import CELLS, MOST_ROWS, Layer, Stack, possible, readable, stack_of
from seqwise.models.block import ClassicBlock, GatedFeedForward, ModernBlock
from seqwise.models.dropout import Dropout
from seqwise.models.mixers import MIXERS
from seqwise.models.mixers.recurrent import PARAMETERS, Recurrent, parameter_names
from seqwise.models.projection import BranchOutput

LINEAR = (nn.Linear.__module__, BranchOutput.__module__)
"""Where linear layers are defined that do nothing else."""


def decode(model: nn.Module, x: Tensor, states: Sequence[State | None]) -> tuple[list[Tensor], list[State]] | None:
    """Of (B, T, D) every layer's output, the last one normalised, and every layer's state; None where the layers are to say it.

    That is with gradients or dropout, with other layers than recurrent ones of one direction, with hooks, for many steps, for other
    numbers than float32 on a CPU, and where the loops are not there or another kernel is named.
    """
    rows, steps, _ = x.shape
    if not possible(model, x) or model.training or not 0 < rows * steps <= MOST_ROWS:
        return None
    stack = _stack(model)
    if stack is None or x.shape[2] != stack.width or not _fit(states, stack.counts, (rows, stack.units)):
        return None
    turned = steps > 1 and rows > 1
    x = (x.transpose(0, 1) if turned else x).contiguous()
    y = x.new_empty(stack.layers, *x.shape[:2], stack.units)
    before, final = _blocks(states), [x.new_empty(stack.layers, rows, stack.units) for _ in range(stack.states)]
    stack.run(x, steps, rows, [where for where, _ in before], y, rows * steps * stack.units, final)
    parts = zip(*(state.unbind() for state in final), strict=True)
    return list((y.transpose(1, 2) if turned else y).unbind()), [part[:count] for part, count in zip(parts, stack.counts, strict=True)]


def _fit(states: Sequence[State | None], counts: Sequence[int], shape: tuple[int, int]) -> bool:
    if all(state is None for state in states):
        return True
    sized = all(state is not None and len(state) == count for state, count in zip(states, counts, strict=True))
    return sized and all(part.shape == shape and readable(part) for state in states for part in state)


def _blocks(states: Sequence[State | None]) -> list[tuple[int, Any]]:
    """Where all layers' h stand one after the other, and all layers' c, with what keeps them there. A step leaves them so."""
    if states[0] is None:
        return []
    count = max(map(len, states))
    return [_block([state[min(place, len(state) - 1)] for state in states]) for place in range(count)]


def _block(parts: Sequence[Tensor]) -> tuple[int, Any]:
    where, size = [part.data_ptr() for part in parts], parts[0].numel() * parts[0].element_size()
    if where == list(range(where[0], where[0] + len(where) * size, size)):
        return where[0], parts
    together = torch.stack(list(parts))
    return together.data_ptr(), together


class _Parts:
    """The modules of a backbone's layers, found once; what may change about them is read from their own tables."""

    def __init__(self, model: nn.Module):
        modules = [*model.layers.modules(), model.norm]
        self.children = [(table, tuple(table.values())) for table in (model._modules, *(m._modules for m in modules)) if table]
        self.parameters = [module._parameters for module in modules]
        self.hooks = [table for module in modules for table in (module._forward_hooks, module._forward_pre_hooks)]
        self.hooks += [torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks]
        self.own = [vars(module) for module in modules]
        self.norms = [module for module in modules if isinstance(module, nn.LayerNorm)]
        self.dropouts = [module for module in modules if isinstance(module, Dropout)]
        self.known = all(type(layer) in (ClassicBlock, ModernBlock) and _is_known(layer.mixer) for layer in model.layers)

    def unchanged(self) -> bool:
        return all(tuple(table.values()) == before for table, before in self.children)

    def plain(self, epsilon: float) -> bool:
        """Whether they are recurrent, and calling them does nothing beside their arithmetic."""
        replaced = any("forward" in own for own in self.own) or any(norm.eps != epsilon for norm in self.norms)
        dropping = any(dropout.training and dropout.p for dropout in self.dropouts)
        return self.known and not (replaced or dropping or any(self.hooks))

    def weights(self) -> list[Tensor]:
        return [weight for table in self.parameters for weight in table.values() if weight is not None]


_parts: WeakKeyDictionary[nn.Module, _Parts] = WeakKeyDictionary()


def _stack(model: nn.Module) -> Stack | None:
    parts = _parts.get(model)
    if parts is None or not parts.unchanged():
        parts = _parts[model] = _Parts(model)
    return stack_of(model, parts.weights(), lambda: _described(model)) if parts.plain(model.config.norm_eps) else None


def _described(model: nn.Module) -> Stack | None:
    layers = [_layer(block, model.config.norm_eps) for block in model.layers]
    last = type(model.norm) is not nn.Identity
    if None in layers:
        return None
    if last and not _is_norm(model.norm, model.config.norm_eps):
        return None
    return Stack.of(layers, model.norm.weight if last else None, model.config.norm_eps)


def _layer(block: ModernBlock | ClassicBlock, epsilon: float) -> Layer | None:
    mixer = block.mixer
    around = {} if type(block) is ClassicBlock else _around_mixer(block, epsilon)
    if not _is_known(mixer) or around is None:
        return None
    weights = {name: mixer._parameters[full] for name, full in zip(PARAMETERS, parameter_names(0), strict=True)}
    return Layer(mixer.cell.name, weights | around)


def _around_mixer(block: ModernBlock, epsilon: float) -> dict[str, Tensor] | None:
    if type(block.feed_forward) is not GatedFeedForward:
        return None
    norms = {"mixer_norm": block.mixer_norm, "feed_forward_norm": block.feed_forward_norm}
    linear = {name: getattr(block.feed_forward, f"{name}_proj") for name in ("gate", "up", "down")}
    plain = all(isinstance(part, nn.Linear) and type(part).__module__ in LINEAR and part.bias is None for part in linear.values())
    known = plain and all(_is_norm(norm, epsilon) for norm in norms.values())
    return {name: part.weight for name, part in (norms | linear).items()} if known else None


def _is_known(mixer: nn.Module) -> bool:
    recurrent = isinstance(mixer, Recurrent) and mixer.cell.name in CELLS and mixer.config.directions == 1
    return recurrent and type(mixer) is MIXERS[mixer.cell.name]


def _is_norm(module: nn.Module, epsilon: float) -> bool:
    return type(module) is nn.LayerNorm and module.eps == epsilon and module.bias is None and module.weight is not None
