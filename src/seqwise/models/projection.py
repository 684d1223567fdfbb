"""Linear layers: on the faster of torch's two libraries, and some that start in their own way."""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from seqwise.kernels import is_plain
from seqwise.kernels.c.products import linear, onednn_pays, sum_of_outer


class Linear(nn.Linear):
    """:class:`torch.nn.Linear`, on oneDNN where that is the faster library."""

    def forward(self, input: Tensor) -> Tensor:
        fits = input.dim() > 0 and input.shape[-1] == self.in_features > 0
        rows = input.numel() // self.in_features if fits else 0
        if not (onednn_pays(rows * self.weight.numel()) and is_plain(input) and is_plain(self.weight)):
            return super().forward(input)
        y = Product.apply(input.reshape(rows, self.in_features), self.weight, self.bias)
        return y.view(*input.shape[:-1], self.out_features)


class Product(torch.autograd.Function):
    """x W^T + b of (N, D)."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return linear(x, weight, bias)

    @staticmethod
    def backward(ctx: FunctionCtx, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        by_input, by_weight, by_bias = ctx.needs_input_grad
        if torch.is_grad_enabled():  # gradients of gradients are asked for: by operations that torch differentiates again
            return dy @ weight if by_input else None, dy.T @ x if by_weight else None, dy.sum(0) if by_bias else None
        dx = linear(dy, weight.T) if by_input else None
        return dx, sum_of_outer(dy, x) if by_weight else None, dy.sum(0) if by_bias else None


class BranchOutput(Linear):
    """Writes into the residual stream where there is one; told apart only so that it can start smaller."""


class SummaryProjection(Linear):
    """The summary of a source as wide as what the decoder reads; at first as small as the token's own embedding."""
