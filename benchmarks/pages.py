"""Pages of the documentation that show records: what stands between two marks is made anew."""

from collections.abc import Iterable, Sequence
from pathlib import Path

RECORDS = Path(__file__).parent / "records"
DOCS = Path(__file__).parents[1] / "docs"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def filled(page: str, name: str, table: str) -> str:
    """The page with ``table`` between the marks of that name. Raises ``ValueError`` where there are none."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = page.partition(start)
    if not found or end not in rest:
        raise ValueError(f"the page has no place for {name}")
    return before + start + table + end + rest.partition(end)[2]
