"""The document's table: its cells as they stand there, and the claims that measure each row."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.textbook.clause import UNRUN, verdict_of

FAMILIES = ("rnn", "lstm", "transformer")


@dataclasses.dataclass(frozen=True)
class Row:
    """A row: what the document says of each family, and the claims that measure it."""

    feature: str
    rnn: str
    lstm: str
    transformer: str
    claims: tuple[str, ...]


LACKING = "State tracking"
"""A row that the document does not have."""
ROWS = (
    Row("Architecture", "recurrent", "recurrent, gated", "attention, not recurrent", ("architecture",)),
    Row(
        "Long dependencies",
        "forgets quickly",
        "better, short to medium range",
        "excellent, global context",
        ("long-dependencies",),
    ),
    Row("Training parallelism", "sequential, slow", "sequential, still slow", "full, fast", ("training-speed",)),
    Row("Vanishing gradient", "common", "less common, gates help", "not a problem", ("vanishing-gradient",)),
    Row("Memory / context size", "small", "medium", "large / global", ("context-size",)),
    Row("Best use cases", "small text, time series", "medium text, speech", "long text, translation, generation", ("use-cases",)),
    Row("Position tracking", "implicit, by order", "implicit, by order", "explicit positional encoding", ("position",)),
    Row("Attention support", "none", "none", "native self-attention", ("attention-support",)),
    Row("Inference speed", "slow", "still slow", "fast with a GPU", ("inference-speed",)),
    Row(
        "Pretraining availability",
        "rare or none",
        "rare or none",
        "wide (BERT, GPT, ...)",
        ("pretraining", "ecosystem"),
    ),
    Row(LACKING, "not in the document", "not in the document", "not in the document", ("state-tracking",)),
)


def measured_table(claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every row with what was measured in each cell, and the verdict of its claims taken together.

    Args:
        claims: entries of ``claims.json``; each tells the cells that it measures under ``cells``: feature, then family.
    """
    known = {claim["id"]: claim for claim in claims}
    found = []
    for row in ROWS:
        mine = [known[name] for name in row.claims if name in known]
        cells = {family: [claim["cells"].get(row.feature, {}).get(family) for claim in mine] for family in FAMILIES}
        found.append(
            {
                "feature": row.feature,
                **{family: "; ".join(text for text in cells[family] if text) or "not measured" for family in FAMILIES},
                "document": {family: getattr(row, family) for family in FAMILIES},
                "verdict": row_verdict([claim["verdict"] for claim in mine]),
                "claims": [claim["id"] for claim in mine],
            }
        )
    return found


def row_verdict(verdicts: Sequence[str]) -> str:
    """Of several claims as of several clauses; one that is mixed makes the row so."""
    return "mixed" if "mixed" in verdicts else verdict_of(verdicts) if verdicts else UNRUN
