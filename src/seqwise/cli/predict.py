"""``seqwise predict``: answers for a file or a text."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from seqwise.cli import shared
from seqwise.core.errors import UserError


def command(
    run: shared.Folder,
    data: Annotated[
        str, typer.Argument(metavar="FILE|TEXT", help="A file with a text column, a .txt file with a text per line, or one text.")
    ],
    text: shared.TextColumn = None,
    header: shared.Header = None,
    out: Annotated[str | None, typer.Option(help="Write here instead of to the terminal.")] = None,
    json: shared.Json = False,
) -> None:
    """Label a file or one text, with probabilities, as csv or JSON."""
    from seqwise.api import predict
    from seqwise.data.readers import read_texts

    if out and Path(out).exists():
        raise UserError(f"{out} exists", fix="choose another --out, or remove it")
    texts = read_texts(data, column=text, header=header)
    rows = [{"text": one, **answer} for one, answer in zip(texts, predict(run, texts), strict=True)]
    _write(rows, out, json)


def _write(rows: list[dict], out: str | None, as_json: bool) -> None:
    import io

    from seqwise.core.files import write_text

    buffer = io.StringIO()
    if as_json:
        import json

        buffer.write(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    else:
        labels = list(rows[0]["probabilities"]) if rows else []
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["text", "label", *labels])
        writer.writerows([row["text"], row["label"], *(f"{row['probabilities'][label]:.6f}" for label in labels)] for row in rows)
    if out:
        write_text(Path(out), buffer.getvalue())
    else:
        sys.stdout.write(buffer.getvalue())
