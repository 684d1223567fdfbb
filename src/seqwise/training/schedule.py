"""Warm-up, stable, decay (Hu et al. 2024, arXiv:2404.06395): a search may stop in the stable part and a kept run goes on from there."""


def learning_rate_factor(step: int, *, steps: int, warmup: float, decay: float) -> float:
    """The share of the peak learning rate at ``step`` (0-based) of ``steps``.

    Args:
        warmup: share of the steps with a linear rise from 0.
        decay: share of the steps, at the end, with a linear fall to 0.
    """
    rising = (step + 1) / max(1.0, warmup * steps)
    falling = (steps - step) / max(1.0, decay * steps)
    return min(1.0, rising, falling)
