"""Linear layers on either of torch's libraries."""

import pytest
import torch
from torch import nn

from seqwise.kernels.c import products
from seqwise.models import projection
from seqwise.models.projection import Linear


@pytest.fixture(params=[False, True], ids=["torch", "onednn"])
def onednn(request, monkeypatch):
    if request.param and not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(products, "onednn_is_faster", lambda: request.param)
    monkeypatch.setattr(products, "LEAST", 1)
    return request.param


def pair(bias):
    theirs, ours = nn.Linear(17, 33, bias=bias), Linear(17, 33, bias=bias)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(17,), (5, 17), (2, 3, 17), (0, 17), (2300, 17)], ids=str)
def test_values_and_gradients(onednn, shape, bias):
    ours, theirs = pair(bias)
    found = []
    for layer in (ours, theirs):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        y = layer(x)
        found.append([y, *torch.autograd.grad(y.cos().sum(), [x, *layer.parameters()])])
    torch.testing.assert_close(*found, rtol=1e-4, atol=2e-4)


def test_the_faster_library_is_used(onednn, monkeypatch):
    asked = []
    monkeypatch.setattr(projection, "linear", lambda *given: (asked.append(given), products.linear(*given))[1])
    pair(True)[0](torch.randn(4, 17))
    assert bool(asked) == onednn


def test_gradients_of_gradients(onednn):
    ours, theirs = pair(True)
    x = torch.randn(4, 17, requires_grad=True)
    found = []
    for layer in (ours, theirs):
        (dx,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(dx.square().sum(), [x, layer.weight]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_what_needs_no_gradient_gets_none(onednn):
    ours, _ = pair(True)
    ours.weight.requires_grad_(False)
    ours(torch.randn(4, 17)).sum().backward()
    assert ours.weight.grad is None
    assert ours.bias.grad.tolist() == pytest.approx([4.0] * 33)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_numbers_are_torchs(onednn, dtype, monkeypatch):
    monkeypatch.setattr(projection, "linear", None)
    ours, theirs = pair(True)
    x = torch.randn(4, 17, dtype=dtype)
    assert torch.equal(ours.to(dtype)(x), theirs.to(dtype)(x))


def test_long_sums_of_outer_products_in_blocks(onednn, monkeypatch):
    monkeypatch.setattr(products, "ROWS", 64)
    left, right = torch.randn(300, 5), torch.randn(300, 7)
    torch.testing.assert_close(products.sum_of_outer(left, right), (left.double().T @ right.double()).float(), rtol=1e-4, atol=1e-4)
    long = products.sum_of_outer(left[:0], right[:0])
    assert long.shape == (5, 7)
    assert not long.any()


def test_a_wrong_width_is_torchs_error(onednn):
    for shape in ((34, 16), (17, 17, 1)):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            pair(True)[0](torch.randn(shape))


def test_the_faster_library_does_not_need_the_loops_in_c(monkeypatch):
    import seqwise.kernels

    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    asked = []
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    monkeypatch.setattr(products, "LEAST", 1)
    monkeypatch.setattr(seqwise.kernels, "available", lambda: False)
    monkeypatch.setattr(projection, "linear", lambda *given: (asked.append(given), products.linear(*given))[1])
    pair(True)[0](torch.randn(4, 17))
    assert asked
