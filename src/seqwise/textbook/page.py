"""The page of claims: the document's table measured again, then each claim with its rules, numbers, pictures and sources."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqwise.report import numbers
from seqwise.report.document import Block, Callout, Cell, Code, Column, Details, Document, Paragraph, Section, Table
from seqwise.report.html import render
from seqwise.textbook.clause import DECIDED, UNRUN, UNTESTABLE

KINDS = {"supported": "good", "contradicted": "warning", "mixed": "note", "undecided": "note", UNTESTABLE: "note", UNRUN: "note"}
NAMES = {"rnn": "RNN", "lstm": "LSTM", "transformer": "Transformer"}


def render_claims(result: Mapping[str, Any], pictures: Mapping[str, tuple[Block, ...]]) -> str:
    """``claims.html`` from ``claims.json`` and the pictures of each claim."""
    run = [claim for claim in result["claims"] if claim["verdict"] != UNRUN]
    counts = {verdict: sum(claim["verdict"] == verdict for claim in run) for verdict in KINDS}
    told = numbers.listed([f"{count} {verdict}" for verdict, count in counts.items() if count]) or "nothing yet"
    environment = result["environment"]
    subtitle = f"Tier {result['tier']} on {environment['cpu']}, {environment['cores']} cores: {told}."
    sections = (_table(result), *(_claim(claim, pictures.get(claim["id"], ()), result) for claim in run), _agreement(result), _rest(result))
    footer = "Made by seqwise from claims.json beside this file, which holds every number shown here."
    return render(Document("RNN, LSTM, Transformer: what the claims come to", subtitle, tuple(s for s in sections if s.blocks), footer))


def _table(result: Mapping[str, Any]) -> Section:
    columns = (Column("feature"), *(Column(name, wide=True) for name in NAMES.values()), Column("verdict"))
    rows = tuple(
        (
            Cell(row["feature"], strong=True),
            *(Cell(row[family], note=f"document: {row['document'][family]}") for family in NAMES),
            Cell("not run" if row["verdict"] == UNRUN else row["verdict"], strong=row["verdict"] in DECIDED),
        )
        for row in result["table"]
    )
    intro = "The document's table, measured again here. Under each figure stands what the document says."
    return Section("table", "The table, measured", intro, (Table(columns, rows, sortable=False, stacked=True),))


def _claim(claim: Mapping[str, Any], pictures: tuple[Block, ...], result: Mapping[str, Any]) -> Section:
    blocks: list[Block] = [Callout(KINDS[claim["verdict"]], claim["verdict"], claim["summary"]), *_left_out(claim)]
    blocks += [_clauses(claim), *pictures]
    if claim["published"]:
        blocks.append(_published(claim))
    blocks.append(Details("Every measurement", (_measurements(claim),)))
    blocks.append(Details("Run it again", (Code(f"seqwise claims {claim['id']} --tier {result['tier']}"),)))
    return Section(claim["id"], numbers.capital(claim["id"].replace("-", " ")), f"{claim['statement']} ({claim['source']})", tuple(blocks))


def _left_out(claim: Mapping[str, Any]) -> list[Block]:
    """What stands between the plan and the figures."""
    experiments = claim["experiments"]
    planned, done, failed = experiments["planned"], experiments["done"], experiments["failed"]
    if done == planned:
        return []
    text = f"{planned - done - len(failed)} did not fit into its seconds, {len(failed)} broke."
    errors = (Details("What broke", tuple(Code(f"{one['part']} {one['settings']} seed {one['seed']}: {one['error']}") for one in failed)),)
    return [Callout("warning", "incomplete", f"{done} of {planned} experiments", text), *(errors if failed else ())]


def _clauses(claim: Mapping[str, Any]) -> Table:
    columns = (
        Column("clause", wide=True),
        Column("holds where", wide=True),
        Column("measured", "right"),
        Column("of", wide=True),
        Column("verdict", wide=True),
    )
    rows = tuple(
        (clause["statement"], _rule(clause), _value(clause), _scope(clause), Cell(clause["verdict"], strong=True, note=clause["why"]))
        for clause in claim["clauses"]
    )
    return Table(
        columns,
        rows,
        "The rule of each clause is fixed under a hash; where the figure of a pilot was known when it was fixed, that is said.",
        sortable=False,
        stacked=True,
    )


def _rule(clause: Mapping[str, Any]) -> str:
    threshold = clause["threshold"]
    if isinstance(threshold, list):
        return f"{clause['effect']} is from {numbers.number(threshold[0])} to {numbers.number(threshold[1])} {clause['unit']}"
    return f"{clause['effect']} is {clause['direction']} {numbers.number(threshold)} {clause['unit']}"


def _scope(clause: Mapping[str, Any]) -> str:
    notes = (
        clause["untestable"],
        "a pilot was known" if clause["pilot_seen"] else "",
        "beside the claim, without a say in its verdict" if clause["control"] else "",
    )
    return "; ".join((clause["scope"], *(note for note in notes if note)))


def _value(told: Mapping[str, Any]) -> Cell:
    if told["value"] is None:
        return Cell(numbers.MISSING)
    ends = told["ci95"]
    return Cell(
        numbers.number(told["value"]), told["value"], note=f"({numbers.number(ends[0])} to {numbers.number(ends[1])})" if ends else ""
    )


def _published(claim: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            figure["value"],
            _beside([claim["clauses"][number] for number in figure["clauses"]]),
            figure["source"] + ("" if figure["read"] else " (not read at the source)"),
        )
        for figure in claim["published"]
    )
    columns = (Column("published", wide=True), Column("here", wide=True), Column("source", wide=True))
    return Table(columns, rows, sortable=False, stacked=True)


def _beside(clauses: Sequence[Mapping[str, Any]]) -> Cell:
    """What was measured here of the same."""
    shown = [clause for clause in clauses if clause["value"] is not None]
    if not shown:
        return Cell("not measured" if clauses else "nothing comparable")
    figures = [f"{numbers.number(clause['value'])} {clause['unit']}".strip() for clause in shown]
    return Cell("; ".join(figures), note="; ".join(clause["effect"] for clause in shown))


def _measurements(claim: Mapping[str, Any]) -> Table:
    columns = (
        Column("model"),
        Column("quantity", wide=True),
        Column("at"),
        Column("value", "right"),
        Column("unit"),
        Column("samples", "right"),
    )
    rows = tuple(
        (m["model"], m["quantity"], ", ".join(f"{key} {value}" for key, value in m["at"].items()), _value(m), m["unit"], str(m["seeds"]))
        for m in claim["measurements"]
    )
    return Table(columns, rows)


def _agreement(result: Mapping[str, Any]) -> Section:
    """Published signs beside ours."""
    found = result["agreement"]
    if not found["of"]:
        return Section("agreement", "")
    text = f"{found['agreeing']} of {found['of']} published orders of two models come out the same here"
    text += f" ({numbers.share(found['ci95'][0])} to {numbers.share(found['ci95'][1])} of such orders). This is a diagnostic, not a goal."
    columns = (Column("quantity", wide=True), Column("published", wide=True), Column("here"), Column("what stands between", wide=True))
    rows = tuple((f"{row['claim']}: {row['quantity']}", row["published"], row["here"], row["why"]) for row in found["disagreements"])
    blocks = (Paragraph(text), *((Table(columns, rows, sortable=False, stacked=True),) if rows else ()))
    return Section("agreement", "Beside the literature", "", blocks)


def _rest(result: Mapping[str, Any]) -> Section:
    left = [claim["id"] for claim in result["claims"] if claim["verdict"] == UNRUN]
    text = f"Not run here: {numbers.listed(left)}." if left else ""
    return Section("rest", "What was not run", "", (Paragraph(text),) if left else ())
