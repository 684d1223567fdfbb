"""State carried from batch to batch: truncated backpropagation through time (Williams & Peng 1990)."""

from collections.abc import Callable

import torch
from torch import Tensor

from seqwise.models.state import SeqwiseCache


class CarriedState:
    """The state after the last batch, cut off from its gradient, that a recurrent model begins the next one with.

    Args:
        begins_anew: whether a step's batch goes on from nothing.
    """

    def __init__(self, begins_anew: Callable[[int], bool]):
        self.begins_anew = begins_anew
        self.cache: SeqwiseCache | None = None

    def inputs(self, step: int) -> dict[str, object]:
        """What the model gets besides a batch."""
        if self.begins_anew(step):
            self.cache = None
        return {"past_key_values": self.cache, "use_cache": True}

    def keep(self, cache: SeqwiseCache) -> None:
        for layer in cache.layers:
            layer.map(Tensor.detach)
        self.cache = cache

    def tensors(self) -> dict[str, Tensor]:
        """For a checkpoint; empty before the first batch."""
        if self.cache is None:
            return {}
        found = {f"{layer}.{place}": value for layer, state in enumerate(self.cache.states) for place, value in enumerate(state)}
        return {name: value.contiguous() for name, value in found.items()} | {
            "tokens": self.cache.tokens.state[0],
            "columns": torch.tensor(self.cache.columns),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what :meth:`tensors` gave."""
        if not tensors:
            self.cache = None
            return
        states: dict[int, list[Tensor]] = {}
        for name in sorted(name for name in tensors if "." in name):
            states.setdefault(int(name.partition(".")[0]), []).append(tensors[name])
        self.cache = SeqwiseCache(len(states))
        layers = [tuple(states[layer]) for layer in sorted(states)]
        self.cache.advance(layers, tensors["tokens"], int(tensors["columns"]))
