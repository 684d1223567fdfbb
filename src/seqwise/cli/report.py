"""``seqwise report``: draw a run's report again."""

from typing import Annotated

import typer

from seqwise.cli import shared


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder of compare or train.")], json: shared.Json = False
) -> None:
    """Write report.html again from comparison.json, and show the verdict."""
    from seqwise.api import Comparison
    from seqwise.comparison.page import render_report
    from seqwise.core.files import write_text

    comparison = Comparison.open(run)
    write_text(comparison.path / "report.html", render_report(comparison.result))
    shared.show(comparison, json)
