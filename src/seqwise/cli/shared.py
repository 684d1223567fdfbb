"""What several verbs share."""

import json
import shlex
import sys
from typing import Annotated, Any

import typer

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A csv, tsv, jsonl, json, parquet, txt, ts or npz file (gz too), a table of sound files, two parallel files as FILE,FILE,"
        " a folder, hf:NAME[/CONFIG], or demo:NAME.",
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option("--text", "--source-column", help="Column of the text, or of the source of a translation; guessed if not given."),
]
TargetColumn = Annotated[str | None, typer.Option("--target", help="Column of the label, or of the translation; guessed if not given.")]
Header = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Whether the first line names the columns; recognised if not given.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Folder = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a model folder, or a pretrained model of `seqwise models`.")]
Validation = Annotated[str | None, typer.Option(help="A file of its own for validation.")]
Test = Annotated[str | None, typer.Option(help="A file of its own for the test.")]
Group = Annotated[str | None, typer.Option(help="Column whose equal values must stay in one split (an author, a patient).")]
Task = Annotated[
    str | None,
    typer.Option(
        help="text-classification, text-generation, time-series-classification, time-series-forecasting, audio-classification,"
        " automatic-speech-recognition or translation; guessed from the kind of data if not given."
    ),
]
IdColumn = Annotated[str | None, typer.Option("--id", help="Column that names the series in a table with a row per step; guessed.")]
TimeColumn = Annotated[str | None, typer.Option("--time", help="Column of the time in a table with a row per step; guessed.")]
Horizon = Annotated[int | None, typer.Option(help="Steps that forecasts look ahead; a season if not given.")]
TimeSplit = Annotated[str | None, typer.Option("--split", help="Steps of training, validation and test: 8640:2880:2880.")]
Season = Annotated[int | None, typer.Option(help="Steps of the cycle that naive forecasts repeat; by the frequency if not given.")]
Out = Annotated[str | None, typer.Option(help="Run folder. The same command with the same folder continues.")]
Budget = Annotated[str, typer.Option(help="Time for everything: 30s, 5m, 2h, quick (3m), standard (15m), thorough (2h).")]
Size = Annotated[str, typer.Option(help="Non-embedding parameters of every model: auto, 30k, 100k, 300k, 1m, 3m or a number.")]
Replicates = Annotated[int | None, typer.Option(help="Whole procedures (search and training) per model; 3 or more to decide anything.")]
Configurations = Annotated[int | None, typer.Option(help="Configurations that each replicate's search tries.")]
Steps = Annotated[str | None, typer.Option(help="Training steps instead of a budget; needs --size. One number, or rnn=1200,lstm=900.")]
Layers = Annotated[int | None, typer.Option(help="Layers of every model.")]
Width = Annotated[int | None, typer.Option(help="Width of every model, instead of the solver's.")]
Batch = Annotated[int | None, typer.Option(help="Examples per step.")]
Context = Annotated[
    int | None,
    typer.Option(help="Most tokens of an example; the rest is cut. Values that a forecast is made from. Labelled series are read whole."),
]
Tokenizer = Annotated[str, typer.Option(help="auto, words, bytes, characters, bpe or bpe:SIZE; words not for text-generation.")]
Causal = Annotated[
    bool | None,
    typer.Option("--causal/--no-causal", help="Whether models read from left to right alone; as usual for the task if not given."),
]
Labels = Annotated[int | None, typer.Option(help="Train on at most so many labelled examples, and select on as many, 500 at most.")]
Patience = Annotated[int | None, typer.Option(help="Evaluations without a better score after which a training ends.")]
Seed = Annotated[int, typer.Option(help="Seed of splits, weights and search.")]
Workers = Annotated[int | None, typer.Option(help="Trials at a time; as many as there are cores if not given.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
NoSamples = Annotated[bool, typer.Option("--no-samples", help="Keep your data out of the report.")]


def command_line() -> str:
    """The command as it was typed."""
    return shlex.join(["seqwise", *sys.argv[1:]])


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, allow_nan=False))


def run(verb: str, given: dict[str, Any], *places: str) -> None:
    """A verb of the interface that ends in a comparison, and what that came to.

    Args:
        given: all parameters of the command.
        places: those of them that the verb takes by place.
    """
    from rich.console import Console

    from seqwise import api

    as_json, samples, first = given.pop("json"), not given.pop("no_samples"), [given.pop(name) for name in places]
    console = Console(stderr=True, quiet=as_json)
    show(getattr(api, verb)(*first, console=console, samples=samples, command=command_line(), **given), as_json)


def show(comparison: Any, as_json: bool) -> None:
    """The verdict and the table, or the whole result as JSON."""
    if as_json:
        print_json(comparison.result)
        return
    from rich.console import Console

    from seqwise.comparison.summary import print_summary

    print_summary(comparison.result, Console())
    print(f"\nreport: {comparison.path / 'report.html'}")
    if comparison.result["best"]:
        print(f"model:  {comparison.path / 'best'}")
