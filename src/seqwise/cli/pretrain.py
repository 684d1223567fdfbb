"""``seqwise pretrain``: a model of any family on running text of any size."""

from typing import Annotated

import typer

from seqwise.cli import shared


def command(
    corpus: Annotated[
        str, typer.Argument(metavar="CORPUS", help="A txt, md, parquet or jsonl file, a folder, hf:NAME, demo:NAME; several as A,B.")
    ],
    model: Annotated[str, typer.Option(help="rnn, lstm, gru, transformer, minlstm, mingru or a hybrid such as lstm+attention.")] = "lstm",
    objective: Annotated[str, typer.Option(help="causal-lm (the next token) or masked-lm (hidden tokens).")] = "causal-lm",
    size: Annotated[str, typer.Option(help="Non-embedding parameters: 30k, 1m, 10m or any number from 1000.")] = "1m",
    budget: Annotated[
        str,
        typer.Option(help="Of training: a time, 30m or 2h, or tokens, 100Mtokens. Learning a tokenizer and encoding come on top."),
    ] = "15m",
    tokenizer: Annotated[
        str, typer.Option(help="bpe:SIZE, learned from the corpus; the folder of a tokenizer; or a model of `seqwise models`, for its own.")
    ] = "bpe:4096",
    validation: Annotated[str | None, typer.Option(help="Sources of their own for validation; part of the corpus if not given.")] = None,
    text: Annotated[str | None, typer.Option(help="Column of the text in tables; guessed if not given.")] = None,
    context: Annotated[int, typer.Option(help="Tokens of a training window.")] = 256,
    batch: Annotated[int, typer.Option(help="Windows of a step, of all processes together.")] = 32,
    accumulation: Annotated[int, typer.Option(help="Parts that a batch is computed in, to save memory.")] = 1,
    layers: Annotated[int | None, typer.Option(help="Layers of the model; chosen by its size if not given.")] = None,
    width: Annotated[int | None, typer.Option(help="Width of the model; chosen by its size if not given.")] = None,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 3e-3,
    dropout: Annotated[float, typer.Option(help="After every mixer and feed-forward.")] = 0.0,
    stateful: Annotated[bool, typer.Option(help="Carry the recurrent state from window to window.")] = False,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    report_to: Annotated[str | None, typer.Option(help="Trackers of accelerate: tensorboard, wandb ...")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the weights, of the order of windows and of hidden tokens.")] = 0,
    device: shared.Device = "auto",
    out: shared.Out = None,
    json: shared.Json = False,
) -> None:
    """Pretrain one model on running text; killed anywhere, the same command continues."""
    options = {name: value for name, value in locals().items() if name not in ("corpus", "json", "out")}
    from rich.console import Console

    from seqwise.api import pretrain

    console = Console(stderr=True, quiet=json)
    folder, record = pretrain(corpus, out=out, console=console, command=shared.command_line(), **options)
    if json:
        shared.print_json(record)
    else:
        print(f"model:  {folder / 'model'}")
