"""What fine-tuning adds to training: layers near the input learn more slowly, or not yet (Howard & Ruder 2018, arXiv:1801.06146)."""

import math

from torch import nn


def depths(model: nn.Module) -> dict[str, int]:
    """The depth of every parameter of a Hugging Face model, by its name: 0 the embeddings, 1 to N the layers, N + 1 the head.

    Layers are the members of the outermost module lists; an encoder's and a decoder's count side by side. What stands behind the last
    layer, a norm say, belongs to it.
    """
    body = f"{model.base_model_prefix}."
    if not any(name.startswith(body) for name, _ in model.named_parameters()):
        body = ""
    stacks = _stacks(model)
    tables = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, nn.Embedding))
    deepest = max((len(stack) for stack in stacks.values()), default=0)
    found, entered = {}, False
    for name, _ in model.named_parameters():
        stack = next((prefix for prefix in stacks if name.startswith(prefix)), None)
        entered = entered or stack is not None
        if stack is not None:
            found[name] = int(name.removeprefix(stack).partition(".")[0]) + 1
        elif not name.startswith(body):
            found[name] = deepest + 1
        else:
            found[name] = deepest if entered and "embed" not in name and not name.startswith(tables) else 0
    return found


def _stacks(model: nn.Module) -> dict[str, nn.ModuleList]:
    """The outermost module lists, by their prefix."""
    found: dict[str, nn.ModuleList] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) and not name.startswith(tuple(found)):
            found[f"{name}."] = module
    return found


def rate_at(depth: int, head: int, layer_decay: float) -> float:
    """The learning rate of a depth as a share of the head's: discriminative fine-tuning."""
    return layer_decay ** (head - depth)


def shallowest(step: int, *, steps: int, unfreezing: float, head: int) -> int:
    """The depth from which on parameters learn at ``step``: the head at once, then one more after the other, all after ``unfreezing``.

    Args:
        unfreezing: share of the steps in which the layers are thawed; 0 for all of them at once.
        head: the depth of the head.
    """
    span = unfreezing * steps
    return 0 if step >= span else head - math.floor(step / span * (head + 1))
