"""Forecasts of series: the past is read in patches, the future is asked for in as many empty ones, all of it at once."""

import dataclasses

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput, can_return_tuple

from seqwise.core.errors import UserError
from seqwise.models.backbone import SeqwiseModel, SeqwisePreTrainedModel
from seqwise.models.config import SeqwiseConfig
from seqwise.models.projection import Linear

CONSTANT = 1e-6
"""Spread over size below which a past is taken for one value, in single precision."""


@dataclasses.dataclass
class SeqwisePredictionOutput(ModelOutput):
    """Forecasts of H steps.

    Args:
        loss: squared error of the mean and twice the quantile loss, averaged.
        prediction_outputs: (B, H, C), expected values.
        quantile_outputs: (B, H, C, Q), ascending.
    """

    loss: Tensor | None = None
    prediction_outputs: Tensor | None = None
    quantile_outputs: Tensor | None = None


class SeqwiseForPrediction(SeqwisePreTrainedModel):
    """Direct forecasts of ``prediction_length`` steps, mean and quantiles, every variable by itself with the same weights.

    The past of a variable is centred and scaled by its own mean and standard deviation (Kim et al. 2022, reversible instance
    normalisation, without its affine part), so that a x + b is forecast as a f(x) + b, and a past that never changes as going on
    unchanged. One step of the model is a patch of consecutive values (Nie et al. 2023, arXiv:2211.14730); the steps to come are patches
    without values, a learned vector, whose hidden states become their forecasts (parallel decoding as in SegRNN, Lin et al. 2023,
    arXiv:2308.11200).

    Raises :class:`UserError` for a configuration without the three lengths, the levels, or a channel for each value of a patch.
    """

    def __init__(self, config: SeqwiseConfig):
        super().__init__(config)
        wanted = (config.context_length, config.prediction_length, config.patch_length, config.quantile_levels)
        if None in wanted or config.num_input_channels != config.patch_length:
            raise UserError(
                f"no forecasts with context_length, prediction_length, patch_length, quantile_levels {wanted}",
                expected="all four, and num_input_channels equal to patch_length",
            )
        self.model = SeqwiseModel(config)
        self.future = nn.Parameter(torch.zeros(config.patch_length))
        self.head = Linear(config.hidden_size, config.patch_length * (1 + len(config.quantile_levels)))
        self.post_init()

    @can_return_tuple
    def forward(self, past_values: Tensor, future_values: Tensor | None = None, **kwargs) -> SeqwisePredictionOutput:
        """Forecasts, and the loss where the future is given.

        Args:
            past_values: (B, T, C) as measured; the last ``context_length`` steps are read, a shorter past is led in by its first value.
            future_values: (B, H, C).
        """
        past = last_steps(past_values.to(self.head.weight.dtype), self.config.context_length)
        center = past.mean(1, keepdim=True)
        spread = past.std(1, keepdim=True, correction=0)
        scale = torch.where(spread > CONSTANT * center.abs(), spread, torch.zeros_like(spread))
        divisor = torch.where(scale > 0, scale, torch.ones_like(scale))
        found = self._forecast(((past - center) / divisor).transpose(1, 2).flatten(0, 1))
        found = found.unflatten(0, (past.shape[0], past.shape[2])).transpose(1, 2) * scale.unsqueeze(-1) + center.unsqueeze(-1)
        mean, quantiles = found[..., 0], found[..., 1:]
        loss = None if future_values is None else self._loss(mean, quantiles, future_values.to(mean.dtype))
        return SeqwisePredictionOutput(loss=loss, prediction_outputs=mean, quantile_outputs=quantiles.sort(-1).values)

    def _forecast(self, past: Tensor) -> Tensor:
        """(N, T) scaled values to (N, H, 1 + Q) scaled answers."""
        horizon, patch = self.config.prediction_length, self.config.patch_length
        given, wanted = -(-past.shape[1] // patch), -(-horizon // patch)
        patches = last_steps(past.unsqueeze(-1), given * patch).reshape(len(past), given, patch)
        steps = torch.cat([patches, self.future.expand(len(past), wanted, -1)], dim=1)
        hidden = self.model(input_features=steps, use_cache=False).last_hidden_state[:, given:]
        return self.head(hidden).reshape(len(past), wanted * patch, -1)[:, :horizon]

    def _loss(self, mean: Tensor, quantiles: Tensor, future: Tensor) -> Tensor:
        levels = torch.tensor(self.config.quantile_levels, dtype=mean.dtype, device=mean.device)
        missed = future.unsqueeze(-1) - quantiles
        return (mean - future).square().mean() + 2 * torch.maximum(levels * missed, (levels - 1) * missed).mean()


def last_steps(values: Tensor, steps: int) -> Tensor:
    """The last ``steps`` of (B, T, C), the first value repeated before them where there are fewer."""
    values = values[:, -steps:]
    lead = values[:, :1].expand(-1, steps - values.shape[1], -1)
    return torch.cat([lead, values], dim=1)
