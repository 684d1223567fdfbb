"""Where times are taken, and where two curves of time cross."""

import numpy as np
import pytest
import torch

from seqwise.core.environment import core_count
from seqwise.textbook.inference_speed import crossover, crossover_of_medians
from seqwise.textbook.timing import ALL, ONE, placed


@pytest.mark.parametrize(("place", "expected"), [(ALL, core_count()), (ONE, 1)])
def test_a_place_has_its_threads_and_gives_them_back(place, expected):
    before = torch.get_num_threads()
    with placed(place) as device:
        assert (torch.get_num_threads(), device.type) == (expected, "cpu")
    assert torch.get_num_threads() == before


def test_curves_cross_between_contexts_or_outside_of_them():
    flat = {16: 2.0, 64: 2.0, 256: 2.0}
    assert crossover({16: 1.0, 64: 1.0, 256: 3.0}, flat) == pytest.approx(128)
    assert crossover({16: 3.0, 64: 3.0, 256: 3.0}, flat) == "below 16"
    assert crossover({16: 1.0, 64: 3.0, 256: 1.0}, flat) == "above 256"


def rounds(medians: dict[int, float], spread: float = 0.02) -> dict[int, list[float]]:
    rng = np.random.default_rng(len(medians))
    return {context: (median * rng.lognormal(0, spread, 15)).tolist() for context, median in medians.items()}


def test_a_crossover_that_was_planted_is_within_its_interval():
    growing, flat = rounds({16: 1.0, 64: 1.5, 256: 3.5}), rounds({16: 2.0, 64: 2.0, 256: 2.0, 1024: 2.0})
    found = crossover_of_medians(growing, flat, rng=np.random.default_rng(0))
    assert found.low < 64 * 4**0.25 < found.high
    assert found.samples == 15


def test_a_crossover_outside_of_the_contexts_has_no_value_and_one_at_their_edge_no_interval():
    flat = rounds({16: 2.0, 64: 2.0})
    outside = crossover_of_medians(rounds({16: 3.0, 64: 4.0}), flat, rng=np.random.default_rng(0))
    assert (outside.value, outside.ci95, outside.why) == (None, None, "below 16")
    edge = crossover_of_medians(rounds({16: 1.98, 64: 4.0}, 0.3), flat, rng=np.random.default_rng(0))
    assert edge.ci95 is None
    assert edge.why
