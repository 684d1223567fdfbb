"""AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), the same for every family."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import nn


def build_optimizer(
    model: nn.Module, *, learning_rate: float, weight_decay: float, shares: Mapping[str, float] = MappingProxyType({})
) -> torch.optim.AdamW:
    """Matrices decay; embeddings, norms, biases and other vectors do not.

    Args:
        shares: of the learning rate, by the name of a parameter, where it is not the whole; kept in each group as ``share``.
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    for name, parameter in model.named_parameters():
        decays = parameter.ndim > 1 and id(parameter) not in embeddings
        groups.setdefault((shares.get(name, 1.0), decays), []).append(parameter)
    settings = [
        {"params": members, "weight_decay": weight_decay if decays else 0.0, "share": share} for (share, decays), members in groups.items()
    ]
    return torch.optim.AdamW(settings, lr=learning_rate, betas=(0.9, 0.98), eps=1e-8, fused=True)
