"""The command line: one file per verb. Nothing heavy is imported before a verb runs."""

import sys

import typer

from seqwise.cli import claims, compare, doctor, evaluate, finetune, generate, models, predict, pretrain, report, train
from seqwise.core.errors import UserError

app = typer.Typer(
    name="seqwise",
    help="RNN, LSTM or Transformer? Measured on your data, on equal terms, with the trained winner.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (compare, train, evaluate, predict, generate, pretrain, finetune, claims, models, report, doctor):
    app.command(name=verb.__name__.rpartition(".")[2], short_help=verb.__doc__.partition(": ")[2].rstrip("."))(verb.command)


def main() -> None:
    """Entry of the console script: a user's mistake is one message and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: the same command continues", file=sys.stderr)
        sys.exit(130)
