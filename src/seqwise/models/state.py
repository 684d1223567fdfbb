"""What a causal model carries from call to call, in the shape that ``generate`` expects of ``past_key_values``."""

from collections.abc import Callable

from torch import Tensor
from transformers.cache_utils import Cache


class LayerState:
    """One mixer's state: a tuple of tensors with the batch first, or None before the first token."""

    is_compileable = False
    is_croppable = False
    is_sliding = False
    supports_early_init = False

    def __init__(self):
        self.state: tuple[Tensor, ...] | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> None:
        if self.state is not None:
            self.state = tuple(change(tensor) for tensor in self.state)

    def reset(self) -> None:
        self.state = None

    def reorder_cache(self, index: Tensor) -> None:
        self.map(lambda tensor: tensor.index_select(0, index.to(tensor.device)))

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.map(lambda tensor: tensor.repeat_interleave(repeats, 0))

    def batch_select_indices(self, index: Tensor) -> None:
        self.map(lambda tensor: tensor[index])

    def get_max_length(self) -> int:
        return -1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return query_length, 0

    def offload(self) -> None:
        self.map(lambda tensor: tensor.to("cpu", non_blocking=True))

    def prefetch(self) -> None:
        """Nothing to do: states are small."""

    def crop(self, max_length: int) -> None:
        raise RuntimeError("a recurrent state cannot go back to an earlier token")


class SeqwiseCache(Cache):
    """The states of all blocks, the number of columns read, and the real tokens that each row has read (B,)."""

    def __init__(self, num_layers: int):
        super().__init__(layers=[LayerState() for _ in range(num_layers)])
        self.columns = 0
        self.tokens = LayerState()

    @property
    def states(self) -> list[tuple[Tensor, ...] | None]:
        return [layer.state for layer in self.layers]

    @property
    def rows(self) -> int | None:
        """The batch that the states belong to; None before the first token."""
        return None if self.tokens.state is None else self.tokens.state[0].shape[0]

    def advance(self, states: list[tuple[Tensor, ...]], tokens: Tensor, columns: int) -> None:
        """Take over the states after ``columns`` more columns, of which ``tokens`` (B,) were real in each row."""
        for layer, state in zip(self.layers, states, strict=True):
            layer.state = state
        self.tokens.state = (tokens if self.tokens.state is None else self.tokens.state[0] + tokens,)
        self.columns += columns

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.columns

    def reset(self) -> None:
        super().reset()
        self.tokens.reset()
        self.columns = 0

    def reorder_cache(self, beam_idx: Tensor) -> None:
        super().reorder_cache(beam_idx)
        self.tokens.reorder_cache(beam_idx)

    def batch_repeat_interleave(self, repeats: int) -> None:
        super().batch_repeat_interleave(repeats)
        self.tokens.batch_repeat_interleave(repeats)

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self.tokens.batch_select_indices(indices)
