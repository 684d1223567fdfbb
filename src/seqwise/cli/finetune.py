"""``seqwise finetune``: a pretrained model, trained on."""

from time import monotonic
from typing import Annotated

import typer

from seqwise.cli import shared


def command(
    data: shared.Data,
    model: Annotated[
        str, typer.Option("--from", help="A folder of a run or of a model, a name that ships with seqwise, or one on the Hugging Face hub.")
    ],
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
    replicates: shared.Replicates = 1,
    configurations: shared.Configurations = None,
    steps: Annotated[int | None, typer.Option(help="Training steps instead of a budget.")] = None,
    labels: shared.Labels = None,
    patience: shared.Patience = 5,
    batch: shared.Batch = None,
    context: shared.Context = None,
    seed: shared.Seed = 0,
    workers: shared.Workers = None,
    device: shared.Device = "auto",
    out: shared.Out = None,
    no_samples: shared.NoSamples = False,
    json: shared.Json = False,
) -> None:
    """Train a pretrained model on: a search on validation, one full training, a report."""
    started = monotonic()
    options = {name: value for name, value in locals().items() if name not in ("data", "model", "no_samples", "json", "out")}
    from rich.console import Console

    from seqwise.api import finetune

    console = Console(stderr=True, quiet=json)
    comparison = finetune(data, model, out=out, console=console, samples=not no_samples, command=shared.command_line(), **options)
    shared.show(comparison, json)
