"""``seqwise train``: one model, no comparison."""

from time import monotonic
from typing import Annotated

import typer

from seqwise.cli import shared


def command(
    data: shared.Data = "demo:docstrings",
    model: Annotated[str, typer.Option(help="rnn, lstm, gru, transformer, minlstm, mingru or a hybrid such as lstm+attention.")] = "lstm",
    validation: shared.Validation = None,
    test: shared.Test = None,
    text: shared.TextColumn = None,
    target: shared.TargetColumn = None,
    group: shared.Group = None,
    id: shared.IdColumn = None,
    time: shared.TimeColumn = None,
    horizon: shared.Horizon = None,
    split: shared.TimeSplit = None,
    season: shared.Season = None,
    header: shared.Header = None,
    task: shared.Task = None,
    budget: shared.Budget = "quick",
    size: shared.Size = "auto",
    replicates: shared.Replicates = 1,
    configurations: shared.Configurations = None,
    steps: shared.Steps = None,
    layers: shared.Layers = None,
    width: shared.Width = None,
    batch: shared.Batch = None,
    context: shared.Context = None,
    tokenizer: shared.Tokenizer = "auto",
    causal: shared.Causal = None,
    seed: shared.Seed = 0,
    workers: shared.Workers = None,
    device: shared.Device = "auto",
    out: shared.Out = None,
    no_samples: shared.NoSamples = False,
    json: shared.Json = False,
) -> None:
    """Train one model: a search on validation, one full training, a report."""
    shared.run("train", locals() | {"started": monotonic()}, "data", "model")
