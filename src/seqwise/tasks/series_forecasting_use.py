"""Series in, their next values out."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.panels import Panel, load_panel, written
from seqwise.data.series_format import SeriesColumns
from seqwise.data.tables import is_source
from seqwise.data.windows import LEAST_PAST, QUANTILE_LEVELS, WindowSet, scales_of, windows_of
from seqwise.report import numbers
from seqwise.tasks.forecast_errors import error_sums
from seqwise.tasks.series_forecasting import baseline_forecasts, forecast, forecasts_of, last_values
from seqwise.tasks.series_panels import parse_split, series_facts
from seqwise.tasks.task_data import Request
from seqwise.tasks.use import Asked, Evaluated, Use

Forecasts = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Forecaster(Use):
    """Forecasts of the steps after the last of each series.

    Args:
        one: from all values of a series (T,) to mean (H,) and quantiles (H, Q).
        many: from windows to their standardised forecasts.
        context, horizon: values read and foretold.
        facts: what the model's folder says of the series it was trained on.
    """

    task: ClassVar[str] = "time-series-forecasting"
    options: ClassVar[frozenset[str]] = frozenset({"id", "time", "target", "split"})
    name: str
    one: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    many: Callable[[WindowSet], Forecasts]
    context: int
    horizon: int
    facts: Mapping[str, Any]

    @classmethod
    def of_model(cls, model: Any, preprocessor: Any, name: str) -> Self:
        config = model.config
        one, many = (lambda values: forecast(model, values)), (lambda windows: forecasts_of(model, windows))
        return cls(name, one, many, config.context_length, config.prediction_length, preprocessor or {})

    @classmethod
    def of_baseline(cls, model: Any, about: dict[str, Any], name: str) -> Self:
        def one(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mean, quantiles = model.predict(last_values(values, model.context))
            return mean[0], quantiles[0]

        many, horizon = (lambda windows: baseline_forecasts(model, windows)), int(model.tensors["lengths"][1])
        return cls(name, one, many, model.context, horizon, series_facts(model.about))

    def panel(self, request: Request) -> Panel:
        if not is_source(request.source):
            raise UserError(f"there is no file {request.source}", expected="a table of series, as this model was trained on")
        return load_panel(request.source, SeriesColumns(id=request.id, time=request.time, target=request.target))

    def read(self, request: Request) -> Asked:
        if request.split is not None:
            raise UserError("--split has no meaning for predict", fix="leave it out: forecasts begin after the last value")
        panel = self.panel(request)
        later = [panel.frequency.after(times[-1], self.horizon) for times in panel.times]
        names = [{"series": name, "time": [written(time) for time in times]} for name, times in zip(panel.names, later, strict=True)]
        return Asked(panel.values, names)

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """``{"mean", "quantiles"}`` for each series (T,): lists of as many numbers as steps are foretold."""
        return [self._answer(number, np.asarray(values, np.float64)) for number, values in enumerate(examples, 1)]

    def _answer(self, number: int, values: np.ndarray) -> dict[str, Any]:
        if values.ndim != 1 or len(values) < LEAST_PAST or not np.isfinite(values).all():
            expected = f"one series: {LEAST_PAST} numbers or more, none missing"
            raise UserError(f"series {number} has the shape {values.shape}, or no number somewhere", expected=expected)
        mean, quantiles = self.one(values)
        levels = {f"{level:g}": column.tolist() for level, column in zip(QUANTILE_LEVELS, quantiles.T, strict=True)}
        return {"mean": mean.tolist(), "quantiles": levels}

    def rows(self, asked: Asked) -> list[dict[str, Any]]:
        """One for every step of every series."""
        found = []
        for name, answer in zip(asked.names, self.answers(asked.examples), strict=True):
            for step, time in enumerate(name["time"]):
                quantiles = {level: values[step] for level, values in answer["quantiles"].items()}
                found.append({"series": name["series"], "time": time, "mean": answer["mean"][step]} | quantiles)
        return found

    def evaluate(self, request: Request) -> Evaluated:
        """Rolling origins over all series, or over the last part of ``--split``.

        Values are standardised as in training where the model knows a series by its name, else by the series itself.
        """
        panel, split = self.panel(request), parse_split(request.split)
        longest = max(map(len, panel.values))
        if split and sum(split) > longest:
            raise UserError(f"--split {request.split} needs {sum(split):,} steps, {request.source} has {longest:,}")
        stop = sum(split) if split else longest
        begin = sum(split[:2]) if split else min(self.context, max(LEAST_PAST, longest - self.horizon))
        known, season = self.facts.get("scales", {}), self.facts.get("season", panel.frequency.season)
        own = scales_of(panel.values, season)
        scales = np.array([known.get(name, scale) for name, scale in zip(panel.names, own, strict=True)])
        shape = {"context": self.context, "horizon": self.horizon, "together": panel.together, "most": 10**9}
        windows = windows_of([values[:stop] for values in panel.values], scales, [begin] * len(panel), **shape)
        if not len(windows):
            steps = numbers.plural(self.horizon, "step")
            raise UserError(
                f"{request.source} holds no forecast of {steps}", expected=f"series of more than {self.horizon + LEAST_PAST} values"
            )
        return Evaluated(error_sums(windows, self.many(windows)), windows.truth, len(windows), "forecasts")
