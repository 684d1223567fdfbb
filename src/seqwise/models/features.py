"""Sequences of numbers instead of tokens: each channel standardised, then projected to the width of the first block."""

import torch
from torch import Tensor, nn

from seqwise.models.config import SeqwiseConfig
from seqwise.models.projection import Linear


class FeatureProjection(nn.Module):
    """(B, T, C) to (B, T, P). Mean and standard deviation of the channels are settings of the model, so that raw values are its input."""

    def __init__(self, config: SeqwiseConfig):
        super().__init__()
        self.mean, self.std = config.input_mean, config.input_std
        self.linear = Linear(config.num_input_channels, config.projection_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.linear.weight.dtype)
        if self.mean is not None:
            x = (x - torch.tensor(self.mean, dtype=x.dtype, device=x.device)) / torch.tensor(self.std, dtype=x.dtype, device=x.device)
        return self.linear(x)
