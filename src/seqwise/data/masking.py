"""Which tokens a masked language model has to find again (Devlin et al. 2019, arXiv:1810.04805)."""

import numpy as np

from seqwise.models.masked_lm import UNLABELLED

SHARE, HIDDEN, RANDOM = 0.15, 0.8, 0.1
"""Of the tokens that are asked for; of these, shown as [MASK], and as a random token; the rest is shown as it is."""


def masked(ids: np.ndarray, rng: np.random.Generator, *, mask: int, ordinary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels (B, C) of tokens (B, C); in every row the same number, at least one, is asked for.

    Args:
        mask: the token that hides another.
        ordinary: (V,), whether a token may be asked for and shown in place of another.
    """
    may = ordinary[ids]
    keys = np.where(may, rng.random(ids.shape), 2.0)
    count = max(1, round(SHARE * ids.shape[1]))
    chosen = np.zeros(ids.shape, bool)
    np.put_along_axis(chosen, np.argpartition(keys, count - 1, axis=1)[:, :count], True, axis=1)
    chosen &= may
    fate, random = rng.random(ids.shape), rng.choice(np.flatnonzero(ordinary), ids.shape)
    inputs = np.where(chosen & (fate < HIDDEN), mask, ids)
    inputs = np.where(chosen & (fate >= 1 - RANDOM), random, inputs)
    return inputs, np.where(chosen, ids, UNLABELLED)
