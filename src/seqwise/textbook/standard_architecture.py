"""Standard architecture: how much the result depends on which LSTM it is, and on which Transformer."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from scipy import stats

from seqwise.report import numbers
from seqwise.report.charts import Estimate as Bar
from seqwise.report.charts import interval_chart
from seqwise.report.document import Block, Figure, Style
from seqwise.report.svg import Axis
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result, by_seed
from seqwise.textbook.clause import Clause, Estimate
from seqwise.textbook.estimates import UNKNOWN, mean_of
from seqwise.textbook.language import LanguageRun, train
from seqwise.textbook.pictures import MEANS

SHARED: dict[str, dict[str, Any]] = {"usual": {}, "one layer": {"layers": 1}, "three layers": {"layers": 3}}
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "lstm": SHARED
    | {
        "forget bias 0": {"settings": {"forget_bias": 0.0}},
        "forget bias 2": {"settings": {"forget_bias": 2.0}},
        "coupled gates (GRU)": {"model": "gru"},
    },
    "transformer": SHARED
    | {
        "sinusoidal positions": {"settings": {"position_embedding": "sinusoidal"}},
        "no positions": {"settings": {"position_embedding": "none"}},
        "one head": {"settings": {"num_attention_heads": 1}},
    },
}
"""Three of what both have, and three of what is their own; all of one size, in one body, each with a learning rate of its own."""
SEEDS, STEPS, SIZE, DRAWS = {"standard": 3, "long": 8}, {"standard": 350, "long": 1_000}, 50_000, 100_000


class StandardArchitecture(Claim):
    id = "standard-architecture"
    source = "reason 3"
    statement = "RNNs and LSTMs have no standard architecture, as every paper used its own; Transformers have one."
    clauses = (
        Clause(
            statement="Which LSTM it is makes more of a difference than which Transformer it is",
            scope="this data",
            effect="spread (standard deviation, without the seeds' share of it) of bits per byte over six LSTMs less over six Transformers",
            unit="bits",
            threshold=0.0,
        ),
        Clause(
            statement="Which LSTM it is makes more of a difference than chance does",
            scope="this data",
            effect="spread of bits per byte over six LSTMs, without the seeds' share of it, over that between seeds",
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
            value="eight variants of the LSTM, none significantly better than the usual one",
            source="Greff et al. 2017, arXiv:1503.04069",
            read=False,
            clauses=(1,),
        ),
        Published(
            value="BLEU of variants of the Transformer in the paper's own Table 3: 23.7 to 26.4",
            source="Vaswani et al. 2017, arXiv:1706.03762",
            read=False,
            clauses=(0,),
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
        family, steps = experiment.settings["family"], experiment.settings["steps"]
        told = {"model": family} | VARIANTS[family][experiment.settings["variant"]]
        found = train(LanguageRun(size=SIZE, steps=steps, seed=experiment.seed, **told))
        return {name: found[name] for name in ("status", "bits_per_byte", "rate")}

    def judge(self, results: Sequence[Result]) -> Judged:
        scores = {family: _scores(results, family) for family in VARIANTS}
        measured = [
            Measured(model=f"{family}, {variant}", quantity="bits per byte", unit="bits", estimate=mean_of(values))
            for family, found in scores.items()
            for variant, values in found.items()
            if values
        ]
        tables = {family: _table(found) for family, found in scores.items()}
        if min(table.shape[1] for table in tables.values()) < 2:
            return Judged([None] * 3, measured, f"{len(measured)} measurements, too few seeds for a spread")
        rng = np.random.default_rng(0)
        spreads = {family: _spread(table, rng) for family, table in tables.items()}
        measured += [
            Measured(model=family, quantity="spread over variants", unit="bits", estimate=_estimate(*spreads[family], table.shape[1]))
            for family, table in tables.items()
        ]
        (lstm, lstms), (transformer, transformers) = spreads.values()
        estimates = [_estimate(lstm - transformer, lstms - transformers, tables["lstm"].shape[1]), _over_chance(tables["lstm"]), None]
        chance = {family: float(np.sqrt(_mean_squares(table)[1])) for family, table in tables.items()}
        summary = (
            f"Beyond what seeds explain, six LSTMs differ by {lstm:.3f} bits per byte (standard deviation; seeds by {chance['lstm']:.3f}),"
            f" six Transformers by {transformer:.3f} (seeds by {chance['transformer']:.3f})."
        )
        return Judged(estimates, measured, summary)

    def pictures(self, results: Sequence[Result]) -> tuple[Block, ...]:
        """Bits per byte of every variant."""
        rows = [
            Bar(f"{family}, {variant}", Style(index, index), found.value, found.low, found.high, text=f"{found.value:.3f}")
            for index, family in enumerate(VARIANTS)
            for variant, values in _scores(results, family).items()
            if (found := mean_of(values)).value is not None
        ]
        if not rows:
            return ()
        title = "Bits per byte of each variant, at one size and after as many steps"
        return (Figure(title, interval_chart(title, "bits per byte of variants", rows, Axis("bits per byte", numbers.number)), MEANS),)


def _scores(results: Sequence[Result], family: str) -> dict[str, dict[int, float]]:
    """Bits per byte by variant and seed."""
    return {variant: by_seed(results, "variant", "bits_per_byte", family=family, variant=variant) for variant in VARIANTS[family]}


def _table(scores: dict[str, dict[int, float]]) -> np.ndarray:
    """(V, S) bits per byte of the seeds that all variants have."""
    seeds = sorted(set.intersection(*map(set, scores.values())))
    return np.array([[values[seed] for seed in seeds] for values in scores.values()]).reshape(len(scores), len(seeds))


def _mean_squares(table: np.ndarray) -> tuple[float, float]:
    """Of variants and of what is left, in the two-way layout of variants and seeds (V, S), which share their texts."""
    variants, seeds = table.shape
    rest = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    return seeds * float(table.mean(1).var(ddof=1)), float((rest**2).sum()) / ((variants - 1) * (seeds - 1))


def _spread(table: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Standard deviation over variants that is no seed's doing, and draws of it.

    The component of variance is (MS_variants - MS_rest) / S, or 0 (Searle et al. 1992). Draws are of its generalized pivotal
    quantity: each mean square over an independent chi-square of its degrees of freedom (Weerahandi 1993).
    """
    variants, seeds = table.shape
    degrees, mean_squares = np.array([variants - 1, (variants - 1) * (seeds - 1)]), np.array(_mean_squares(table))
    drawn = mean_squares * degrees / rng.chisquare(degrees, (DRAWS, 2))
    component = np.maximum(0.0, np.array([mean_squares, *drawn]) @ [1, -1] / seeds)
    return float(np.sqrt(component[0])), np.sqrt(component[1:])


def _estimate(value: float, drawn: np.ndarray, seeds: int) -> Estimate:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(value, float(low), float(high), seeds)


def _over_chance(table: np.ndarray) -> Estimate:
    """Spread over variants over that between seeds, with the exact interval of F (Searle et al. 1992).

    Unknown where seeds do not differ at all.
    """
    variants, seeds = table.shape
    of_variants, of_rest = _mean_squares(table)
    if of_rest == 0:
        return UNKNOWN
    quantiles = stats.f.ppf([0.975, 0.025], variants - 1, (variants - 1) * (seeds - 1))
    ratios = of_variants / of_rest / np.array([1.0, *quantiles])
    value, low, high = np.sqrt(np.maximum(0.0, ratios - 1) / seeds)
    return Estimate(float(value), float(low), float(high), seeds)
