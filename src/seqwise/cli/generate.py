"""``seqwise generate``: a language model goes on from a prompt."""

import sys
from typing import Annotated

import typer

from seqwise.cli import shared
from seqwise.core.errors import UserError


def command(
    run: shared.Folder,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The text to go on from; - reads it from standard input.")],
    tokens: Annotated[int, typer.Option(help="New tokens.")] = 200,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token; 1 draws as the model believes.")] = 0.8,
    top_k: Annotated[int, typer.Option(help="Draw from so many likeliest tokens; 0 for all.")] = 50,
    beams: Annotated[int, typer.Option(help="Beam search with so many beams; needs --temperature 0.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    json: shared.Json = False,
) -> None:
    """Write on from a prompt, shown as it is written."""
    from seqwise.generator import Sampling, generate, load_language_model, note_of

    sampling = Sampling(tokens=tokens, temperature=temperature, top_k=top_k, beams=beams, seed=seed)
    given = _given(prompt)
    model, tokenizer = load_language_model(run)
    if note := note_of(run):
        print(f"note: {note}", file=sys.stderr)
    if json:
        shared.print_json({"model": run, "prompt": given, "continuation": generate(model, tokenizer, given, sampling)})
        return
    generate(model, tokenizer, given, sampling, _show)
    sys.stdout.write("\n")


def _given(prompt: str) -> str:
    if prompt != "-":
        return prompt
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UserError(f"the prompt on standard input is not UTF-8 ({error.reason})", fix="convert it to UTF-8") from error


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
