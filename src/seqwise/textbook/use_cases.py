"""Best use cases: whole comparisons on the package's own data, one for each use that the document assigns."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from seqwise.report import numbers
from seqwise.report.charts import Estimate as Bar
from seqwise.report.charts import interval_chart
from seqwise.report.document import Block, Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import DECIDED, Clause
from seqwise.textbook.comparing import compared, gain, no_worse_than, score_of

FAMILIES = ("rnn", "lstm", "transformer")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A use: the data that stand for it, whom the document gives it to, and whom that one is held against."""

    source: str
    wins: str
    against: str
    flags: tuple[str, ...] = ()
    others: tuple[str, ...] = FAMILIES

    def models(self, tier: str) -> list[str]:
        """The two that the clause is about; where there is time the others as well."""
        return [self.wins, self.against, *(name for name in self.others if tier == "long" and name not in (self.wins, self.against))]


CASES = {
    "small text": Case(source="demo:docstrings", wins="rnn", against="transformer", flags=("--context", "20")),
    "medium text": Case(source="demo:docstrings", wins="lstm", against="transformer"),
    "long text": Case(source="demo:sources", wins="transformer", against="lstm", flags=("--context", "1024")),
    "time series": Case(source="demo:sunspots", wins="rnn", against="transformer"),
    "speech": Case(source="demo:vowel-strings", wins="lstm", against="transformer"),
    "text generation": Case(source="demo:docs", wins="transformer", against="lstm"),
    "translation": Case(source="demo:dates", wins="transformer", against="lstm+attention", others=("lstm",)),
    "labelled series": Case(source="demo:digits", wins="rnn", against="transformer"),
}
"""In the order of running: what comes last is another of a kind that was measured."""
BUDGET, REPLICATES, CONFIGURATIONS = {"standard": "70s", "long": "30m"}, {"standard": 4, "long": 5}, {"standard": 1, "long": 3}
NAMES = {"rnn": "RNN", "lstm": "LSTM", "transformer": "Transformer", "lstm+attention": "LSTM with attention"}


def _clause(use: str, case: Case) -> Clause:
    return Clause(
        statement=f"For {use} the {NAMES[case.wins]} does better than the {NAMES[case.against]}",
        scope="this data",
        effect=f"score of {case.wins} less that of {case.against} on {case.source}, so that more is better",
        unit="of the metric",
        threshold=0.0,
    )


class UseCases(Claim):
    id = "use-cases"
    source = "table row: best use cases"
    statement = (
        "RNNs are for small text and time series, LSTMs for medium text and speech, Transformers for long text, translation and generation."
    )
    clauses = tuple(_clause(use, case) for use, case in CASES.items())
    published = (
        Published(
            value="ETTh1, 96 hours ahead, squared error: linear models 0.374 and 0.375 (from 96 hours by the table's head, from 336 by the"
            " scripts' default), Informer 0.865",
            source="Zeng et al. 2023, arXiv:2205.13504, LTSF-Benchmark.md",
        ),
        Published(
            value="M4: won by a hybrid of exponential smoothing and LSTM; no entry of machine learning alone beat the benchmark Comb",
            source="Makridakis et al. 2018, IJF 34:802",
        ),
        Published(value="speech: Transformer ahead on 13 of 15 corpora", source="Karita et al. 2019, arXiv:1909.06317", clauses=(4,)),
        Published(value="a small set of intents: a bidirectional LSTM ahead of BERT", source="arXiv:2009.05451", clauses=(1,)),
        Published(
            value="words of PTB, 24 million parameters, perplexity: LSTM 54.44 to 58.8, Transformer-XL 54.52",
            source="Dai et al. 2019 (Transformer-XL), arXiv:1901.02860",
            read=False,
            clauses=(5,),
        ),
        Published(
            value="translation: an LSTM with the Transformer's ways of training (RNMT+) ahead of the Transformer on WMT14",
            source="Chen et al. 2018, ACL, paper 1011",
            clauses=(6,),
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 14_400.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        told = {"budget": BUDGET[tier], "replicates": REPLICATES[tier], "configurations": CONFIGURATIONS[tier]}
        return [Experiment(part="compare", settings={"use": use, "models": case.models(tier), **told}) for use, case in CASES.items()]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        settings = experiment.settings
        case, asked = CASES[settings["use"]], [(f"--{name}", str(settings[name])) for name in ("budget", "replicates", "configurations")]
        flags = (*itertools.chain(*asked), *case.flags)
        return compared(case.source, "--models", ",".join(settings["models"]), "--seed", str(experiment.seed), *flags)

    def judge(self, results: Sequence[Result]) -> Judged:
        found = {experiment.settings["use"]: row for experiment, row in results}
        estimates = [gain(found[use], case.wins, case.against) if use in found else None for use, case in CASES.items()]
        measured = [
            Measured(model=name, quantity=f"{row['metric']}, {use}", unit="", estimate=score_of(row, name))
            for use, row in found.items()
            for name in row["scores"]
        ]
        verdicts = {use: clause.judge(estimate) for use, clause, estimate in zip(CASES, self.clauses, estimates, strict=True)}
        won, lost = ([use for use, said in verdicts.items() if said == verdict] for verdict in DECIDED)
        summary = (
            f"Of {len(found)} uses measured, the family that the document names is ahead in {len(won)}"
            f" ({numbers.listed(won) or 'none'}), behind in"
            f" {len(lost)} ({numbers.listed(lost) or 'none'}); the others are undecided."
        )
        cells = {name: _best_uses(found, name) for name in FAMILIES}
        return Judged(estimates, measured, summary, {"Best use cases": {name: text for name, text in cells.items() if text}})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """By how much the family that the document names is ahead."""
        rows = []
        for experiment, row in results:
            case = CASES[experiment.settings["use"]]
            estimate = gain(row, case.wins, case.against)
            if estimate and estimate.value is not None:
                label = f"{experiment.settings['use']}: {case.wins} less {case.against} ({row['metric']})"
                rows.append(Bar(label, Style(0, 0), estimate.value, estimate.low, estimate.high, text=numbers.number(estimate.value)))
        if not rows:
            return ()
        title = "How far ahead the family is that the document names"
        axis = Axis("difference in the metric, more is better", numbers.number)
        return (Figure(title, interval_chart(title, "differences with 95 % intervals", rows, axis)),)


def _best_uses(found: dict[str, dict[str, Any]], name: str) -> str:
    """The uses in which a family has the best mean of those compared, and something was learned."""
    uses = []
    for use, row in found.items():
        known = {model: score["mean"] for model, score in row["scores"].items() if model not in row["baselines"]}
        best = (max if row["higher_is_better"] else min)(known, key=known.__getitem__, default="")
        if best.partition("+")[0] == name and no_worse_than(row, *known) is None:
            uses.append(use)
    return f"best mean: {', '.join(uses)}" if uses else ""
