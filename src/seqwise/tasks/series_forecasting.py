"""The next H values of series: mean and quantiles, every step at once, scored over rolling origins."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seqwise.core.registry import Registry
from seqwise.data.batching import Batches
from seqwise.data.splits import Split
from seqwise.data.windows import QUANTILE_LEVELS, WindowSet, spread_of
from seqwise.models.accounting import ParameterCount, count_parameters, training_flops
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks.forecast_errors import COLUMNS, METRICS, STEPS, error_sums, step_edges
from seqwise.tasks.series_panels import SeriesPanels
from seqwise.tasks.task import Estimator, FittedBaseline, Task, Told

WINDOWS_PER_BATCH = 1024
WANTED_STEPS, PARAMETERS_PER_STEP = 1_500, 20
"""Of training: windows overlap almost as a whole, so passes over them say little."""
SHOWN_SERIES, SHOWN_PASTS = 4, 2


class TimeSeriesForecasting(Task):
    """Decides by the mean squared error of standardised values; MAE, MASE, sMAPE and the quantiles describe."""

    tag = "time-series-forecasting"
    metric = "mse"
    higher_is_better = False
    margin = 0.01
    unit = "block of origins"
    bidirectional = False
    carries_state = False
    trivial = "repeat-last"
    baselines = Registry(
        "baseline",
        {
            "repeat-last": "seqwise.tasks.forecast_baselines:RepeatLast",
            "seasonal-naive": "seqwise.tasks.forecast_baselines:SeasonalNaive",
            "ridge": "seqwise.tasks.forecast_baselines:Ridge",
        },
    )
    auto_class = "AutoModelForTimeSeriesPrediction"
    data = SeriesPanels()
    ranges: ClassVar = {"coverage": (0.0, 1.0), "smape": (0.0, 2.0)}
    assumed_spread = (0.01, 0.03)
    """Shares of a naive forecast's error: of trainings, and of blocks of origins."""
    dropout = (0.0, 0.3)
    token_dropout = 0.0
    most_epochs = 1000.0
    rules = (
        "every variable is forecast by itself, with the same weights, from its own past, centred and scaled by that past",
        "the same patches of values as input; all steps are foretold at once",
        "forecasts of the test part read what lies before their origin, training and validation parts included",
    )

    @property
    def model_class(self) -> Any:
        from seqwise.models.prediction import SeqwiseForPrediction

        return SeqwiseForPrediction

    def parameters(self, config: SeqwiseConfig) -> ParameterCount:
        count = count_parameters(config, num_labels=answers_per_patch(config))
        return ParameterCount(total=count.total + config.patch_length, embedding=count.embedding)

    def flops_per_token(self, config: SeqwiseConfig, lengths: Sequence[int]) -> float:
        past, future = (-(-steps // config.patch_length) for steps in (config.context_length, config.prediction_length))
        head = 3 * 2 * future * config.hidden_size * answers_per_patch(config)
        return (training_flops(config, past + future) + head) / (config.context_length + config.prediction_length)

    def feed(self, train: WindowSet, validation: WindowSet, *, batch_size: int, seed: int) -> "ForecastFeed":
        return ForecastFeed(self, train, validation, batch_size=batch_size, seed=seed)

    def outputs(self, model: nn.Module, examples: WindowSet, *, final: bool = False) -> np.ndarray:
        """(U, 6 + P) sums over each unit, see :func:`~seqwise.tasks.forecast_errors.error_sums`."""
        return error_sums(examples, forecasts_of(model, examples))

    def metrics(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """Means over all values that were foretold."""
        count = truth[:, 0].sum()
        return {name: float(outputs[:, column].sum() / count) for name, column in COLUMNS.items()}

    def unit_scores(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return outputs[:, COLUMNS["mse"]] / truth[:, 0].mean()

    def describing_scores(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
        return {name: outputs[:, COLUMNS[name]] / truth[:, 0].mean() for name in METRICS if name != self.metric}

    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        return (-scores["mse"],)

    def wanted_epochs(self, parameters: int, tokens: int, per_epoch: int) -> float:
        """1,500 steps, and for larger models one for every 20 parameters."""
        return max(WANTED_STEPS, parameters / PARAMETERS_PER_STEP) / per_epoch

    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        parts = {split: WindowSet.load(folder / f"{split}.safetensors") for split in Split}
        model = self.baselines[name].fit(parts[Split.TRAIN], parts[Split.VALIDATION], folder / "preprocessor")
        held, test = (error_sums(parts[split], baseline_forecasts(model, parts[split])) for split in (Split.VALIDATION, Split.TEST))
        return FittedBaseline(model, self.metrics(held, parts[Split.VALIDATION].truth), test, parts[Split.TEST].truth)

    def breakdowns(
        self, outputs: list[np.ndarray], truths: list[np.ndarray], lengths: list[np.ndarray], estimate: Estimator
    ) -> dict[str, Any]:
        """``by_step``: the squared error by how many steps ahead a value lies."""
        edges, rows = step_edges(int(truths[0][0, 1])), []
        for place, (low, high) in enumerate(itertools.pairwise(edges)):
            share = (high - low) / edges[-1]
            unit = [values[:, STEPS + place] / (truth[:, 0].mean() * share) for values, truth in zip(outputs, truths, strict=True)]
            rows.append({"from": int(low) + 1, "to": int(high)} | estimate(unit))
        return {"by_length": [], "by_step": rows}

    def results(self, told: Told) -> dict[str, Any]:
        """Forecasts of every trained model at a few origins of the test, with what then came."""
        if told.examples is None:
            return {"forecasts": None}
        models = {name: self.load(folder) for name, folder in told.folders.items() if folder.exists()}
        return {"forecasts": [_drawn(models, *shown) for shown in chosen(told.examples, _horizon(models))]}

    def latency_lengths(self, lengths: Sequence[int]) -> list[int]:
        return [int(max(lengths))]

    def answer(self, model: nn.Module, length: int) -> Callable[[], Any]:
        """One forecast of one series."""
        past = torch.linspace(0, 1, model.config.context_length).reshape(1, -1, 1)
        return lambda: model(past_values=past)

    def baseline_answer(self, model: Any, example: np.ndarray) -> Callable[[], Any]:
        return lambda: model.predict(last_values(example, model.context))


class ForecastFeed:
    """Hands the training loop windows and its score on validation; knows no values of the test."""

    def __init__(self, task: Task, train: WindowSet, validation: WindowSet, *, batch_size: int, seed: int):
        self.task, self.train, self.validation = task, train, validation
        self.batches = Batches(train.lengths, batch_size, seed)

    def batch(self, step: int) -> dict[str, Any]:
        rows = self.batches.batch(step)
        past, future = (torch.from_numpy(values).unsqueeze(-1) for values in (self.train.pasts(rows), self.train.futures(rows)))
        return {"past_values": past, "future_values": future}

    def epoch(self, step: int) -> float:
        return step / self.batches.per_epoch

    def validate(self, model: nn.Module) -> dict[str, float]:
        return self.task.metrics(self.task.outputs(model, self.validation), self.validation.truth)

    def better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        return self.task.selection_key(new) > self.task.selection_key(old)


def answers_per_patch(config: SeqwiseConfig) -> int:
    return config.patch_length * (1 + len(config.quantile_levels))


def forecasts_of(model: nn.Module, windows: WindowSet) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Window numbers (B,), their means (B, H) and quantiles (B, H, Q), batch by batch, in standardised units."""
    device = next(model.parameters()).device
    for rows in batches_of(len(windows)):
        with torch.inference_mode():
            found = model(past_values=torch.from_numpy(windows.pasts(rows)).unsqueeze(-1).to(device))
        yield rows, found.prediction_outputs[:, :, 0].float().cpu().numpy(), found.quantile_outputs[:, :, 0].float().cpu().numpy()


def baseline_forecasts(model: Any, windows: WindowSet) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """As :func:`forecasts_of`, of a baseline."""
    for rows in batches_of(len(windows)):
        yield rows, *model.predict(windows.pasts(rows))


def batches_of(count: int) -> list[np.ndarray]:
    return [np.arange(start, min(start + WINDOWS_PER_BATCH, count)) for start in range(0, count, WINDOWS_PER_BATCH)]


def last_values(values: np.ndarray, context: int) -> np.ndarray:
    """The last ``context`` of (T,) as (1, context), the first value repeated before them where there are fewer."""
    values = np.asarray(values, np.float64)[-context:]
    return np.concatenate([np.full(context - len(values), values[0]), values])[None]


def _horizon(models: Mapping[str, nn.Module]) -> int:
    return next(iter(models.values())).config.prediction_length if models else 1


def chosen(
    examples: Sequence[tuple[str, np.ndarray, Sequence[str], int]], horizon: int
) -> list[tuple[str, np.ndarray, Sequence[str], int]]:
    """Up to four series, evenly taken, each with an origin: of one series four in turn, of several the middle of the test."""
    series = [examples[place] for place in np.unique(np.linspace(0, len(examples) - 1, SHOWN_SERIES).astype(int))]
    origins = np.linspace(0, 1, SHOWN_SERIES) if len(series) == 1 else [0.5] * len(series)
    shown = series * SHOWN_SERIES if len(series) == 1 else series
    found = [
        (name, values, times, begin + int(share * (len(values) - horizon - begin)))
        for (name, values, times, begin), share in zip(shown, origins, strict=True)
    ]
    return list({(name, origin): (name, values, times, origin) for name, values, times, origin in found}.values())


def _drawn(models: Mapping[str, nn.Module], name: str, values: np.ndarray, times: Sequence[str], origin: int) -> dict[str, Any]:
    """One origin: what came before, what came then, and every model's forecast, in the unit of measurement."""
    horizon = _horizon(models)
    past = values[:origin]
    shown = min(len(past), SHOWN_PASTS * horizon)
    forecasts = {}
    for model_name, model in models.items():
        mean, quantiles = forecast(model, past)
        forecasts[model_name] = {"mean": rounded(mean), "quantiles": [rounded(values) for values in quantiles.T]}
    return {
        "series": name,
        "times": [times[origin - shown], times[origin], times[origin + horizon - 1]],
        "past": rounded(past[-shown:]),
        "truth": rounded(values[origin : origin + horizon]),
        "levels": list(QUANTILE_LEVELS),
        "forecasts": forecasts,
    }


def rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def forecast(model: nn.Module, past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (H,) and quantiles (H, Q) in the unit of measurement, from all values so far; scaled in float64 around the model."""
    past = last_values(past, model.config.context_length)
    center, spread = past.mean(), float(spread_of(past)[0, 0])
    with torch.inference_mode():
        found = model(past_values=torch.from_numpy(((past - center) / (spread or 1.0)).astype(np.float32)).unsqueeze(-1))
    mean, quantiles = (values[0, :, 0].double().numpy() for values in (found.prediction_outputs, found.quantile_outputs))
    return mean * spread + center, quantiles * spread + center
