"""Masking: what is asked for, how it is shown, and that it follows from the generator alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqwise.data.masking import SHARE, masked
from seqwise.models.masked_lm import UNLABELLED

MASK, FIRST, SIZE = 3, 4, 500
ORDINARY = np.arange(SIZE) >= FIRST


def drawn(rows, columns, seed=0, special=0.1):
    rng = np.random.default_rng(seed)
    ids = rng.integers(FIRST, SIZE, (rows, columns))
    return np.where(rng.random(ids.shape) < special, 2, ids)


@given(st.integers(1, 6), st.integers(1, 60), st.integers(0, 99))
def test_labels_are_the_truth_and_what_is_not_asked_for_stays(rows, columns, seed):
    ids = drawn(rows, columns, seed)
    inputs, labels = masked(ids, np.random.default_rng(seed), mask=MASK, ordinary=ORDINARY)
    asked = labels != UNLABELLED
    np.testing.assert_array_equal(labels[asked], ids[asked])
    np.testing.assert_array_equal(inputs[~asked], ids[~asked])
    assert (ids[asked] >= FIRST).all()
    ordinary = (ids >= FIRST).sum(1)
    np.testing.assert_array_equal(asked.sum(1), np.minimum(ordinary, max(1, round(SHARE * columns))))
    again = masked(ids, np.random.default_rng(seed), mask=MASK, ordinary=ORDINARY)
    np.testing.assert_array_equal(again[0], inputs)


def test_the_shares_are_those_of_the_paper():
    ids = drawn(400, 200, special=0)
    inputs, labels = masked(ids, np.random.default_rng(1), mask=MASK, ordinary=ORDINARY)
    asked = labels != UNLABELLED
    assert asked.mean() == SHARE
    hidden, same = (inputs[asked] == MASK).mean(), (inputs[asked] == ids[asked]).mean()
    assert abs(hidden - 0.8) < 0.02
    assert abs(same - 0.1) < 0.02
    assert abs((1 - hidden - same) - 0.1) < 0.02
    # every place is as likely as any other
    assert np.abs(asked.mean(0) - SHARE).max() < 0.1
