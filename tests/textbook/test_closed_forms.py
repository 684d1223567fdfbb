"""The exact quantities that claims rest on."""

import math

import numpy as np
import pytest

from seqwise.models.accounting import state_bytes
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks.probes import PROBES
from seqwise.textbook.gradients import cell_path_slope, linear_path_slope
from seqwise.textbook.position import MODELS, order_dependence
from seqwise.textbook.training_speed import chain_per_token


@pytest.mark.parametrize(("bias", "half_life"), [(0.0, 1.0), (1.0, 2.2), (2.0, 5.5), (5.0, 103.0)])
def test_the_forget_gate_alone(bias, half_life):
    slope = cell_path_slope(bias)
    assert slope == pytest.approx(-math.log1p(math.exp(-bias)), rel=1e-6)
    assert math.log(2) / -slope == pytest.approx(half_life, rel=0.01)


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.0, 1.2])
def test_a_linear_rnn(rho):
    assert linear_path_slope(rho, seed=1) == pytest.approx(math.log(rho), abs=1e-9)


def test_who_always_says_1_adds_with_an_error_of_a_sixth():
    _, targets = PROBES["adding"]().generate(np.random.default_rng(0), 200_000, 10)
    assert ((targets - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.01)


@pytest.mark.parametrize(("blanks", "expected"), [(100, 0.1733), (200, 0.0945), (500, 0.0400), (1000, 0.02039), (2000, 0.0103)])
def test_copying_without_memory(blanks, expected):
    """Cross entropy per step of ten symbols of eight, over blanks and twenty more."""
    assert 10 * math.log(8) / (blanks + 20) == pytest.approx(expected, abs=5e-5)
    assert PROBES["copying"]().chance(blanks) == 1 / 8


def test_bytes_that_are_kept():
    config = {"hidden_size": 32, "embedding_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    lstm, attention = (SeqwiseConfig(layer_types=[kind] * 2, **config) for kind in ("lstm", "attention"))
    assert state_bytes(lstm, 10) == state_bytes(lstm, 10_000) == 2 * 2 * 32 * 4
    assert state_bytes(attention, 1000) == 2 * 2 * 1000 * 32 * 4


def test_attention_without_positions_takes_its_input_for_a_set_unless_it_is_causal():
    assert order_dependence(MODELS["transformer without positions"], 0) < 1e-12
    assert order_dependence(MODELS["causal transformer without positions"], 0) > 0.1


def test_the_longest_chain():
    assert chain_per_token("lstm") > 1
    assert chain_per_token("transformer") == 0
