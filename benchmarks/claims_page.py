"""The tables of docs/claims.md, from a claims.json kept as benchmarks/records/claims-standard.json.

usage: python benchmarks/claims_page.py
"""

from collections.abc import Mapping
from typing import Any

from pages import DOCS, RECORDS, filled, markdown

from seqwise.core.files import read_json, write_text

PAGE, RECORD = DOCS / "claims.md", RECORDS / "claims-standard.json"
FAMILIES = {"rnn": "RNN", "lstm": "LSTM", "transformer": "Transformer"}
Result = Mapping[str, Any]


def document(result: Result) -> str:
    """The document's table: what was measured, and under it what the document says."""
    rows = [
        [row["feature"], *(f"{row[family]}<br><sub>{row['document'][family]}</sub>" for family in FAMILIES), row["verdict"]]
        for row in result["table"]
    ]
    return markdown(["feature", *FAMILIES.values(), "verdict"], rows)


def claims(result: Result) -> str:
    clauses = [clause for claim in result["claims"] for clause in claim["clauses"]]
    known = sum(clause["pilot_seen"] for clause in clauses)
    told = f"Of {len(clauses)} clauses {known} were given their rule with a pilot's figure known. Together the claims took"
    told += f" {sum(claim['seconds'] for claim in result['claims']) / 60:.0f} minutes on {result['environment']['cores']} cores.\n\n"
    rows = [[f"`{claim['id']}`", claim["verdict"], claim["summary"], f"{claim['seconds']:.0f} s"] for claim in result["claims"]]
    return told + markdown(["claim", "verdict", "in numbers", "took"], rows)


def agreement(result: Result) -> str:
    found = result["agreement"]
    low, high = found["ci95"]
    told = f"{found['agreeing']} of {found['of']} published orders of two models come out the same here ({low:.0%} to {high:.0%}).\n\n"
    rows = [[row["claim"], row["quantity"], row["published"], row["here"], row["why"]] for row in found["disagreements"]]
    return told + markdown(["claim", "quantity", "published", "here", "what stands between"], rows)


def made(page: str, result: Result) -> str:
    for name, table in {"document": document, "claims": claims, "agreement": agreement}.items():
        page = filled(page, name, table(result))
    return page


if __name__ == "__main__":
    write_text(PAGE, made(PAGE.read_text(encoding="utf-8"), read_json(RECORD)))
