"""``seqwise claims``: what is said of RNN, LSTM and Transformer, measured here."""

from typing import Annotated

import typer

from seqwise.cli import shared


def command(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Claims by name; all where none is named.")] = None,
    tier: Annotated[str, typer.Option(help="smoke (10 minutes for all), standard (90 minutes) or long.")] = "smoke",
    merge: Annotated[
        bool, typer.Option("--merge", help="Take the claims.json of several machines together; ID... are these files.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the claims and what each takes.")] = False,
    workers: shared.Workers = None,
    out: shared.Out = None,
    json: shared.Json = False,
) -> None:
    """Measure the claims again; each can fail. Killed anywhere, the same command continues."""
    from rich.console import Console

    from seqwise.api import claims

    if list_:
        _list()
        return
    if merge:
        _merge(ids or [], out, json)
        return
    console = Console(stderr=True, quiet=json)
    folder, result = claims(*(ids or ()), tier=tier, workers=workers, out=out, console=console, command=shared.command_line())
    if json:
        shared.print_json(result)
        return
    for claim in result["claims"]:
        print(f"{claim['id']:22} {claim['verdict']:22} {claim['summary']}")
    print(f"\npage: {folder / 'claims.html'}")


def _merge(files: list[str], out: str | None, json: bool) -> None:
    from pathlib import Path

    from seqwise.core.files import write_json
    from seqwise.textbook.merge import merged, spoken

    result = merged(files)
    if out:
        write_json(Path(out) / "merged.json", result)
    if json:
        shared.print_json(result)
    else:
        print("\n".join(spoken(result)))


def _list() -> None:
    from seqwise.textbook import CLAIMS

    for name in CLAIMS:
        print(
            f"{name:22} {', '.join(f'{tier} {seconds:.0f} s' for tier, seconds in CLAIMS[name].seconds.items()):50} {CLAIMS[name].source}"
        )
