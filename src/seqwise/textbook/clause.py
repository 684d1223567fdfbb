"""A clause of a claim: one quantity, one threshold, fixed before anything is measured; and what an interval says of it."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from seqwise.core.config import Config, canonical_json
from seqwise.core.errors import UserError

SCOPES = ("exact", "this CPU", "this GPU", "this data", "history")
DIRECTIONS = ("above", "below", "within")
UNTESTABLE, UNRUN = "not testable here", "not run in this tier"
DECIDED = ("supported", "contradicted")


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; without one where it is known exactly, or cannot be told.

    Args:
        samples: seeds, or whatever the interval is over.
        why: why there is no interval, where one would be expected.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    samples: int = 1
    why: str = ""

    @property
    def ci95(self) -> list[float] | None:
        return None if self.low is None or self.high is None else [self.low, self.high]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clause(Config):
    """What a statement says, as a rule that can fail.

    Args:
        statement: in words.
        scope: of what the clause is true: "exact", "this CPU", "this GPU", "this data" or "history".
        effect: what is measured.
        unit: of it.
        threshold: a number, or for "within" the two ends of a range.
        direction: on which side of the threshold the statement holds.
        pilot_seen: whether a figure of a pilot was known when the threshold was set.
        control: a check, or a fact beside the claim, that has no say in its verdict.
        untestable: why nothing can be measured here; empty where something can.
    """

    statement: str
    scope: str
    effect: str
    unit: str
    threshold: float | tuple[float, float]
    direction: str = "above"
    pilot_seen: bool = False
    control: bool = False
    untestable: str = ""

    def __post_init__(self) -> None:
        for name, value, known in (("scope", self.scope, SCOPES), ("direction", self.direction, DIRECTIONS)):
            if value not in known:
                raise UserError(f"a clause has the {name} '{value}'", expected=", ".join(known))
        if (self.direction == "within") != isinstance(self.threshold, tuple):
            raise UserError(
                f"the threshold {self.threshold} does not go with '{self.direction}'", expected="two ends for within, else one number"
            )

    @property
    def rule_sha256(self) -> str:
        return hashlib.sha256(canonical_json(self.to_dict()).encode()).hexdigest()

    @property
    def testable(self) -> bool:
        return not self.untestable and self.scope != "history"

    def judge(self, estimate: Estimate | None) -> str:
        """Supported where the interval lies wholly on the statement's side, contradicted where wholly on the other, else undecided.

        An exact quantity is its own interval; one that varies and has none decides nothing.
        """
        known = estimate is not None and estimate.value is not None
        if not self.testable or (self.scope == "this GPU" and not known):
            return UNTESTABLE
        if not known:
            return UNRUN
        ends = estimate.ci95
        if ends is None and self.scope == "exact":
            ends = [estimate.value, estimate.value]
        if ends is None:
            return "undecided"
        low, high = ends
        if isinstance(self.threshold, tuple):
            first, last = self.threshold
            return _side(first <= low and high <= last, high < first or low > last)
        if self.direction == "above":
            return _side(low > self.threshold, high < self.threshold)
        return _side(high < self.threshold, low > self.threshold)

    def told(self, estimate: Estimate | None) -> dict[str, Any]:
        """As ``claims.json`` has it."""
        threshold = list(self.threshold) if isinstance(self.threshold, tuple) else self.threshold
        shown = estimate if self.testable and estimate is not None else Estimate(None, samples=0)
        return self.to_dict() | {
            "threshold": threshold,
            "value": shown.value,
            "ci95": shown.ci95,
            "samples": shown.samples,
            "why": shown.why,
            "verdict": self.judge(estimate),
            "rule_sha256": self.rule_sha256,
        }


def _side(holds: bool, fails: bool) -> str:
    return "supported" if holds else "contradicted" if fails else "undecided"


def verdict_of(verdicts: Sequence[str]) -> str:
    """Of a claim, from those of its clauses: mixed only where they are decided differently.

    What cannot be tested here has no say where something else can. A claim is the conjunction of its clauses: one that fails
    contradicts it, and one that is open leaves it open.
    """
    heard = [verdict for verdict in verdicts if verdict != UNTESTABLE]
    if not heard:
        return UNTESTABLE
    if set(heard) == {UNRUN}:
        return UNRUN
    if set(DECIDED) <= set(heard):
        return "mixed"
    return next(verdict for verdict in ("contradicted", "undecided", UNRUN, "supported") if verdict in heard).replace(UNRUN, "undecided")
