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
    target: shared.TargetColumn = None,
    header: shared.Header = None,
    id: shared.IdColumn = None,
    time: shared.TimeColumn = None,
    out: Annotated[str | None, typer.Option(help="Write here instead of to the terminal.")] = None,
    json: shared.Json = False,
) -> None:
    """Label a file or one text, with probabilities, as csv or JSON."""
    from seqwise.api import answers
    from seqwise.data.readers import read_texts
    from seqwise.data.series_files import read_series
    from seqwise.data.series_format import SeriesColumns, in_order
    from seqwise.data.tables import is_source
    from seqwise.predictor import load_predictor

    if out and Path(out).exists():
        raise UserError(f"{out} exists", fix="choose another --out, or remove it")
    predictor = load_predictor(run)
    if predictor.task == "time-series-classification":
        if not is_source(data):
            raise UserError(f"there is no file {data}", expected="a file of series, as this model reads them")
        file = read_series(data, SeriesColumns(id=id, time=time, target=target), labelled=False)
        file = in_order(file, predictor.channels, "the model") if predictor.channels else file
        examples, names = file.series, [{"series": name} for name in file.names]
    else:
        examples = read_texts(data, column=text, header=header)
        names = [{"text": one} for one in examples]
    _write([name | answer for name, answer in zip(names, answers(predictor, examples), strict=True)], out, json)


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
        first = next(iter(rows[0])) if rows else "text"
        writer.writerow([first, "label", *labels])
        writer.writerows([row[first], row["label"], *(f"{row['probabilities'][label]:.6f}" for label in labels)] for row in rows)
    if out:
        write_text(Path(out), buffer.getvalue())
    else:
        sys.stdout.write(buffer.getvalue())
