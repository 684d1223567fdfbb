"""Series in, their next values out."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.frequency import Frequency
from seqwise.data.panels import Panel, load_panel, written
from seqwise.data.series_format import SeriesColumns
from seqwise.data.splits import Split
from seqwise.data.tables import is_source
from seqwise.data.windows import LEAST_PAST, QUANTILE_LEVELS, WindowSet, scales_of, windows_of
from seqwise.report import numbers
from seqwise.tasks.forecast_errors import error_sums
from seqwise.tasks.series_forecasting import baseline_forecasts, forecast, forecasts_of, last_values
from seqwise.tasks.series_panels import MOST_TEST, panel_starts, parse_split, parts_of, series_facts, time_splits
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
        panel = load_panel(request.source, SeriesColumns(id=request.id, time=request.time, target=request.target))
        known = self.facts.get("frequency")
        if known and panel.frequency.unit != "step" and max(map(len, panel.values)) > 2 and panel.frequency != Frequency(**known):
            raise UserError(
                f"{request.source} has a value {panel.frequency}", expected=f"a value {Frequency(**known)}, as {self.name} was trained on"
            )
        return panel

    def read(self, request: Request) -> Asked:
        if request.split is not None:
            raise UserError("--split has no meaning for predict", fix="leave it out: forecasts begin after the last value")
        panel = self.panel(request)
        later = [panel.frequency.after(times[-1], self.horizon) for times in panel.times]
        names = [{"series": name, "time": [written(time) for time in times]} for name, times in zip(panel.names, later, strict=True)]
        return Asked(panel.values, names)

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """``{"mean", "quantiles"}`` for each series (T,): lists of as many numbers as steps are foretold."""
        return [self._answer(number, values) for number, values in enumerate(examples, 1)]

    def _answer(self, number: int, values: Any) -> dict[str, Any]:
        try:
            found = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            what = f"series {number} is {str(values)[:40]!r}"
            raise UserError(what, expected="one series: its numbers", fix="`seqwise predict` reads files") from None
        found = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
        if found.ndim != 1 or not len(found):
            raise UserError(f"series {number} has the shape {found.shape}", expected="one series: (steps,), one step or more")
        if not np.isfinite(found).all():
            raise UserError(f"series {number} has no number at step {int(np.flatnonzero(~np.isfinite(found))[0]) + 1}", expected="numbers")
        mean, quantiles = self.one(found)
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
        panel, sizes = self.panel(request), parse_split(request.split)
        starts, length = panel_starts(panel)
        if sizes and sum(sizes) > length:
            raise UserError(f"--split {request.split} needs {sum(sizes):,} steps, {request.source} has {length:,}")
        begin = min(self.context, max(LEAST_PAST, length - self.horizon))
        splits = time_splits(panel, sizes or (begin, 0, length - begin), starts)
        splits = splits if sizes else dataclasses.replace(splits, kept=np.arange(len(panel)))
        part = parts_of(panel, splits, Split.TEST, self.horizon, self.context)
        names = [panel.names[number] for number in splits.kept]
        known, season = self.facts.get("scales", {}), self.facts.get("season", panel.frequency.season)
        scales = np.array([known.get(name, scale) for name, scale in zip(names, scales_of(part.series, season), strict=True)])
        shape = {"context": self.context, "horizon": self.horizon, "together": panel.together, "most": MOST_TEST if sizes else 10**9}
        windows = windows_of(part.series, scales, part.first, part.starts, **shape)
        if not len(windows):
            steps = numbers.plural(self.horizon, "step")
            raise UserError(
                f"{request.source} holds no forecast of {steps}", expected=f"series of more than {self.horizon + LEAST_PAST} values"
            )
        return Evaluated(error_sums(windows, self.many(windows)), windows.truth, len(windows), "forecasts")
