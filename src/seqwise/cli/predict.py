"""``seqwise predict``: answers for a file or a text."""

import csv
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from seqwise.cli import shared
from seqwise.core.errors import UserError


def command(
    run: shared.Folder,
    data: Annotated[
        str,
        typer.Argument(
            metavar="FILE|TEXT",
            help="A file with a text column, a .txt file with a text per line, or one text; a sound file, or a folder or a table of them.",
        ),
    ],
    text: shared.TextColumn = None,
    target: shared.TargetColumn = None,
    header: shared.Header = None,
    id: shared.IdColumn = None,
    time: shared.TimeColumn = None,
    out: Annotated[str | None, typer.Option(help="Write here instead of to the terminal.")] = None,
    json: shared.Json = False,
) -> None:
    """Label a file or one text, with probabilities, or translate it; as csv or JSON."""
    from seqwise.predictor import load_predictor
    from seqwise.tasks.task_data import Request

    if out and Path(out).exists():
        raise UserError(f"{out} exists", fix="choose another --out, or remove it")
    predictor = load_predictor(run)
    request = Request(source=data, text=text, target=target, header=header, id=id, time=time)
    predictor.check(request)
    _write(predictor.rows(predictor.read(request)), out, json)


def _write(rows: list[dict], out: str | None, as_json: bool) -> None:
    import io

    from seqwise.core.files import write_text

    buffer = io.StringIO()
    if as_json:
        import json

        buffer.write(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    else:
        flat = [_flat(row) for row in rows]
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([name for name, _ in flat[0]] if flat else ["text", "label"])
        writer.writerows([[value for _, value in row] for row in flat])
    if out:
        write_text(Path(out), buffer.getvalue())
    else:
        sys.stdout.write(buffer.getvalue())


def _flat(row: dict[str, Any]) -> list[tuple[str, str]]:
    """A column for every value, those inside others too; a class may be called as a column is."""
    found: list[tuple[str, str]] = []
    for name, value in row.items():
        found += _flat(value) if isinstance(value, dict) else [(name, f"{value:.6g}" if isinstance(value, float) else str(value))]
    return found
