"""The linear layer that ends a branch."""

from torch import nn


class BranchOutput(nn.Linear):
    """Writes into the residual stream where there is one; told apart only so that it can start smaller."""
