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
    started = monotonic()
    options = {name: value for name, value in locals().items() if name not in ("data", "model", "no_samples", "json", "out")}
    from rich.console import Console

    from seqwise.api import train

    console = Console(stderr=True, quiet=json)
    comparison = train(data, model, out=out, console=console, samples=not no_samples, command=shared.command_line(), **options)
    shared.show(comparison, json)
