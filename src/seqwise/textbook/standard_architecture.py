"""Standard architecture: how much the result depends on which LSTM it is, and on which Transformer."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from seqwise.report import numbers
from seqwise.report.charts import Estimate as Bar
from seqwise.report.charts import interval_chart
from seqwise.report.document import Block, Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import mean_of
from seqwise.textbook.language import LanguageRun, train

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "lstm": {
        "forget bias 0": {"settings": {"forget_bias": 0.0}},
        "forget bias 1": {"settings": {"forget_bias": 1.0}},
        "forget bias 2": {"settings": {"forget_bias": 2.0}},
        "stack without norms and residuals": {"settings": {"body": "classic"}},
        "one layer": {"layers": 1},
        "three layers": {"layers": 3},
    },
    "transformer": {
        "rotary positions": {"settings": {"position_embedding": "rotary"}},
        "learned positions": {"settings": {"position_embedding": "learned"}},
        "sinusoidal positions": {"settings": {"position_embedding": "sinusoidal"}},
        "no positions": {"settings": {"position_embedding": "none"}},
        "one layer": {"layers": 1},
        "three layers": {"layers": 3},
    },
}
SEEDS, STEPS, SIZE, RESAMPLES = {"standard": 3, "long": 8}, {"standard": 200, "long": 1_000}, 50_000, 2_000


class StandardArchitecture(Claim):
    id = "standard-architecture"
    source = "reason 3"
    statement = "RNNs and LSTMs have no standard architecture, as every paper used its own; Transformers have one."
    clauses = (
        Clause(
            statement="Which LSTM it is makes more of a difference than which Transformer it is",
            scope="this data",
            effect="spread (standard deviation) of bits per byte over six LSTMs over that over six Transformers",
            unit="times",
            threshold=1.0,
        ),
        Clause(
            statement="Which LSTM it is makes more of a difference than chance does",
            scope="this data",
            effect="spread of bits per byte over six LSTMs over that over seeds",
            unit="times",
            threshold=1.0,
        ),
        Clause(
            statement="Every paper on LSTMs used an architecture of its own",
            scope="history",
            effect="papers with an architecture of their own",
            unit="share",
            threshold=0.5,
        ),
    )
    published = (
        Published(
            value="eight variants of the LSTM, none significantly better than the usual one", source="Greff et al. 2017, arXiv:1503.04069"
        ),
        Published(
            value="BLEU of variants of the Transformer in the paper's own Table 3: 23.7 to 26.4",
            source="Vaswani et al. 2017, arXiv:1706.03762",
        ),
    )
    seconds: ClassVar = {"standard": 360.0, "long": 3600.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [
            Experiment(part="variant", settings={"family": family, "variant": variant, "steps": STEPS[tier]}, seed=seed)
            for seed in range(SEEDS[tier])
            for family, variants in VARIANTS.items()
            for variant in variants
        ]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        family, variant = experiment.settings["family"], experiment.settings["variant"]
        told = VARIANTS[family][variant]
        found = train(LanguageRun(model=family, size=SIZE, steps=experiment.settings["steps"], seed=experiment.seed, **told))
        return {"bits_per_byte": found["bits_per_byte"]}

    def judge(self, results: Sequence[Result]) -> Judged:
        tables = {family: _table(results, family) for family in VARIANTS}
        measured = [
            Measured(model=f"{family}, {variant}", quantity="bits per byte", unit="bits", estimate=mean_of(row[~np.isnan(row)]))
            for family, table in tables.items()
            for variant, row in zip(VARIANTS[family], table, strict=True)
            if not np.isnan(row).all()
        ]
        complete = {family: table[:, ~np.isnan(table).any(0)] for family, table in tables.items()}
        seeds = min(table.shape[1] for table in complete.values())
        if seeds < 2:
            return Judged([None] * 3, measured, f"{len(measured)} measurements, too few seeds for a spread")
        lstm, transformer = (complete[family][:, :seeds] for family in VARIANTS)
        between, chance = _ratio(lstm, transformer, _over_variants), _ratio(lstm, lstm, _over_seeds)
        summary = (
            f"Six LSTMs differ by {lstm.mean(1).std(ddof=1):.3f} bits per byte (standard deviation), six Transformers by"
            f" {transformer.mean(1).std(ddof=1):.3f}; seeds of one LSTM by {_over_seeds(lstm):.3f}."
        )
        cells = {"lstm": f"spread of six {lstm.mean(1).std(ddof=1):.3f} bits", "transformer": f"{transformer.mean(1).std(ddof=1):.3f} bits"}
        return Judged([between, chance, None], measured, summary, {"Pretraining availability": cells})

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Bits per byte of every variant."""
        rows = []
        for index, family in enumerate(VARIANTS):
            for variant, values in zip(VARIANTS[family], _table(results, family), strict=True):
                found = mean_of(values[~np.isnan(values)])
                if found.value is not None:
                    rows.append(
                        Bar(f"{family}, {variant}", Style(index, index), found.value, found.low, found.high, text=f"{found.value:.3f}")
                    )
        if not rows:
            return ()
        title = "Bits per byte of each variant, at one size and after the same text"
        return (Figure(title, interval_chart(title, "bits per byte of variants", rows, Axis("bits per byte", numbers.number))),)


def _table(results: Sequence[Result], family: str) -> np.ndarray:
    """(variants, seeds) bits per byte; not a number where nothing was measured."""
    seeds = sorted({experiment.seed for experiment, _ in results})
    found = np.full((len(VARIANTS[family]), max(1, len(seeds))), np.nan)
    for experiment, row in results:
        if experiment.settings["family"] == family:
            found[list(VARIANTS[family]).index(experiment.settings["variant"]), seeds.index(experiment.seed)] = row["bits_per_byte"]
    return found


def _over_variants(table: np.ndarray) -> float:
    """Standard deviation over variants (V, S) of what is no seed's doing."""
    return float(table.mean(1).std(ddof=1))


def _over_seeds(table: np.ndarray) -> float:
    """Standard deviation over seeds within variants (V, S)."""
    return float(np.sqrt(table.var(1, ddof=1).mean()))


def _ratio(first: np.ndarray, second: np.ndarray, spread: Any) -> Estimate:
    """Spread over variants of ``first`` over ``spread`` of ``second``, with a percentile bootstrap over variants and seeds together."""
    rng, found = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        a, b = (
            table[np.ix_(rng.integers(0, len(table), len(table)), rng.integers(0, table.shape[1], table.shape[1]))]
            for table in (first, second)
        )
        below = spread(b)
        if below > 0:
            found.append(_over_variants(a) / below)
    value = _over_variants(first) / spread(second)
    low, high = np.quantile(found, (0.025, 0.975))
    return Estimate(value, float(low), float(high), first.shape[1])
