"""The scan in blocks against the recurrence step by step."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.kernels.linear_scan import blocked, reference


def inputs(batch, length, units, seed=0, dtype=torch.float64, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(batch, length, units, dtype=dtype, generator=generator) for _ in range(2))
    return a.mul_(spread).requires_grad_(), b.requires_grad_(), torch.randn(batch, units, dtype=dtype, generator=generator).requires_grad_()


def values_and_gradients(run, arguments, seed=7):
    outputs = run(*arguments)
    generator = torch.Generator().manual_seed(seed)
    loss = sum((x * torch.randn(x.shape, dtype=x.dtype, generator=generator)).sum() for x in outputs)
    return [x.detach() for x in outputs], torch.autograd.grad(loss, arguments)


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.tuples(st.integers(0, 3), st.integers(1, 70), st.integers(0, 4)), wide=st.booleans(), seed=st.integers(0, 999),
    spread=st.sampled_from([0.0, 0.5, 1.0]),
)  # fmt: skip
def test_values_and_gradients_equal_the_reference(sizes, wide, seed, spread):
    arguments = inputs(*sizes, seed=seed, spread=spread)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocked, "WIDE", 0 if wide else blocked.WIDE)
        found = values_and_gradients(blocked.linear_scan, arguments)
    torch.testing.assert_close(found, values_and_gradients(reference.linear_scan, arguments), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("length", [1, 2, 5, 11])
def test_gradcheck(length):
    assert torch.autograd.gradcheck(blocked.linear_scan, inputs(2, length, 3))


def test_inputs_with_any_strides():
    a, b, h = inputs(3, 17, 4)
    turned = [x.detach().transpose(0, 2).contiguous().transpose(0, 2).requires_grad_() for x in (a, b)]
    expanded = h.detach()[:1].expand(3, 4).requires_grad_()
    expected = values_and_gradients(reference.linear_scan, (a, b, expanded))
    torch.testing.assert_close(values_and_gradients(blocked.linear_scan, (*turned, expanded)), expected)


def test_only_the_final_state_is_used():
    arguments = inputs(2, 13, 3)
    found, expected = (torch.autograd.grad(run(*arguments)[1].sum(), arguments) for run in (blocked.linear_scan, reference.linear_scan))
    torch.testing.assert_close(found, expected)


@settings(max_examples=30, deadline=None)
@given(length=st.integers(2, 60), data=st.data())
def test_in_two_pieces_with_the_state_carried_it_is_the_same(length, data):
    a, b, h = inputs(2, length, 3, seed=length)
    cut = data.draw(st.integers(1, length - 1))
    first, state = blocked.linear_scan(a[:, :cut], b[:, :cut], h)
    second, final = blocked.linear_scan(a[:, cut:], b[:, cut:], state)
    whole, expected = blocked.linear_scan(a, b, h)
    torch.testing.assert_close((torch.cat((first, second), dim=1), final), (whole, expected))


def test_thousands_of_vanishing_gates_stay_exact():
    """Cumulative products of these underflow after some hundred steps; nothing is divided by them."""
    a = torch.full((1, 4000, 2), 1e-3).requires_grad_()
    b, h = torch.ones(1, 4000, 2).requires_grad_(), torch.zeros(1, 2)
    y, final = blocked.linear_scan(a, b, h)
    torch.testing.assert_close(final, torch.full((1, 2), 1 / (1 - 1e-3)))
    assert all(torch.isfinite(gradient).all() for gradient in torch.autograd.grad(y.sum(), (a, b)))


@pytest.mark.parametrize("gate", [0.5, 0.9, 0.999])
def test_the_gradient_through_time_is_the_product_of_the_gates(gate):
    length = 50
    a, b, h = torch.full((1, length, 1), gate, dtype=torch.float64), *inputs(1, length, 1)[1:]
    _, final = blocked.linear_scan(a, b, h)
    gradient = torch.autograd.grad(final.sum(), b)[0].flatten()
    slopes = gradient.log().diff()
    torch.testing.assert_close(slopes, torch.full_like(slopes, -math.log(gate)))
