"""Our dropout against torch's: the same law, the same gradient, from the same generator."""

import pytest
import torch

from seqwise.models.dropout import Dropout, random_bytes


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.999])
def test_share_and_mean(p):
    torch.manual_seed(0)
    x = torch.ones(400, 257)
    y = Dropout(p).train()(x)
    expected = min(round(p * 256), 255) / 256
    assert (y == 0).float().mean().item() == pytest.approx(expected, abs=4 * (p * (1 - p) / x.numel()) ** 0.5 + 1e-9)
    assert y[y != 0].unique().tolist() == pytest.approx([1 / (1 - expected)])


def test_gradient_is_the_mask():
    x = torch.randn(33, 7, dtype=torch.float64, requires_grad=True)
    y = Dropout(0.5).train()(x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.where(y == 0, 0.0, 2.0))


def test_nothing_happens_outside_training():
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_seed_decides():
    draws = []
    for _ in range(2):
        torch.manual_seed(7)
        draws.append(random_bytes(1001))
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], random_bytes(1001))


def test_bytes_are_uniform():
    torch.manual_seed(1)
    counts = random_bytes(256 * 4000).long().bincount(minlength=256)
    chi_square = ((counts - 4000) ** 2 / 4000).sum().item()
    assert 160 < chi_square < 370
