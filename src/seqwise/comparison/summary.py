"""The result of a comparison in a terminal: the advice, the verdict, and one line per model."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqwise.comparison.wording import dig, primary, primary_score, ranked, sentence, worst_case
from seqwise.report import numbers

Result = Mapping[str, Any]


def print_summary(result: Result, console: Console) -> None:
    """Verdict, recommendation and table. Names and texts are printed as they are, never read as markup."""
    names = [model["name"] for model in result["models"]]
    recommendation = result["verdict"]["recommendation"]
    if result["status"] == "partial":
        console.print(Text("Partial: the run ended before everything planned was done.", style="yellow"))
    console.print(_labelled("Verdict", sentence(result["verdict"]["text"], names)))
    advice = f"use {recommendation['model']}. " if recommendation["model"] else "none. "
    reason = sentence(recommendation["reason"] or "", names)
    console.print(_labelled("Recommendation", " ".join(part for part in (advice.strip(), reason, worst_case(result)) if part)))
    console.print(_table(result))


def text_summary(result: Result, width: int = 110) -> str:
    """The same without colour, for files and pipes."""
    written = StringIO()
    print_summary(result, Console(file=written, width=width, no_color=True, force_terminal=False, highlight=False))
    return written.getvalue()


def _labelled(label: str, text: str) -> Text:
    return Text.assemble((f"{label}: ", "bold"), text)


def _table(result: Result) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("model")
    for title in ("parameters", f"{primary(result).label} (95 % interval)", "training", "per answer", "on disk"):
        table.add_column(title, justify="right")
    for model in ranked(result):
        table.add_row(
            *map(Text, _row(result, model)), style="bold" if model["name"] == result["verdict"]["recommendation"]["model"] else None
        )
    return table


def _row(result: Result, model: Mapping[str, Any]) -> tuple[str, ...]:
    name = model["name"] if model["status"] == "ok" else f"{model['name']} ({model['status']})"
    return (
        name,
        _short(numbers.whole(dig(model, "parameters", "total"))),
        _short(primary(result).score(primary_score(result, model))),
        _short(numbers.duration(dig(model, "cost", "train_seconds"))),
        _short(numbers.milliseconds(dig(model, "cost", "latency_ms", "p50"))),
        _short(numbers.size(model.get("bytes_on_disk"))),
    )


def _short(written: str) -> str:
    return "-" if written == numbers.MISSING else written
