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
    shared.run("finetune", locals() | {"started": monotonic()}, "data", "model")
