"""For each claim a planted effect is found, on the side where it was planted, and a planted null is not."""

import dataclasses
import json

import numpy as np
import pytest

from planted import planted
from seqwise.report.document import Figure
from seqwise.textbook import CLAIMS
from seqwise.textbook.agreement import ORDERS, agreement
from seqwise.textbook.table import ROWS as ROWS_OF_TABLE
from seqwise.textbook.use_cases import CASES


@dataclasses.dataclass(frozen=True)
class Row:
    """A clause, the quantity that decides it, and values of it: where the statement holds, where it fails, where neither can be said."""

    claim: str
    clause: int
    quantity: str
    holds: float
    fails: float
    null: float | None = None


ROWS = (
    Row("architecture", 0, "restart", 0.0, 1e-3),
    Row("architecture", 1, "state", 1.0, 3.0),
    Row("architecture", 2, "cache", 100.0, 50.0),
    Row("architecture", 3, "order", 0.5, 1e-6),
    Row("architecture", 4, "set", 1e-15, 0.1),
    Row("architecture", 5, "reach", 0.2, -0.1, 0.05),
    Row("architecture", 6, "forget gate", 0.3, 0.0, 0.1),
    Row("training-speed", 0, "lstm", 3.0, 0.5, 2.0),
    Row("training-speed", 1, "lstm", 3.0, 0.5, 1.0),
    Row("training-speed", 2, "rnn", 3.0, 0.5, 2.0),
    Row("training-speed", 3, "lstm waits", 5.0, 0.0),
    Row("training-speed", 4, "transformer waits", 0.0, 5.0),
    Row("inference-speed", 0, "text", 2.0, 0.5, 1.0),
    Row("inference-speed", 1, "next token", 2.0, 0.5, 1.0),
    Row("inference-speed", 2, "transformer slows", 1.1, 4.0, 2.0),
    Row("inference-speed", 3, "lstm slows", 1.0, 2.0, 1.25),
    Row("inference-speed", 4, "state", 1, 2),
    Row("inference-speed", 5, "cache", 0.0, 0.1),
    Row("long-dependencies", 0, "rnn solves", 0.0, 1.0, 0.5),
    Row("long-dependencies", 1, "lstm nearer", 3.0, -1.0, 0.0),
    Row("long-dependencies", 2, "transformer solves", 1.0, 0.0, 0.5),
    Row("long-dependencies", 3, "lstm copies", 0.2, 0.8, 0.5),
    Row("long-dependencies", 4, "transformer copies", 0.97, 0.5, 0.9),
    Row("context-size", 0, "lstm uses", 0.6, -0.6, 0.0),
    Row("context-size", 1, "transformer uses", 0.6, -0.6, 0.0),
    Row("context-size", 2, "transformer recalls", 0.97, 0.3, 0.9),
    Row("context-size", 3, "lstm falls", -0.5, 0.0, -0.1),
    Row("context-size", 4, "cache", 2.0, 1.0),
    Row("state-tracking", 0, "rnn", 0.98, 0.6, 0.95),
    Row("state-tracking", 1, "lstm", 0.98, 0.6, 0.95),
    Row("state-tracking", 2, "transformer", 0.55, 0.9, 0.65),
    Row("state-tracking", 3, "mingru", 0.55, 0.9, 0.65),
    Row("state-tracking", 4, "control", 0.95, 0.6, 0.8),
    Row("attention-support", 0, "lstm gains", 0.1, 0.45, 0.3),
    Row("attention-support", 1, "rnn gains", 0.1, 0.45, 0.3),
    Row("attention-support", 2, "transformer ahead", 0.15, -0.15, 0.0),
    *(Row("use-cases", number, use, 0.1, -0.1, 0.0) for number, use in enumerate(CASES)),
    Row("ecosystem", 0, "classic", 0.005, 0.1),
    Row("ecosystem", 1, "recurrent", 0.005, 0.1),
    Row("ecosystem", 2, "ahead without", 1, 0),
    Row("ecosystem", 3, "ahead with", 1, 0),
    Row("ecosystem", 4, "pretrained", 0, 5),
    Row("pretraining", 0, "lstm gains", -0.1, 0.1, 0.0),
    Row("pretraining", 1, "transformer gains more", 0.1, -0.1, 0.0),
    Row("pretraining", 2, "steps", 5.0, 2.0, 3.5),
    Row("scaling", 0, "parameters, lstm", 0.05, -0.05, 0.0),
    Row("scaling", 1, "parameters, rnn", 0.05, -0.05, 0.0),
    Row("scaling", 2, "text, lstm", 0.05, -0.05, 0.0),
    Row("scaling", 3, "equal seconds", -0.05, 0.05, 0.0),
    Row("standard-architecture", 0, "lstm spread", 0.6, 0.006, 0.06),
    Row("standard-architecture", 1, "lstm spread", 0.6, 0.002, 0.02),
    Row("position", 0, "blind", 1e-15, 0.1),
    Row("position", 1, "recurrent", 0.5, 1e-6),
    Row("position", 2, "coded", 0.5, 1e-6),
    Row("position", 3, "one layer", 1e-15, 0.1),
    Row("position", 4, "two layers", 1e-15, 0.1),
    Row("position", 5, "no code", 1.1, 1.0, 1.05),
    Row("position", 6, "no code, both sides", 1.7, 1.2, 1.5),
    Row("vanishing-gradient", 0, "cell", 0.0, 0.1),
    Row("vanishing-gradient", 1, "linear", 0.0, 0.1),
    Row("vanishing-gradient", 2, "rnn", -0.5, -0.02, -0.1),
    Row("vanishing-gradient", 3, "lstm, as torch begins", -0.05, -0.8, -0.5),
    Row("vanishing-gradient", 4, "lstm, as torch begins", -0.05, -0.5, -0.1),
    Row("vanishing-gradient", 5, "lstm, forget bias 1", -0.01, -0.5, -0.05),
    Row("vanishing-gradient", 6, "transformer", 0.0, -0.05, 0.01),
    Row("vanishing-gradient", 7, "rnn, trained", -0.5, -0.02, -0.1),
)
TIERS = [(name, tier) for name in CLAIMS for tier in CLAIMS[name].seconds]


def label(value) -> str:
    return f"{value.claim}-{value.clause}" if isinstance(value, Row) else str(value)


def results(name: str, changes=(), tier: str | None = None):
    """In which every clause holds, but for the changes."""
    return planted(name, {row.quantity: row.holds for row in ROWS if row.claim == name} | dict(changes), tier)


def verdict(row: Row, value: float) -> str:
    return CLAIMS[row.claim]().told(results(row.claim, {row.quantity: value}), 0.0)["clauses"][row.clause]["verdict"]


@pytest.mark.parametrize("name", CLAIMS)
def test_something_is_planted_for_every_clause_that_can_be_tested(name):
    clauses = {number: clause for number, clause in enumerate(CLAIMS[name].clauses) if clause.testable and clause.scope != "this GPU"}
    rows = [row for row in ROWS if row.claim == name]
    assert [row.clause for row in rows] == list(clauses)
    assert all((row.null is None) == (clauses[row.clause].scope == "exact") for row in rows)


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_an_effect_is_found_on_the_side_where_it_was_planted(row):
    assert verdict(row, row.holds) == "supported"
    assert verdict(row, row.fails) == "contradicted"


@pytest.mark.parametrize("row", [row for row in ROWS if row.null is not None], ids=label)
def test_a_null_is_not_decided(row):
    assert verdict(row, row.null) == "undecided"


def shape(value):
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("architecture", "layers"),
        ("position", "order"),
        ("training-speed", "chain"),
        *(("vanishing-gradient", part) for part in ("cell", "linear", "layers")),
    ],
)
def test_what_is_planted_has_the_shape_of_what_is_measured(name, part):
    experiment, found = next(result for result in results(name, tier="smoke") if result[0].part == part)
    assert shape(found) == shape(json.loads(json.dumps(CLAIMS[name]().run(experiment))))


@pytest.mark.parametrize(
    ("name", "part"),
    [("state-tracking", "parity"), ("state-tracking", "untrained"), ("long-dependencies", "copying"), ("attention-support", "reverse")],
)
def test_trainings_are_planted_in_the_shape_of_a_short_one(name, part):
    experiment, found = next(result for result in results(name) if result[0].part == part and result[1].get("solved_at") is None)
    short = dataclasses.replace(experiment, settings=experiment.settings | {"steps": 1})
    assert shape(found) == shape(json.loads(json.dumps(CLAIMS[name]().run(short))))


def shown(name, found):
    """The claim's entry, which must be JSON, and its pictures, which must be drawn."""
    claim = CLAIMS[name]()
    told = claim.told(found, 0.0)
    assert json.loads(json.dumps(told, allow_nan=False))["id"] == name
    assert "{" not in "".join([told["summary"], *(text for cells in told["cells"].values() for text in cells.values())])
    for figure in claim.pictures(found):
        assert isinstance(figure, Figure)
        assert "<svg" in figure.svg
        assert "nan" not in figure.svg
    return told


@pytest.mark.parametrize("name", CLAIMS)
def test_what_was_planted_is_told_and_drawn(name):
    told = shown(name, results(name))
    assert told["verdict"] == "supported"
    assert told["measurements"]
    assert bool(told["cells"]) == any(name in row.claims for row in ROWS_OF_TABLE)


@pytest.mark.parametrize(("name", "tier"), TIERS)
def test_results_cut_off_anywhere_are_told_and_drawn(name, tier):
    rng, whole = np.random.default_rng(0), results(name, tier=tier)
    for _ in range(3):
        shown(name, whole[: rng.integers(len(whole))])
        share = rng.random()
        shown(name, [result for result in whole if rng.random() < share])


@pytest.mark.parametrize(("name", "clauses"), [("use-cases", range(len(CASES))), ("pretraining", (0, 1))])
def test_models_that_are_no_better_than_a_trivial_baseline_decide_nothing(name, clauses):
    rows = CLAIMS[name]().told(results(name, {"trivial": 2.0}), 0.0)["clauses"]
    assert {rows[number]["verdict"] for number in clauses} == {"undecided"}
    assert all("nothing was learned" in rows[number]["why"] for number in clauses)


DIVERGED = {"status": "diverged", "validation": None, "solved_at": None, "by_length": {}, "chance": {}}


@pytest.mark.parametrize("name", ["long-dependencies", "context-size", "state-tracking", "attention-support"])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_trainings_that_diverged_are_told_and_drawn(name, share):
    rng, whole = np.random.default_rng(0), results(name, tier="standard")
    shown(name, [(e, row | DIVERGED if "by_length" in row and rng.random() < share else row) for e, row in whole])


@pytest.mark.parametrize("name", list(CLAIMS))
def test_published_figures_stand_beside_clauses_that_can_be_measured(name):
    claim = CLAIMS[name]
    for figure in claim.published:
        assert all(number in range(len(claim.clauses)) for number in figure.clauses)


def test_every_published_order_is_looked_for_under_a_name_that_is_measured():
    told = [CLAIMS[name]().told(results(name, tier="standard"), 0.0) for name in {order.claim for order in ORDERS}]
    assert agreement(told)["of"] == len(ORDERS)
