"""What a plan decides: sizes, replicates, configurations and steps, from the options and a stopwatch, and never again."""

import dataclasses
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqwise.comparison import refit
from seqwise.comparison.budget import (
    EVALUATIONS,
    LADDER,
    LATE,
    LEAST_SHARE,
    RESERVE,
    Speed,
    Workload,
    measure_speed,
)
from seqwise.comparison.contenders import Contender
from seqwise.comparison.engine import LocalEngine
from seqwise.comparison.folder import RunFolder
from seqwise.comparison.options import SIZES, Options
from seqwise.comparison.search import hyperparameters, points, space
from seqwise.comparison.sizes import Shape, default_layers, embedding_size, solve
from seqwise.core.config import fingerprint
from seqwise.models.accounting import ParameterCount
from seqwise.models.config import SeqwiseConfig
from seqwise.models.external import External
from seqwise.tasks.task import Task

CONFIG_KEYS = (
    "vocab_size",
    "embedding_size",
    "projection_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "layer_types",
    "body",
    "bidirectional",
    "max_position_embeddings",
    "cross_attention",
)


AnyConfig = SeqwiseConfig | External


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is fixed before sizes and steps are."""

    options: Options
    task: Task
    contenders: list[Contender]
    labels: tuple[str, ...]
    data_sha256: str
    vocab_size: int
    context: int
    batch_size: int
    device: str
    lengths: np.ndarray
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    externals: Mapping[str, External] = dataclasses.field(default_factory=dict)

    @property
    def bidirectional(self) -> bool:
        """Whether every token sees both sides."""
        return self.task.bidirectional if self.options.causal is None else not self.options.causal

    def solved(self, target: int) -> dict[str, dict[str, AnyConfig]]:
        """The config of every contender and body at a size; a model from outside has its own."""
        options, outside = self.options, {name: {"modern": external} for name, external in self.externals.items()}
        ours = [contender for contender in self.contenders if contender.name not in outside]
        if not ours:
            return outside
        shape = Shape(
            vocab_size=self.vocab_size,
            config_class=self.task.config_class,
            settings=self.settings,
            embedding_size=embedding_size(target),
            layers=options.layers or default_layers(target),
            classes=len(self.labels),
            context=self.context,
            bidirectional=self.bidirectional,
            width=options.width,
        )
        measure, goal = self.parameters, float(target)
        if options.match_size == "flops":
            measure, transformer = self.flops, self.task.contender(Contender("transformer", ("attention",)))
            goal = measure(solve(transformer, shape, "modern", self.parameters, float(target)))
        return {c.name: {body: solve(c, shape, body, measure, goal) for body in c.bodies} for c in ours} | outside

    def count(self, config: AnyConfig) -> ParameterCount:
        return config.count if isinstance(config, External) else self.task.parameters(config)

    def parameters(self, config: AnyConfig) -> float:
        """What is matched: everything but the embedding."""
        return float(self.count(config).non_embedding)

    def flops(self, config: AnyConfig) -> float:
        """Training FLOPs per token at the data's own lengths; of a model from elsewhere without those of attention scores."""
        if isinstance(config, External):
            if config.config is None:
                return 3 * config.flops
            config = config.config
        return self.task.flops_per_token(config, np.percentile(self.lengths, range(5, 100, 10)).astype(int).tolist())

    def wanted_epochs(self, target: int) -> float:
        parameters = self.count(next(iter(self.solved(target).values()))["modern"]).total
        per_epoch = -(-len(self.lengths) // self.batch_size)
        return self.task.wanted_epochs(parameters, int(self.lengths.sum()), per_epoch)

    def context_of(self, external: External) -> float:
        """Tokens or steps that a model from outside reads at most."""
        return self.task.data.longest_as(self.context, self.options.context, external.longest)

    def batch_of(self, external: External) -> int:
        return self.task.data.same_batch(self.batch_size, self.context, self.context_of(external))

    @property
    def all_outside(self) -> bool:
        """Whether every contender comes with its own size."""
        return len(self.externals) == len(self.contenders)

    @property
    def shares(self) -> tuple[float, ...]:
        """Of the training examples, at which every model is trained again."""
        return self.options.shares(len(self.lengths))

    @property
    def _patience(self) -> dict[str, int]:
        return {} if self.options.patience is None else {"patience": self.options.patience}

    def job(self, config: AnyConfig, steps: int, name: str, replicate: int) -> dict[str, Any]:
        """What every trained trial carries: batches in one order per replicate, weights and dropout per contender too."""
        data_seed = 1_000 * self.options.seed + replicate
        outside = isinstance(config, External)
        own = {"flops_per_token": self.flops(config)} if outside else {}
        return own | {
            "task": self.task.tag,
            "model": name,
            "replicate": replicate,
            "config": config_values(config) | ({} if outside else dict(self.settings)),
            "within": config.name if outside else "",
            "labels": list(self.labels),
            "training": {"steps": steps, "evaluations": EVALUATIONS, "seed": zlib.crc32(f"{data_seed} {name}".encode())} | self._patience,
            "data_seed": data_seed,
            "batch_size": self.batch_of(config) if outside else self.batch_size,
            "device": self.device,
        }


class Calibration:
    """Speeds on this machine, measured when a size is first asked for."""

    def __init__(self, setting: Setting, engine: LocalEngine, folder: RunFolder, test_share: float):
        self.setting, self.engine, self.folder, self.test_share = setting, engine, folder, test_share
        self.known: dict[int, dict[str, dict[str, Speed]]] = {}

    def at(self, target: int) -> dict[str, dict[str, Speed]]:
        if target not in self.known:
            configs = self.setting.solved(target)
            unique = {_architecture(config): (name, body) for name, bodies in configs.items() for body, config in bodies.items()}
            jobs = [self._job(configs[name][body]) for name, body in unique.values()]
            threads = self.engine.threads
            speeds = self.engine.map(measure_speed, [(str(self.folder.path), job, threads, self.test_share) for job in jobs])
            found = dict(zip(unique, speeds, strict=True))
            self.known[target] = {
                name: {body: found[_architecture(config)] for body, config in bodies.items()} for name, bodies in configs.items()
            }
        return self.known[target]

    def _job(self, config: AnyConfig) -> dict[str, Any]:
        settings = {"dropout": 0.2, "learning_rate": 1e-3, "weight_decay": 0.1}
        return self.setting.job(config, 10_000, "calibration", 0) | {"hyperparameters": settings}


def config_values(config: AnyConfig) -> dict[str, Any]:
    """What names a model in a trial."""
    return config.values() if isinstance(config, External) else {key: getattr(config, key) for key in CONFIG_KEYS if hasattr(config, key)}


def _architecture(config: AnyConfig) -> str:
    return fingerprint(config_values(config))


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the stopwatch, or the user, decided; ``target`` is 0 where every contender comes with its own size."""

    target: int
    replicates: int
    configurations: int
    steps: dict[str, int]
    estimate_seconds: float | None
    epochs: float
    fits: bool = True
    extended: bool = False
    """Whether there is time for one more configuration beyond the space."""
    refit_steps: dict[str, dict[str, int]] | None = None
    """Steps of the longer training at the end, by model and body; None where there is none."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """What a choice needs to know of machine and data.

    Args:
        workers: trials at a time.
        per_epoch: steps of one epoch.
        fixed: seconds outside training for a number of replicates.
        started: monotonic clock at the start of the command.
    """

    workers: int
    per_epoch: int
    fixed: Callable[[int], float]
    started: float


def choose(setting: Setting, calibration: Calibration, machine: Machine) -> Choice:
    """Size, replicates, configurations and steps under the budget: rule 3 of the comparison protocol.

    The smallest size settles replicates and configurations: the first of the ladder with the epochs that the task wants; else the
    last that still decides something; else a single training of each model. Then the largest size with the wanted epochs is taken.
    """
    options = setting.options
    sizes = [options.target_parameters] if options.target_parameters else list(SIZES.values())
    if setting.all_outside:
        sizes = [0]
    found = [_choice(setting, calibration, machine, sizes[0], *step) for step in _ladder(options)]
    wanted = setting.wanted_epochs(sizes[0])
    *deciding, _ = found
    enough = [choice for choice in deciding if choice.epochs >= wanted]
    feasible = [choice for choice in deciding if choice.epochs >= LEAST_SHARE * wanted and choice.fits]
    best = enough[0] if enough else feasible[-1] if feasible else found[-1]
    for target in sizes[1:]:
        if best.epochs < 1.5 * setting.wanted_epochs(best.target):
            break
        larger = _choice(setting, calibration, machine, target, best.replicates, best.configurations)
        if larger.epochs < setting.wanted_epochs(target):
            break
        best = larger
    return _with_refit(setting, calibration, machine, _extended(setting, calibration, machine, best))


def _extended(setting: Setting, calibration: Calibration, machine: Machine, best: Choice) -> Choice:
    """With room for one more configuration, beyond the space, where the wanted epochs remain and a search is made at all."""
    wanted = setting.options.extend_search
    if wanted is False or best.configurations == 1:
        return best
    roomy = _choice(setting, calibration, machine, best.target, best.replicates, best.configurations, extended=True)
    return roomy if wanted or roomy.epochs >= setting.wanted_epochs(best.target) else best


def _with_refit(setting: Setting, calibration: Calibration, machine: Machine, choice: Choice) -> Choice:
    """With the steps that the time kept for a longer training of the recommended model allows."""
    if not refit.wanted(setting.options) or setting.options.budget_seconds is None:
        return choice
    seconds = refit.SHARE * setting.options.budget_seconds
    steps = refit.steps_by_body(calibration.at(choice.target), choice.steps, seconds, setting.task.most_epochs * machine.per_epoch)
    estimate = choice.estimate_seconds and choice.estimate_seconds + seconds * RESERVE
    return dataclasses.replace(choice, refit_steps=steps, estimate_seconds=estimate)


def _ladder(options: Options) -> list[tuple[int, int]]:
    return [(options.replicates or r, options.configurations or k) for r, k in LADDER]


def _choice(
    setting: Setting,
    calibration: Calibration,
    machine: Machine,
    target: int,
    replicates: int,
    configurations: int,
    *,
    extended: bool = False,
) -> Choice:
    """The most steps that so many replicates and configurations allow at a size; one configuration more if the space may be extended."""
    options, speeds = setting.options, calibration.at(target)
    budget = (options.budget_seconds or float("inf")) * (1 - refit.SHARE * refit.wanted(options))
    outside = time.monotonic() - machine.started + machine.fixed(replicates)
    workload = Workload(
        speeds=speeds,
        bodies=body_of_points(setting, configurations),
        per_epoch=machine.per_epoch,
        workers=machine.workers,
        fixed=outside,
        most_epochs=setting.task.most_epochs,
        again=len(setting.shares),
    )
    weights = workload.weights(options.match_training, configurations, flops_of(setting, target))
    tried = configurations + extended
    steps = workload.steps(budget, replicates, tried, weights)
    estimate = workload.seconds(steps, replicates, tried)
    epochs = min(steps.values()) / machine.per_epoch
    return Choice(target, replicates, configurations, steps, estimate, epochs, estimate <= LATE * budget, extended)


def flops_of(setting: Setting, target: int) -> dict[str, float]:
    """Training FLOPs per token of each contender at a size, modern body."""
    return {name: setting.flops(bodies["modern"]) for name, bodies in setting.solved(target).items()}


def body_of_points(setting: Setting, configurations: int) -> dict[str, list[str]]:
    drawn = points(configurations, setting.options.seed)
    return {c.name: [hyperparameters(c, point, setting.task)[0].get("body", "modern") for point in drawn] for c in setting.contenders}


def described_space(setting: Setting) -> dict[str, dict[str, list[Any]]]:
    return {c.name: {dimension.name: dimension.described() for dimension in space(c, setting.task)} for c in setting.contenders}
