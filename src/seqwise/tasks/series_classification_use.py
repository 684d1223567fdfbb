"""Series in, labels out."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.core.errors import UserError
from seqwise.data.series import load_series_corpus
from seqwise.data.series_files import read_series
from seqwise.data.series_format import SeriesColumns, in_order
from seqwise.data.tables import is_source
from seqwise.tasks.task_data import Request
from seqwise.tasks.use import Asked, ClassifierUse, Evaluated, labels_of


class SeriesClassifier(ClassifierUse):
    task: ClassVar[str] = "time-series-classification"
    options: ClassVar[frozenset[str]] = frozenset({"target", "id", "time"})

    @classmethod
    def of_model(cls, model: Any, preprocessor: Any, name: str) -> Self:
        names = model.config.channel_names
        return cls(name, labels_of(model), lambda series: probabilities(model, series), tuple(names) if names else None)

    def read(self, request: Request) -> Asked:
        if not is_source(request.source):
            raise UserError(f"there is no file {request.source}", expected="a file of series, as this model reads them")
        columns = SeriesColumns(id=request.id, time=request.time, target=request.target)
        file = read_series(request.source, columns, labelled=False)
        file = in_order(file, self.channels, "the model") if self.channels else file
        return Asked(file.series, [{"series": name} for name in file.names])

    def evaluate(self, request: Request) -> Evaluated:
        columns = SeriesColumns(id=request.id, time=request.time, target=request.target)
        corpus = load_series_corpus(request.source, columns=columns, channels=self.channels, for_training=False)
        return self.scored(corpus.series, corpus.labels, request.source)


def probabilities(model: Any, series: Sequence[np.ndarray]) -> np.ndarray:
    """(U, C). Raises :class:`UserError` for series with other channels, or longer than a table of learned positions."""
    from seqwise.data.batching import SequenceSet
    from seqwise.models.external import longest_input
    from seqwise.tasks.series_classification import TimeSeriesClassification

    channels, longest = model.config.num_input_channels, longest_input(model.config)
    for number, values in enumerate(series, 1):
        if values.ndim != 2 or values.shape[1] != channels or len(values) > longest:
            most = "" if longest == float("inf") else f", of at most {longest:.0f} steps"
            raise UserError(f"series {number} has the shape {values.shape}", expected=f"(steps, {channels}){most}")
    rows = [np.asarray(values, np.float32) for values in series]
    return TimeSeriesClassification().outputs(model, SequenceSet.from_arrays(rows, [0] * len(rows)))
