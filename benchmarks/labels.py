"""What pretraining is worth: each shipped model fine-tuned and from fresh weights, with a hundred labels and with more.

usage: python benchmarks/labels.py, which writes the table of docs/pretraining.md from the records in benchmarks/records
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from figures import Bench, Figure, Findings
from pages import DOCS, RECORDS, filled
from runs import compare

from seqwise.core.files import read_json, write_text

FAMILIES = ("rnn", "lstm", "gru", "transformer")
STEPS = {100: 120, 500: 240, 2000: 480}
"""Numbers of labels, and the steps of 16 examples: 19, 8 and 4 passes over them. No stopwatch: the same numbers on any machine."""
FEWER_STEPS = {100: 120, 500: 180, 2000: 360}
"""For long texts: 19, 6 and 3 passes. A step on 256 tokens takes 15 times as long as one on a short question."""
PAGE = DOCS / "pretraining.md"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled:
    """A data set, and how it is read."""

    train: str
    test: str | None = None
    validation: str | None = None
    text: str = "text"
    target: str = "label"
    replicates: int = 6
    steps: Mapping[int, int] = dataclasses.field(default_factory=lambda: STEPS)


SETS = {
    "trec": Labelled(train="train.csv", test="test.csv"),
    "sst2": Labelled(train="train.parquet", validation="validation.parquet", test="test.parquet"),
    "names": Labelled(train="names.csv", text="name"),
    "newsgroups20": Labelled(train="train.parquet", test="test.parquet", replicates=3, steps=FEWER_STEPS),
}
CASES = {f"labels-{name}-{count}": (name, count) for count in STEPS for name in SETS}
"""Steps of the evidence: a data set and a number of labels each, few labels first."""


def labels(bench: Bench, name: str, count: int, models: tuple[str, ...] = FAMILIES) -> Findings:
    """One data set at one number of labels: a comparison in which every family stands twice."""
    chosen, folder = SETS[name], bench.dataset(name)
    result = compare(
        str(folder / chosen.train),
        bench.out / "runs" / f"labels-{name}-{count}",
        test=chosen.test and folder / chosen.test,
        validation=chosen.validation and folder / chosen.validation,
        text=chosen.text,
        target=chosen.target,
        from_pretrained=",".join(f"{family}-tiny" for family in models),
        labels=count,
        context=256,
        batch=16,
        steps=bench.choose(chosen.steps[count], 12),
        refit=False,
        replicates=bench.choose(chosen.replicates, 2),
        configurations=bench.choose(2, 1),
    )
    rows = [{"labels": count, "family": family} | gain(result, f"{family}-tiny") for family in models]
    baselines = {model["name"]: model["scores"] for model in result["models"] if model["kind"] == "baseline"}
    return Findings(_figures(rows, result["protocol"]), {"rows": rows, "protocol": result["protocol"], "baselines": baselines})


def _figures(rows: Sequence[Mapping[str, Any]], protocol: Mapping[str, Any]) -> list[Figure]:
    return [
        Figure(
            name=f"{row['family']}: {_shown(row['scratch'])} from scratch, {_shown(row['fine-tuned'])} fine-tuned",
            value=row["gain"],
            unit=protocol["metric"],
            interval=row["ci95"],
            spread="95 % interval",
            samples=protocol["replicates"],
        )
        for row in rows
    ]


def gain(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Scores of a model from scratch and fine-tuned, and their difference with its 95 % interval over replicates and test units.

    None where a model failed.
    """
    metric = result["protocol"]["metric"]
    scores = {model["name"]: model["scores"].get(metric) for model in result["models"]}
    pairs = [pair for pair in result["pairwise"] if {pair["a"], pair["b"]} == {name, f"{name}-scratch"}]
    pair = pairs[0] if pairs else {"a": name, "difference": None, "ci95": None}
    sign = 1 if pair["a"] == name else -1
    ends = pair["ci95"] and sorted(sign * end for end in pair["ci95"])
    return {
        "scratch": scores[f"{name}-scratch"],
        "fine-tuned": scores[name],
        "gain": None if pair["difference"] is None else sign * pair["difference"],
        "ci95": ends and tuple(ends),
    }


def table(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Markdown: accuracy in percent from scratch and fine-tuned, the gain in points with its 95 % interval.

    Args:
        rows: of every data set, as :func:`labels` puts them into its record.
    """
    if not rows:
        return "No data set has a record yet.\n"
    lines = [f"| data | labels | {' | '.join(FAMILIES)} |", "|---|---|" + "---|" * len(FAMILIES)]
    for name, measured in rows.items():
        for count in dict.fromkeys(row["labels"] for row in measured):
            cells = [_cell(row) for family in FAMILIES for row in measured if (row["labels"], row["family"]) == (count, family)]
            lines.append(f"| {name} | {count:,} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any]) -> str:
    if row["gain"] is None:
        return "failed"
    gain, *ends = (f"{100 * value:+.1f}".replace("-", "−") for value in (row["gain"], *(row["ci95"] or ())))
    interval = f" ({' to '.join(ends)})" if ends else ""
    return f"{100 * row['scratch']['mean']:.1f} → {100 * row['fine-tuned']['mean']:.1f}, {gain}{interval}"


def recorded() -> dict[str, list[dict[str, Any]]]:
    """The rows of every data set, of what has a record."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in SETS:
        for count in STEPS:
            file = RECORDS / f"labels-{name}-{count}.json"
            if file.exists():
                rows.setdefault(name, []).extend(read_json(file)["details"]["rows"])
    return rows


def _shown(score: dict[str, Any] | None) -> str:
    return f"{score['mean']:.3f}" if score else "failed"


if __name__ == "__main__":
    write_text(PAGE, filled(PAGE.read_text(encoding="utf-8"), "labels", table(recorded())))
