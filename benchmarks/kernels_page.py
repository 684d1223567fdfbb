"""The tables of docs/kernels.md, from the records in benchmarks/records.

usage: python benchmarks/kernels_page.py
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pages import DOCS, RECORDS, filled, markdown
from recurrent import BATCHES, GATES, WIDTHS
from recurrent_parts import PARTS

from seqwise.core.files import read_json, write_text

PAGE = DOCS / "kernels.md"
DECODERS = ("seqwise.nn", "torch.nn", "torch.jit", "ONNX Runtime", "ONNX Runtime, bound")
Record = Mapping[str, Any]


def by_cell(record: Record, shown: Callable[[Record], str]) -> str:
    """A row per number of threads, layer and batch, a column per width."""
    cells = {(cell["threads"], cell["layer"], cell["batch"], cell["width"]): shown(cell) for cell in record["details"]["cells"]}
    rows = [
        [str(threads), layer, str(batch), *(cells[threads, layer, batch, width] for width in WIDTHS)]
        for threads in sorted({key[0] for key in cells})
        for layer in GATES
        for batch in BATCHES
        if (threads, layer, batch, WIDTHS[0]) in cells
    ]
    return markdown(["threads", "layer", "batch", *(f"width {width}" for width in WIDTHS)], rows)


def grid(record: Record) -> str:
    """Times as fast as torch.nn, and the share of the peak: ours, torch's. What is slower than torch stands out."""

    def shown(cell: Record) -> str:
        ratio = f"{cell['ratio']:.2f}"
        share = cell["share"]
        return f"{ratio if cell['ratio'] >= 1 else f'**{ratio}**'} ({share['ours']:.0%}, {share['torch']:.0%})"

    return by_cell(record, shown)


def means(record: Record) -> str:
    found = {figure["name"]: figure["value"] for figure in record["figures"]}
    return markdown(list(GATES), [[f"{found[f'{name}: geometric mean']:.2f}" for name in GATES]])


def parts(record: Record) -> str:
    """The share of the peak that each part reaches, and what of the pass is none of them."""
    rows = [
        [str(cell["threads"]), cell["layer"], f"{cell['batch']}x{cell['width']}", *(f"{share:.0%}" for share in cell["share"].values()),
         f"{cell['seconds']['around'] / cell['seconds']['whole']:.0%}"]
        for cell in record["details"]["cells"]
    ]  # fmt: skip
    return markdown(["threads", "layer", "batch x width", *PARTS, "neither, of the pass"], rows)


def ragged(record: Record) -> str:
    return by_cell(record, lambda cell: f"{cell['ratio']:.2f}")


def decoding(record: Record) -> str:
    """Microseconds of a step of two layers, batch 1."""
    found = {figure["name"]: figure["value"] for figure in record["figures"] if figure["name"].endswith(": one step")}
    rows = []
    for layer in GATES:
        for width in WIDTHS:
            times = (found.get(f"{layer} 2 x {width}, {name}: one step") for name in DECODERS)
            rows.append([layer, str(width), *("" if time is None else f"{time:,.0f}" for time in times)])
    return markdown(["layer", "width", *DECODERS], rows)


def steps(record: Record) -> str:
    """What a training step of a trial takes with torch's layers, and with ours."""
    pattern = re.compile(r"(?P<data>\S+), (?P<model>\S+): (?P<before>\S+) to (?P<after>\S+) ms a step")
    rows = [list(found.groups()) for figure in record["figures"] if (found := pattern.match(figure["name"]))]
    return markdown(["data", "model", "torch, ms a step", "ours, ms a step"], rows)


TABLES = {
    "recurrent-grid": grid,
    "recurrent-grid means": means,
    "recurrent-parts": parts,
    "recurrent-ragged": ragged,
    "decoding-layers": decoding,
    "end-to-end": steps,
}
"""What stands between the marks of that name; the first word is the record's."""


def made(page: str, read: Callable[[str], Record]) -> str:
    """The page with every table made anew."""
    for name, table in TABLES.items():
        page = filled(page, name, table(read(name.split()[0])))
    return page


if __name__ == "__main__":
    write_text(PAGE, made(PAGE.read_text(encoding="utf-8"), lambda name: read_json(RECORDS / f"{name}.json")))
