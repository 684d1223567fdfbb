"""How much of a gradient is left after k steps back: of cells alone, where a closed form says so, and of whole layers."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.training.probe_models import build_network, fitted
from seqwise.training.probing import TEST, ProbeConfig, asked, examples, loss_of, one_thread, train

Layer = Callable[[Tensor], Tensor]
"""(B, T, D) inputs to (B, T, H) outputs."""


def log_norms(layer: Layer, x: Tensor, direction: Tensor) -> np.ndarray:
    """ln of the mean norm (T,) of d(y_T . direction)/dx_{T-k} over the batch, k = 0 first."""
    x = x.detach().requires_grad_()
    (layer(x)[:, -1] @ direction).sum().backward()
    return x.grad.norm(dim=-1).mean(0).flip(0).double().clamp_min(1e-300).log().numpy()


def slopes_in_training(
    model: SeqwiseConfig, probe: ProbeConfig, seed: int, first: int, last: int
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Slope of ln |d loss/d x_{T-k}| over k while a model learns a probe with channels, and its error on validation; by step.

    One thread. None where training has diverged.
    """
    task, found = probe.built(), {}
    settings = fitted(model, task, probe.farthest)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(task, settings)
        inputs, targets = examples(network, task, np.random.default_rng([seed, TEST]), probe.batch_size, probe.longest)

        def watch(step: int) -> None:
            x = inputs.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(loss_of(network(x, targets), asked(targets)), x)
            norms = gradient.norm(dim=-1).mean(0).flip(0).double().clamp_min(1e-300).log().numpy()
            found[str(step)] = slope(norms, first, last) if np.isfinite(norms).all() else None

        curve, _ = train(network, task, probe, seed, watch)
    errors = {str(point["step"]): point[task.score] if math.isfinite(point[task.score]) else None for point in curve}
    return found, errors


def slope(values: np.ndarray, first: int, last: int) -> float:
    """Least-squares slope per step of ln norms from k = first to k = last."""
    k = np.arange(first, last + 1)
    return float(np.polyfit(k, values[first : last + 1], 1)[0])


def cell_path_slope(bias: float, steps: int = 40) -> float:
    """Per step, of ln |dc_T/dc_{T-k}| in an LSTM without recurrent weights and inputs; ln sigmoid(bias) in closed form."""
    cell = nn.LSTM(1, 1).double()
    for parameter in cell.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        cell.bias_ih_l0[1] = bias
    state = torch.ones(1, 1, 1, dtype=torch.float64, requires_grad=True)
    norms = []
    for length in range(1, steps + 1):
        _, (_, last) = cell(torch.zeros(length, 1, 1, dtype=torch.float64), (torch.zeros(1, 1, 1, dtype=torch.float64), state))
        norms.append(math.log(float(torch.autograd.grad(last.sum(), state)[0])))
    return slope(np.array(norms), 0, steps - 1)


def linear_path_slope(rho: float, seed: int, width: int = 32, steps: int = 40) -> float:
    """Per step, of the gradient through h_t = rho Q h_{t-1} with orthogonal Q; ln rho in closed form."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(width, width, dtype=torch.float64, generator=generator))
    h = torch.randn(width, dtype=torch.float64, generator=generator).requires_grad_()
    direction, norms, now = torch.randn(width, dtype=torch.float64, generator=generator), [], h
    for _ in range(steps):
        now = rho * (q @ now)
        norms.append(math.log(float(torch.autograd.grad(now @ direction, h, retain_graph=True)[0].norm())))
    return slope(np.array(norms), 0, steps - 1)


def recurrent(kind: str, width: int, *, bias: float | None = None, rho: float | None = None) -> Layer:
    """A layer of torch.nn with torch's own initialisation, uniform in +-1/sqrt(width).

    Args:
        bias: of the forget gate.
        rho: the recurrent matrix is orthogonal times rho.
    """
    layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind](width, width, batch_first=True)
    if bias is not None:
        with torch.no_grad():
            layer.bias_ih_l0[width : 2 * width] = bias
            layer.bias_hh_l0[width : 2 * width] = 0.0
    if rho is not None:
        nn.init.orthogonal_(layer.weight_hh_l0, gain=rho)
    return lambda x: layer(x)[0]


def transformer(width: int, layers: int = 2) -> Layer:
    """A causal Transformer of the package with its own initialisation."""
    size = {"embedding_size": width, "hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers}
    model = SeqwiseModel(SeqwiseConfig(layer_types=["attention"] * layers, **size))
    return lambda x: model(inputs_embeds=x, use_cache=False).last_hidden_state
