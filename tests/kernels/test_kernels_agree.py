"""Every kernel against its reference, and every reference against torch.nn."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recurrences import TORCH, inputs, values_and_gradients

from seqwise.core.errors import UserError
from seqwise.kernels import KERNELS, backend, fastest, kernel

ALL = [(recurrence, name) for recurrence, table in KERNELS.items() for name in table if name != "c"]
"""The loops in C know float32 alone; theirs is test_c_loops.py."""
FAST = [(recurrence, name) for recurrence, name in ALL if name != "reference"]


def assert_agree(recurrence, name, arguments, **tolerance):
    expected = values_and_gradients(KERNELS[recurrence]["reference"], *arguments)
    got = values_and_gradients(KERNELS[recurrence][name], *arguments)
    for reference, fast in zip(expected, got, strict=True):
        torch.testing.assert_close(list(fast), list(reference), **tolerance)


@pytest.mark.parametrize(("recurrence", "name"), FAST)
@settings(max_examples=15, deadline=None)
@given(sizes=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)), seed=st.integers(0, 99))
def test_values_and_all_gradients_equal_the_reference(recurrence, name, sizes, seed):
    assert_agree(recurrence, name, inputs(recurrence, *sizes, seed=seed), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("recurrence", "name"), FAST)
def test_float32_stays_close_to_float64(recurrence, name):
    exact = inputs(recurrence, 8, 20, 16, 24)
    scaled = [exact[0], exact[1], *(weight * 0.2 for weight in exact[2:])]
    single = [scaled[0].float(), tuple(s.float() for s in scaled[1]), *(weight.float() for weight in scaled[2:])]
    expected, _ = KERNELS[recurrence]["reference"](*scaled)
    got, _ = KERNELS[recurrence][name](*single)
    torch.testing.assert_close(got, expected.float(), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("recurrence", "name"), ALL)
def test_gradcheck(recurrence, name):
    x, state, *weights = inputs(recurrence, 2, 3, 2, 3)

    def flat(x, *rest):
        y, final = KERNELS[recurrence][name](x, rest[: len(state)], *rest[len(state) :])
        return y, *final

    assert torch.autograd.gradcheck(flat, (x, *state, *weights))


@pytest.mark.parametrize(("recurrence", "name"), ALL)
def test_non_contiguous_inputs(recurrence, name):
    x, state, *weights = inputs(recurrence, 3, 4, 5, 2)
    strided = x.detach().transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()
    turned = [torch.stack((w.detach(), w.detach()), dim=-1)[..., 0].requires_grad_() for w in weights]
    expected = values_and_gradients(KERNELS[recurrence]["reference"], x, state, *weights)
    got = values_and_gradients(KERNELS[recurrence][name], strided, state, *turned)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("recurrence", "name"), ALL)
def test_only_the_final_state_is_used(recurrence, name):
    x, state, *weights = inputs(recurrence, 2, 4, 3, 3)
    gradients = []
    for run in (KERNELS[recurrence]["reference"], KERNELS[recurrence][name]):
        _, final = run(x, state, *weights)
        gradients.append(torch.autograd.grad(final[-1].sum(), [x, *weights]))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("recurrence", "name"), ALL)
def test_a_frozen_input_needs_no_gradient(recurrence, name):
    x, state, *weights = inputs(recurrence, 2, 4, 3, 3)
    y, _ = KERNELS[recurrence][name](x.detach(), tuple(s.detach() for s in state), *weights)
    expected, _ = KERNELS[recurrence]["reference"](x.detach(), state, *weights)
    torch.testing.assert_close(torch.autograd.grad(y.sum(), weights), torch.autograd.grad(expected.sum(), weights))


@pytest.mark.parametrize(("recurrence", "name"), ALL)
def test_writing_into_the_output_spoils_no_gradient_silently(recurrence, name):
    x, state, *weights = inputs(recurrence, 2, 4, 3, 3)
    y, _ = KERNELS[recurrence][name](x, state, *weights)
    if name in ("batched", "scan"):
        with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
            y.mul_(2).sum().backward()
        return
    expected, _ = KERNELS[recurrence]["reference"](x, state, *weights)
    got = torch.autograd.grad(y.mul_(2).sum(), weights)
    torch.testing.assert_close(got, torch.autograd.grad((expected * 2).sum(), weights))


@pytest.mark.parametrize("recurrence", list(TORCH))
def test_reference_equals_torch(recurrence):
    layer = TORCH[recurrence](3, 5, batch_first=True).double()
    x, state, *_ = inputs(recurrence, 2, 6, 3, 5)
    hidden = tuple(s.unsqueeze(0) for s in state)
    expected, final = layer(x, hidden if recurrence == "lstm" else hidden[0])
    y, got = KERNELS[recurrence]["reference"](x, state, *layer.parameters())
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(torch.stack(got), torch.cat(tuple(final)) if recurrence == "lstm" else final)


def test_a_named_backend_is_obeyed():
    x = torch.zeros(1, 1, 1)
    with backend("reference"):
        assert kernel("gru", x) is KERNELS["gru"]["reference"]
    assert kernel("gru", x) is KERNELS["gru"][fastest("gru", x)]


def test_an_unknown_backend_is_an_error():
    with backend("triton"), pytest.raises(UserError, match="unknown gru kernel 'triton'"):
        kernel("gru", torch.zeros(1, 1, 1))


def test_prediction_in_float64_uses_the_native_kernel():
    with torch.no_grad():
        assert fastest("gru", torch.zeros(1, 1, 1).double()) == "native"


@pytest.mark.parametrize("recurrence", ["minlstm", "mingru"])
def test_the_minimal_ones_are_scanned_also_without_gradients(recurrence):
    with torch.no_grad():
        assert fastest(recurrence, torch.zeros(1, 1, 1)) == "scan"


def test_a_gate_that_keeps_nothing_and_one_that_keeps_all():
    """Gates of minGRU saturated by their bias: h is n, or stays what it was."""
    x, h = torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    weight = torch.cat((torch.zeros(4, 3), torch.randn(4, 3))).double()
    for bias, expected in ((800.0, x @ weight[4:].T), (-800.0, h.unsqueeze(1).expand(2, 5, 4))):
        y, (final,) = KERNELS["mingru"]["scan"](x, (h,), weight, torch.tensor([bias] * 4 + [0.0] * 4).double())
        torch.testing.assert_close(y, expected)
        assert torch.equal(final, y[:, -1])


def test_gates_of_minlstm_that_both_vanish_share_what_there_is():
    """exp(-200) is zero in float32; the shares of two such gates are not 0 / 0."""
    x, h, weight = torch.zeros(1, 3, 1), torch.ones(1, 2), torch.zeros(6, 1)
    bias = torch.tensor([-200.0, -200.0, -200.0, -203.0, 0.0, 0.0])
    y, _ = KERNELS["minlstm"]["scan"](x, (h,), weight, bias)
    kept = torch.tensor([1 / 2, 1 / (1 + torch.e**3)])
    torch.testing.assert_close(y[0], torch.stack([kept, kept**2, kept**3]))
