"""``seqwise compare``: which family for this data."""

from time import monotonic
from typing import Annotated

import typer

from seqwise.cli import shared


def command(
    data: shared.Data = "demo:docstrings",
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
    models: Annotated[
        str | None,
        typer.Option(
            help="Contenders, comma-separated; a=lstm,b=lstm names them, lstm+attention is a hybrid (in translation: has"
            " cross-attention), hf:NAME is from outside, fresh:NAME its architecture with fresh weights; one of each family if not given."
        ),
    ] = None,
    from_pretrained: Annotated[
        str | None,
        typer.Option(
            help="Pretrained models, comma-separated, each of them fine-tuned and from fresh weights: lstm-tiny,transformer-tiny."
        ),
    ] = None,
    labels: shared.Labels = None,
    patience: shared.Patience = None,
    budget: shared.Budget = "standard",
    size: shared.Size = "auto",
    match_size: Annotated[str, typer.Option(help="What is made equal: parameters or flops.")] = "parameters",
    match_training: Annotated[str, typer.Option(help="What is made equal in training: steps, seconds or flops.")] = "steps",
    replicates: shared.Replicates = None,
    configurations: shared.Configurations = None,
    steps: shared.Steps = None,
    layers: shared.Layers = None,
    width: shared.Width = None,
    batch: shared.Batch = None,
    context: shared.Context = None,
    tokenizer: shared.Tokenizer = "auto",
    causal: shared.Causal = None,
    extend_search: Annotated[
        bool | None,
        typer.Option(help="One more configuration, beyond the edge that a kept one lies on; if not given, where time allows."),
    ] = None,
    data_fractions: Annotated[
        str | None, typer.Option(help="Train again on these shares of the data, 0.1,0.3,1, or examples, 50,500.")
    ] = None,
    refit: Annotated[
        bool | None,
        typer.Option(help="Train the recommended model longer at the end, in a fifth of the budget; if not given, from 15m on."),
    ] = None,
    seed: shared.Seed = 0,
    max_latency: Annotated[str | None, typer.Option(help="Recommend only models that answer one example this fast: 5ms.")] = None,
    max_bytes: Annotated[str | None, typer.Option(help="Recommend only models this small on disk: 5MB.")] = None,
    beside: Annotated[str | None, typer.Option(help="A finished run matched in another way; what it changes is shown.")] = None,
    workers: shared.Workers = None,
    device: shared.Device = "auto",
    out: shared.Out = None,
    no_samples: shared.NoSamples = False,
    json: shared.Json = False,
) -> None:
    """Train every family on equal terms; end with a verdict, a report and the trained model."""
    shared.run("compare", locals() | {"started": monotonic()}, "data")
