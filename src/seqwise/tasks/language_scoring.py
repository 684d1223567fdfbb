"""What a language model or a baseline makes of a text, in bits: in half-overlapping windows, and with the state carried through."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from seqwise.data.streams import TokenStream, Window, bits_to_units, position_edges, position_ranges, scoring_windows

LOGITS_PER_BATCH = 4_000_000
SEGMENTS = 16
"""Parts of the text that are read side by side where the state is carried through; each begins without one."""


@torch.inference_mode()
def scored_bits(model: nn.Module, stream: TokenStream, *, overlap: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Bits (T,) of each token in windows, as :func:`scoring_windows` draws them, and bits (U, P) of all predictions by range of positions.

    The first token, which nothing stands before, costs log2 of the vocabulary.
    """
    bits = np.zeros(len(stream))
    bits[0] = math.log2(model.config.vocab_size)
    positions = np.zeros((stream.units, len(position_edges(stream.context)) - 1))
    ranges = position_ranges(stream.context)
    for window, row in _window_bits(model, stream, overlap):
        bits[window.targets[-window.scored :]] = row[-window.scored :]
        np.add.at(positions, (stream.unit_of[window.targets], ranges[: len(row)]), row)
    return bits, positions


def _window_bits(model: nn.Module, stream: TokenStream, overlap: bool) -> Iterator[tuple[Window, np.ndarray]]:
    windows = list(scoring_windows(len(stream), stream.context, overlap=overlap))
    together = max(1, LOGITS_PER_BATCH // (stream.context * model.config.vocab_size))
    for first in range(0, len(windows), together):
        group = windows[first : first + together]
        inputs, targets = (np.zeros((len(group), stream.context), dtype=np.int64) for _ in range(2))
        for row, window in enumerate(group):
            width = window.stop - window.start
            inputs[row, :width] = stream.ids[window.start : window.stop]
            targets[row, :width] = stream.ids[window.start + 1 : window.stop + 1]
        losses = _bits(model(input_ids=_on(model, inputs), use_cache=False).logits, _on(model, targets))
        yield from ((window, losses[row, : window.stop - window.start]) for row, window in enumerate(group))


@torch.inference_mode()
def carried_bits(model: nn.Module, stream: TokenStream) -> np.ndarray:
    """Bits (T,) of each token with the state carried through the text, which is read in 16 parts side by side."""
    count = len(stream) - 1
    length = -(-count // min(SEGMENTS, count))
    places = np.arange(-(-count // length))[:, None] * length + np.arange(length + 1)
    ids, bits, cache = stream.ids[np.minimum(places, count)].astype(np.int64), np.zeros(len(stream)), None
    for start in range(0, length, stream.context):
        stop = min(start + stream.context, length)
        output = model(input_ids=_on(model, ids[:, start:stop]), past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        losses, into = _bits(output.logits, _on(model, ids[:, start + 1 : stop + 1])), places[:, start + 1 : stop + 1]
        bits[into[into <= count]] = losses[into <= count]
    bits[0] = math.log2(model.config.vocab_size)
    return bits


def _bits(logits: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
    """-log2 p of targets (B, T) under logits (B, T, V)."""
    nats = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return (nats / math.log(2)).view(targets.shape).cpu().double().numpy()


def _on(model: nn.Module, values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(next(model.parameters()).device)


def baseline_outputs(model: Any, stream: TokenStream, text: Path) -> np.ndarray:
    """(U, 2 + P) like a trained model's; a baseline carries no state and knows no windows."""
    ranges = len(position_edges(stream.context)) - 1
    if hasattr(model, "probabilities"):
        bits = bits_to_units(stream, model.bits(stream.ids))
    else:
        whole, edges = text.read_bytes(), np.linspace(0, stream.bytes, stream.units + 1).astype(int)
        bits = model.bits([whole[low:high] for low, high in itertools.pairwise(edges)])
    return np.column_stack([bits, np.full((stream.units, 1 + ranges), np.nan)])
