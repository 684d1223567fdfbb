"""Makes the plan of a comparison: splits, encoding, calibration, trials. What comes out is all that the run will follow."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from seqwise.comparison.budget import EVALUATIONS, LADDER
from seqwise.comparison.contenders import Contender
from seqwise.comparison.engine import LocalEngine
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.options import Options
from seqwise.comparison.plan import Calibration, Choice, Machine, Setting, choose, default_batch_size, described_space, flops_of, trials
from seqwise.comparison.prepare import choose_encoding, length_facts, padding_facts, prepare, prepare_replicate
from seqwise.comparison.statistics import alpha_of_look, decidable_difference
from seqwise.core.files import write_json
from seqwise.data.batching import Batches
from seqwise.data.card import data_card
from seqwise.data.readers import Corpus
from seqwise.data.splits import SplitPlan, make_splits
from seqwise.models.accounting import count_parameters
from seqwise.tasks.task import Task

COST_SECONDS = 8.0
"""Seconds that measuring cost and writing the report take, besides what depends on the models."""
ASSUMED_REPLICATE_SPREAD = 0.01
"""Before training: standard deviation over replicates of the difference of two models' accuracies."""
RULES = [
    "same tokenizer, batches in the same order, loss, pooling, schedule and number of evaluations for every model",
    "one embedding width, projected to each model's own width",
    "every replicate is the whole procedure: its own search, selected on validation, then training",
    "only the kept configuration of a replicate reads the test split, once",
    "a diverged replicate counts as the majority baseline",
]
EXTENDED = "where a kept setting lies on the edge of the space, every model of that replicate tries one more setting, beyond the edge"
BASELINE_SECONDS = 1.0
BASELINE_SECONDS_PER_CHARACTER = 2e-6
"""What fitting TF-IDF and a linear model takes, roughly: a few per cent of any budget that trains anything."""


def _fixed_seconds(corpus: Corpus, workers: int, encoding: float) -> Callable[[int], float]:
    """Seconds outside training, for a number of replicates.

    Args:
        encoding: seconds that encoding one replicate took.
    """
    baseline = BASELINE_SECONDS + BASELINE_SECONDS_PER_CHARACTER * sum(map(len, corpus.texts))
    return lambda replicates: COST_SECONDS + replicates * (encoding + baseline / workers)


def make_plan(
    folder: RunFolder, options: Options, task: Task, contenders: list[Contender], corpus: Corpus, engine: LocalEngine, started: float
) -> dict[str, Any]:
    """Prepare the data, calibrate, choose, and lay out every trial. Writes nothing but the cache."""
    splits = make_splits(corpus, replicates=options.replicates or LADDER[0][0], seed=options.seed)
    encoding = choose_encoding(corpus, splits.replicates[0], options)
    write_json(folder.cache / "corpus.json", {})
    begun = time.monotonic()
    facts = prepare_replicate(folder, corpus, splits.replicates[0], encoding, 0)
    fixed = _fixed_seconds(corpus, engine.workers, time.monotonic() - begun)
    batch_size = options.batch or default_batch_size(facts["lengths"])
    setting = Setting(
        options=options,
        task=task,
        contenders=contenders,
        labels=corpus.classes,
        data_sha256=corpus.sha256,
        vocab_size=encoding.tokenizer.vocab_size,
        context=encoding.context,
        batch_size=batch_size,
        device=options.device,
        lengths=facts["lengths"],
    )
    per_epoch = Batches(facts["lengths"], batch_size, 0).per_epoch
    machine = Machine(engine.workers, per_epoch, fixed, started)
    choice = _choice(setting, folder, engine, splits, machine)
    if choice.replicates != len(splits.replicates):
        splits = make_splits(corpus, replicates=choice.replicates, seed=options.seed)
    facts = prepare(folder, corpus, splits, encoding)[0]
    return {
        "schema_version": 1,
        "seed": options.seed,
        "estimate_seconds": choice.estimate_seconds,
        "parameters": _parameters(setting, choice),
        "step_cost": flops_of(setting, choice.target),
        "data": _data(corpus, splits, encoding, facts, batch_size, options.seed),
        "protocol": _protocol(setting, choice, splits, per_epoch),
        "labels": list(corpus.classes),
        "crossed": splits.scheme != "cross-validation",
        "test_share": splits.test_share and splits.test_share / (1 + splits.test_share),
        "trials": trials(setting, choice),
    }


def _choice(setting: Setting, folder: RunFolder, engine: LocalEngine, splits: SplitPlan, machine: Machine) -> Choice:
    options = setting.options
    given = options.steps_of([contender.name for contender in setting.contenders])
    if given is None:
        return choose(setting, Calibration(setting, engine, folder, len(splits.replicates[0].test)), machine)
    assert options.target_parameters is not None
    steps = {name: -(-count // EVALUATIONS) * EVALUATIONS for name, count in given.items()}
    epochs = min(steps.values()) / machine.per_epoch
    replicates, configurations = options.replicates or LADDER[0][0], options.configurations or LADDER[0][1]
    extended = bool(options.extend_search) and configurations > 1
    return Choice(options.target_parameters, replicates, configurations, steps, None, epochs, extended=extended)


def _parameters(setting: Setting, choice: Choice) -> dict[str, Any]:
    found = {}
    for name, bodies in setting.solved(choice.target).items():
        count = count_parameters(bodies["modern"], num_labels=len(setting.labels))
        found[name] = {"total": count.total, "embedding": count.embedding, "non_embedding": count.non_embedding}
    return found


def _data(corpus: Corpus, splits: SplitPlan, encoding: Any, facts: dict[str, Any], batch_size: int, seed: int) -> dict[str, Any]:
    card = data_card(corpus, splits)
    tokenizer = encoding.tokenizer
    card |= {
        "cut": {"share_of_examples": facts["cut"].examples, "share_of_tokens": facts["cut"].tokens, "context": encoding.context},
        "padding_share": padding_facts(facts["lengths"], batch_size, 1_000 * seed),
        "tokenizer": {
            "kind": tokenizer.kind,
            "vocab_size": tokenizer.vocab_size,
            "lowercase": tokenizer.lowercase,
            "reason": tokenizer.reason,
        },
    }
    first = splits.replicates[0]
    return {
        "source": corpus.source,
        "sha256": corpus.sha256,
        "examples": {"train": len(first.train), "validation": len(first.validation), "test": len(first.test)},
        "length": length_facts(facts["lengths"]),
        "overlap": card["overlap"],
        "columns": {"text": corpus.text_column, "target": corpus.target_column},
        "card": card,
    }


def _protocol(setting: Setting, choice: Choice, splits: SplitPlan, per_epoch: int) -> dict[str, Any]:
    options, task = setting.options, setting.task
    crossed = splits.scheme != "cross-validation"
    units = len(splits.replicates[0].test) if crossed else sum(len(replicate.test) for replicate in splits.replicates)
    return {
        "match_size": options.match_size,
        "match_training": options.match_training,
        "budget_seconds": None if options.steps else options.budget_seconds,
        "replicates": choice.replicates,
        "configurations_per_replicate": choice.configurations,
        "extended": choice.extended,
        "selection_split": "validation",
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        "unit": task.unit,
        "units": units,
        "alpha": alpha_of_look(1, single=True),
        "looks": 1,
        "margin": task.margin,
        "decidable_difference": decidable(choice.replicates, units, len(setting.contenders), crossed),
        "size": options.size,
        "target_parameters": choice.target,
        "steps": choice.steps,
        "epochs": {name: steps / per_epoch for name, steps in choice.steps.items()},
        "batch_size": setting.batch_size,
        "context": setting.context,
        "space": described_space(setting),
        "evaluations": EVALUATIONS,
        "schedule": "warm-up, stable, decay",
        "estimate_seconds": choice.estimate_seconds,
        "within_budget": choice.fits,
        "rules": [*RULES, EXTENDED] if choice.extended else RULES,
    }


def decidable(replicates: int, units: int, models: int, crossed: bool) -> float | None:
    """The smallest difference of accuracies that can be decided, for two models that disagree on a fifth of the units."""
    return decidable_difference(
        replicates,
        units,
        spread_replicates=ASSUMED_REPLICATE_SPREAD,
        spread_units=float(np.sqrt(0.2)),
        models=models,
        alpha=alpha_of_look(1, single=True),
        folds=not crossed,
    )
