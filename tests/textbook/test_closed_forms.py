"""The exact quantities that claims rest on."""

import math

import numpy as np
import pytest
import torch

from seqwise.models.accounting import mixers, state_bytes
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks.probes import PROBES
from seqwise.tasks.probes.probe import UNASKED
from seqwise.textbook.gradients import cell_path_slope, linear_path_slope, log_norms, recurrent, slope
from seqwise.textbook.position import BLIND, DEEP, MODELS, RECURRENT, SHALLOW, order_dependence, prefix_dependence
from seqwise.textbook.training_speed import chain_of_scan, chain_per_token


@pytest.mark.parametrize(("bias", "half_life"), [(0.0, 1.0), (1.0, 2.2), (2.0, 5.5), (5.0, 103.0)])
def test_the_forget_gate_alone(bias, half_life):
    slope = cell_path_slope(bias)
    assert slope == pytest.approx(-math.log1p(math.exp(-bias)), rel=1e-6)
    assert math.log(2) / -slope == pytest.approx(half_life, rel=0.01)


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.0, 1.2])
def test_a_linear_rnn(rho):
    assert linear_path_slope(rho, seed=1) == pytest.approx(math.log(rho), abs=1e-9)


@pytest.mark.parametrize(("rho", "expected"), [(1.0, -0.308), (1.2, -0.167)])
def test_tanh_only_lowers_what_a_linear_rnn_has(rho, expected):
    """Expected as the reference measured it, on inputs from N(0, 1)."""
    torch.manual_seed(0)
    found = [slope(log_norms(recurrent("rnn", 64, rho=rho), torch.randn(8, 80, 64), torch.randn(64)), 5, 60) for _ in range(5)]
    assert max(found) < math.log(rho)
    assert np.mean(found) == pytest.approx(expected, abs=0.05)


def test_who_always_says_1_adds_with_an_error_of_a_sixth():
    _, targets = PROBES["adding"]().generate(np.random.default_rng(0), 200_000, 10)
    assert ((targets - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.01)


def memoryless_cross_entropy(blanks: int) -> float:
    """In nats per step of copying, of who knows the step alone: at each it says how often each answer is the right one there."""
    _, targets = PROBES["copying"]().generate(np.random.default_rng(0), 20_000, blanks)
    total = 0.0
    for answers in targets.T:
        counts = np.bincount(np.where(answers == UNASKED, 8, answers))
        shares = counts[counts > 0] / len(answers)
        total -= float((shares * np.log(shares)).sum())
    return total / targets.shape[1]


@pytest.mark.parametrize(("blanks", "expected"), [(100, 0.1733), (200, 0.0945), (500, 0.0400), (1000, 0.02039), (2000, 0.0103)])
def test_copying_without_memory(blanks, expected):
    """Cross entropy per step of ten symbols of eight, over blanks, which are foreseen, and twenty more."""
    assert 10 * math.log(8) / (blanks + 20) == pytest.approx(expected, abs=5e-5)
    if blanks <= 200:
        assert memoryless_cross_entropy(blanks) == pytest.approx(10 * math.log(8) / (blanks + 20), rel=1e-3)
    assert PROBES["copying"]().chance(blanks) == 1 / 8


def test_bytes_that_are_kept():
    config = {"hidden_size": 32, "embedding_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    lstm, attention = (SeqwiseConfig(layer_types=[kind] * 2, **config) for kind in ("lstm", "attention"))
    assert state_bytes(lstm, 10) == state_bytes(lstm, 10_000) == 2 * 2 * 32 * 4
    assert state_bytes(attention, 1000) == 2 * 2 * 1000 * 32 * 4


@pytest.mark.parametrize(("length", "sign"), [(32, -1), (64, 0), (128, 1)])
def test_attention_costs_less_than_recurrence_while_the_text_is_shorter_than_the_layer_is_wide(length, sign):
    """n^2 d against n d^2 (Vaswani et al. 2017, table 1): the scores and sums of attention, without its projections, and an RNN."""
    size = {"hidden_size": 64, "projection_size": 64, "embedding_size": 64, "num_hidden_layers": 1}
    (attention, settings), (rnn, own) = (next(mixers(SeqwiseConfig(layer_types=[kind], **size))) for kind in ("attention", "rnn"))
    mixing = attention.flops(settings, length) - 2 * length * attention.parameter_count(settings)
    assert np.sign(mixing - rnn.flops(own, length)) == sign


def test_attention_of_both_sides_takes_its_input_for_a_set_and_a_causal_mask_or_a_recurrence_breaks_that():
    assert order_dependence(MODELS[BLIND], 0) < 1e-12
    assert all(order_dependence(MODELS[name], 0) > 0.1 for name in (SHALLOW, DEEP, *RECURRENT))


def test_one_causal_layer_takes_what_came_before_for_a_set_and_two_do_not():
    assert prefix_dependence(MODELS[SHALLOW], 0) < 1e-12
    assert prefix_dependence(MODELS[DEEP], 0) > 1e-3
    assert all(prefix_dependence(MODELS[name], 0) > 1e-3 for name in RECURRENT)


def test_the_longest_chain():
    assert chain_per_token("lstm") > 1
    assert chain_per_token("transformer") == 0


@pytest.mark.parametrize("length", [16, 64, 256, 1024, 4096])
def test_the_chain_of_a_scan_grows_with_the_root_of_the_length(length):
    """The last steps of the blocks, their starts, and the blocks themselves, each of sqrt(length)."""
    assert chain_of_scan(length) == 3 * length**0.5 - 2
