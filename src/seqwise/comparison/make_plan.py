"""Makes the plan of a comparison: splits, encoding, calibration, trials. What comes out is all that the run will follow."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.comparison import refit
from seqwise.comparison.budget import EVALUATIONS, LADDER
from seqwise.comparison.contenders import Contender
from seqwise.comparison.engine import LocalEngine
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.layout import trials
from seqwise.comparison.options import Options
from seqwise.comparison.plan import Calibration, Choice, Machine, Setting, choose, described_space, flops_of
from seqwise.comparison.statistics import alpha_of_look, decidable_difference
from seqwise.core.errors import UserError
from seqwise.data.batching import Batches, padding_share
from seqwise.data.splits import Split, SplitPlan, limited
from seqwise.data.tokenizers import TokenizerPlan
from seqwise.models.external import External, inspect, load_tokenizer
from seqwise.models.origin import saved_settings
from seqwise.tasks.task import Task
from seqwise.tasks.task_data import EncodedFacts, Encoding, TaskData

OWN = "own"
"""The kind of tokens where every model has its own."""
COST_SECONDS = 8.0
"""Seconds that measuring cost and writing the report take, besides what depends on the models."""
RULES = [
    "same input, batches in the same order, loss and number of evaluations for every model",
    "the learning rate rises, stays and falls; how fast, and what else is a model's own, its search decides",
    "every replicate is the whole procedure: its own search, selected on validation, then training",
    "only the kept configuration of a replicate reads the test split, once",
    "a diverged replicate counts as the trivial baseline",
]
WIDTH = "one embedding width, projected to each model's own width"
OUTSIDE = (
    "a model from outside has its own preparation of the input, longest input, width and size, reads about as much per step,"
    " and is fine-tuned unless its weights are fresh"
)
PATIENCE = "training ends, once the learning rate falls, after {count} evaluations without a better score"
LABELS = "--labels {asked:,}: {train:,} examples, drawn anew in each replicate, are trained on, and {validation:,} selected on"
FEWER = "--labels {asked:,} is more than there are: all {train:,} training examples are trained on, and {validation:,} selected on"
SCRATCH = "fresh weights: the architecture and the preparation of the input are those of a pretrained model, its weights are not"
EXTENDED = "where a kept setting lies on the edge of the space, every model of that replicate tries one more setting, beyond the edge"
CAUSAL = "every model reads from left to right alone"
REFIT_TIMES = 4
"""Where steps are given: how many times as long as a final run the longer training at the end takes."""
BASELINE_SECONDS = 1.0
BASELINE_SECONDS_PER_TOKEN = 1e-5
"""What fitting a baseline takes, roughly: a few per cent of any budget that trains anything."""


def _fixed_seconds(tokens: int, workers: int, encoding: float) -> Callable[[int], float]:
    """Seconds outside training, for a number of replicates.

    Args:
        tokens: of the training data.
        encoding: seconds that encoding one replicate took.
    """
    baseline = BASELINE_SECONDS + BASELINE_SECONDS_PER_TOKEN * tokens
    return lambda replicates: COST_SECONDS + replicates * (encoding + baseline / workers)


def make_plan(
    folder: RunFolder, options: Options, task: Task, contenders: list[Contender], corpus: Any, engine: LocalEngine, started: float
) -> dict[str, Any]:
    """Prepare the data, calibrate, choose, and lay out every trial. Writes nothing but the cache."""
    data = task.data
    splits = splits_of(data, corpus, options, options.replicates or LADDER[0][0])
    encoding = data.choose_encoding(corpus, splits.replicates[0], tokenizer=options.tokenizer, context=options.context)
    folder.drop_cache()  # without a plan nobody knows of what data it is
    folder.cache.mkdir(parents=True)
    begun = time.monotonic()
    facts = data.encode(corpus, splits.replicates[0], encoding, folder.replicate(0))
    fixed = _fixed_seconds(int(facts.lengths.sum()), engine.workers, time.monotonic() - begun)
    batch_size = options.batch or data.default_batch_size(facts.lengths)
    externals = _outside(task, contenders, corpus, encoding)
    setting = Setting(
        options=options,
        task=task,
        contenders=[_sized(contender, externals) for contender in contenders],
        labels=data.labels(corpus),
        data_sha256=corpus.sha256,
        vocab_size=encoding.vocab_size,
        settings=encoding.settings,
        context=encoding.context,
        batch_size=batch_size,
        device=options.device,
        lengths=facts.lengths,
        externals=externals,
    )
    own = _encode_outside(setting, corpus, splits.replicates[0], encoding, folder.replicate(0))
    per_epoch = Batches(facts.lengths, batch_size, 0).per_epoch
    machine = Machine(engine.workers, per_epoch, fixed, started)
    choice = _choice(setting, Calibration(setting, engine, folder, facts.test_share), machine)
    data.share(corpus, folder.cache)
    kept = choice.replicates == len(splits.replicates)
    if not kept:
        splits = splits_of(data, corpus, options, choice.replicates)
        facts = data.encode(corpus, splits.replicates[0], encoding, folder.replicate(0))
    for replicate, part in enumerate(splits.replicates):
        if replicate:
            data.encode(corpus, part, encoding, folder.replicate(replicate))
        if replicate or not kept:
            encoded = _encode_outside(setting, corpus, part, encoding, folder.replicate(replicate))
            own = own if replicate else encoded
    facts = own[0] if setting.all_outside else facts
    return {
        "schema_version": 1,
        "seed": options.seed,
        "estimate_seconds": choice.estimate_seconds,
        "parameters": _parameters(setting, choice),
        "step_cost": flops_of(setting, choice.target),
        "data": _data(setting, corpus, splits, encoding, facts),
        "protocol": _protocol(setting, choice, splits, _units(task, folder, splits), _epochs(setting, choice, folder, per_epoch), facts),
        "labels": list(setting.labels),
        "origins": {name: {"source": external.folder, "sha256": external.sha256} for name, external in externals.items()},
        "crossed": splits.scheme != "cross-validation",
        "test_share": splits.test_share and splits.test_share / (1 + splits.test_share),
        "refit": choice.refit_steps and {"copies": engine.workers, "steps": choice.refit_steps},
        "trials": trials(setting, choice),
    }


def splits_of(data: TaskData, corpus: Any, options: Options, replicates: int) -> SplitPlan:
    """The splits of every replicate, with no more labels than are asked for; the same whenever they are drawn."""
    found = data.split(corpus, replicates=replicates, seed=options.seed)
    if options.labels is None:
        return found
    if options.labels < len(data.labels(corpus)):
        raise UserError(
            f"--labels {options.labels} is fewer than the {len(data.labels(corpus))} classes", expected="one example of each class or more"
        )
    return limited(found, corpus, options.labels, options.seed)


def _sized(contender: Contender, externals: dict[str, External]) -> Contender:
    return dataclasses.replace(contender, small=contender.name in externals and externals[contender.name].small)


def _outside(task: Task, contenders: list[Contender], corpus: Any, encoding: Encoding) -> dict[str, External]:
    """The contenders that were not made here."""
    found, head = {}, task.head_settings(task.data.labels(corpus))
    for contender in contenders:
        if contender.source:
            model = Path(contender.source)
            adapted = task.data.adapted(model, saved_settings(model), corpus, encoding)
            found[contender.name] = inspect(
                contender.name, contender.source, task.auto_class, fresh=contender.fresh, adapted=adapted, **head
            )
    return found


def _encode_outside(setting: Setting, corpus: Any, splits: Any, encoding: Encoding, folder: Path) -> list[EncodedFacts]:
    """Encode a replicate's splits once more for every model from outside, with what prepares its input, within its own longest one."""
    return [
        setting.task.data.encode_as(Path(external.folder), corpus, splits, encoding, setting.context_of(external), folder / name)
        for name, external in setting.externals.items()
    ]


def _choice(setting: Setting, calibration: Calibration, machine: Machine) -> Choice:
    options = setting.options
    given = options.steps_of([contender.name for contender in setting.contenders])
    if given is None:
        return choose(setting, calibration, machine)
    steps = {name: -(-count // EVALUATIONS) * EVALUATIONS for name, count in given.items()}
    epochs = min(steps.values()) / machine.per_epoch
    replicates, configurations = options.replicates or LADDER[0][0], options.configurations or LADDER[0][1]
    extended = bool(options.extend_search) and configurations > 1
    longer = {name: dict.fromkeys(("modern", "classic"), REFIT_TIMES * count) for name, count in steps.items()}
    refit_steps = longer if refit.wanted(options) else None
    return Choice(
        options.target_parameters or 0, replicates, configurations, steps, None, epochs, extended=extended, refit_steps=refit_steps
    )


def _parameters(setting: Setting, choice: Choice) -> dict[str, Any]:
    found = {}
    for name, bodies in setting.solved(choice.target).items():
        count = setting.count(bodies["modern"])
        found[name] = {"total": count.total, "embedding": count.embedding, "non_embedding": count.non_embedding}
    return found


def _data(setting: Setting, corpus: Any, splits: SplitPlan, encoding: Encoding, facts: EncodedFacts) -> dict[str, Any]:
    """What the report says of the data: as the first model reads them where all come from outside."""
    data, tokenizer, lengths = setting.task.data, encoding.tokenizer, facts.lengths
    sides = np.atleast_2d(lengths if facts.sides is None else facts.sides)
    card = data.card(corpus, splits)
    counts, asked = data.counts(splits.replicates[0]), setting.options.labels
    if asked is not None:
        card["notes"] = [*card["notes"], (LABELS if counts["train"] >= asked else FEWER).format(asked=asked, **counts)]
    card |= {
        "cut": {"share_of_examples": facts.cut.examples, "share_of_tokens": facts.cut.tokens, "context": _context(setting, lengths)},
        "padding_share": padding_share(sides, Batches(sides.sum(0), setting.batch_size, 1_000 * setting.options.seed)),
        "tokenizer": tokenizer and _tokenizer(setting, tokenizer),
    }
    return {
        "source": corpus.source,
        "sha256": corpus.sha256,
        "examples": counts,
        "length": {"median": float(np.median(lengths)), "p95": float(np.percentile(lengths, 95)), "max": int(lengths.max())},
        "overlap": card["overlap"],
        "columns": data.columns(corpus),
        "card": card,
    }


def _tokenizer(setting: Setting, plan: TokenizerPlan) -> dict[str, Any]:
    if not setting.all_outside:
        return {name: getattr(plan, name) for name in ("kind", "vocab_size", "lowercase", "reason")}
    first, *others = setting.externals.values()
    whose = f"those of {first.name}" + (", the others have their own" if others else "")
    return {"kind": OWN, "vocab_size": len(load_tokenizer(first.folder)), "lowercase": None, "reason": whose}


def _protocol(
    setting: Setting, choice: Choice, splits: SplitPlan, units: int, epochs: dict[str, float], facts: EncodedFacts
) -> dict[str, Any]:
    options, task = setting.options, setting.task
    crossed = splits.scheme != "cross-validation"
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
        "margin": task.margin * facts.typical,
        "decidable_difference": decidable(task, choice.replicates, units, len(setting.contenders), crossed, facts.typical),
        "size": options.size,
        "target_parameters": None if setting.all_outside else choice.target,
        "steps": choice.steps,
        "epochs": epochs,
        "wanted_epochs": setting.wanted_epochs(choice.target),
        "batch_size": setting.batch_size,
        "context": _context(setting, facts.lengths),
        "space": described_space(setting),
        "evaluations": EVALUATIONS,
        "schedule": "warm-up, stable, decay",
        "estimate_seconds": choice.estimate_seconds,
        "within_budget": choice.fits,
        "rules": _rules(setting, choice),
    }


def _context(setting: Setting, lengths: np.ndarray) -> int:
    """The longest input; where all models come from outside, that of the first, or the longest example that it reads."""
    if not setting.all_outside:
        return setting.context
    return int(min(setting.context_of(next(iter(setting.externals.values()))), max(setting.context, int(lengths.max()))))


def _rules(setting: Setting, choice: Choice) -> list[str]:
    """What was the same for every model, for readers of a report."""
    said = {CAUSAL: not setting.bidirectional, EXTENDED: choice.extended, OUTSIDE: bool(setting.externals)}
    said[PATIENCE.format(count=setting.options.patience)] = setting.options.patience is not None
    said[SCRATCH] = any(external.fresh for external in setting.externals.values())
    ours = [] if setting.all_outside else [WIDTH, *setting.task.rules]
    return [*RULES, *ours, *(rule for rule, holds in said.items() if holds)]


def _epochs(setting: Setting, choice: Choice, folder: RunFolder, per_epoch: int) -> dict[str, float]:
    """Passes over the training data of each contender; a model from outside has batches of its own."""
    found = {name: steps / per_epoch for name, steps in choice.steps.items()}
    for name, external in setting.externals.items():
        lengths = folder.examples(setting.task.data, 0, Split.TRAIN, within=name).lengths
        found[name] = choice.steps[name] / -(-len(lengths) // setting.batch_of(external))
    return found


def _units(task: Task, folder: RunFolder, splits: SplitPlan) -> int:
    """Test units of all replicates together, or of each where they share them."""
    first, *others = range(len(splits.replicates))
    counted = [first] if splits.scheme != "cross-validation" else [first, *others]
    return sum(folder.examples(task.data, replicate, Split.TEST).units for replicate in counted)


def decidable(task: Task, replicates: int, units: int, models: int, crossed: bool, typical: float) -> float | None:
    """The smallest difference that can be decided, if the spread is what the task assumes."""
    return decidable_difference(
        replicates,
        units,
        spread_replicates=task.assumed_spread[0] * typical,
        spread_units=task.assumed_spread[1] * typical,
        models=models,
        alpha=alpha_of_look(1, single=True),
        folds=not crossed,
    )
