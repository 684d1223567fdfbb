"""Linear layers that start in their own way."""

from torch import nn


class BranchOutput(nn.Linear):
    """Writes into the residual stream where there is one; told apart only so that it can start smaller."""


class SummaryProjection(nn.Linear):
    """The summary of a source as wide as what the decoder reads; at first as small as the token's own embedding."""
