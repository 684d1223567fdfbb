"""What a user asks of a comparison, checked before anything is read or written."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence

from seqwise.comparison.contenders import is_outside
from seqwise.core.config import Config, fingerprint
from seqwise.core.environment import source_hash
from seqwise.core.errors import UserError, did_you_mean
from seqwise.tasks.task_data import Request

BUDGETS = {"quick": 180.0, "standard": 900.0, "thorough": 7200.0}
SIZES = {"30k": 30_000, "100k": 100_000, "300k": 300_000, "1m": 1_000_000, "3m": 3_000_000}
UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
UNIT_BYTES = {"b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Request, Config):
    """Everything that decides the numbers of a comparison, and what does not: workers, limits, samples and what stands beside."""

    task: str = "text-classification"
    models: tuple[str, ...] = ("rnn", "lstm", "gru", "transformer")
    budget_seconds: float | None = 900.0
    size: str = "auto"
    match_size: str = "parameters"
    match_training: str = "steps"
    replicates: int | None = None
    configurations: int | None = None
    steps: str | None = None
    """One number for all models, or one each: ``rnn=1200,lstm=900``."""
    layers: int | None = None
    width: int | None = None
    batch: int | None = None
    context: int | None = None
    tokenizer: str = "auto"
    extend_search: bool | None = None
    """One more configuration beyond the space where a kept one lies on its edge; None where the budget decides."""
    refit: bool | None = None
    """Train the recommended model longer at the end; None for budgets in time from 15 minutes on."""
    seed: int = 0
    device: str = "auto"
    workers: int | None = None
    max_latency_ms: float | None = None
    max_bytes: int | None = None
    samples: bool = True
    causal: bool | None = None
    """Whether models see what came before alone, and so can answer while the input still comes; None for what the task usually has."""
    data_fractions: str | None = None
    """Shares of the training data, ``0.1,0.3,1``, or numbers of examples, ``50,100,500``, at which every model is trained again."""
    labels: int | None = None
    """Labelled examples to train on at most, and as many, 500 at most, to select on."""
    patience: int | None = None
    """Evaluations without a better score after which a training ends; None for never."""
    beside: str | None = None
    """A finished run of the same data under another match, whose verdict is held against this one."""

    def __post_init__(self) -> None:
        _one_of("--match-size", self.match_size, ["parameters", "flops"])
        _one_of("--match-training", self.match_training, ["steps", "seconds", "flops"])
        _one_of("--tokenizer", self.tokenizer.partition(":")[0], ["auto", "words", "bytes", "characters", "bpe"])
        for name in ("replicates", "configurations", "layers", "width", "batch", "context", "workers", "labels", "patience"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise UserError(f"--{name} {value} is not possible", expected="a whole number of 1 or more")
        if self.labels is not None and "classification" not in self.task:
            raise UserError(f"--labels has no meaning for {self.task}", expected="a task of classification")
        _one_of("--device", self.device, ["auto", "cpu", "cuda"])
        if type(self.seed) is not int or self.seed < 0:
            raise UserError(f"--seed {self.seed} is not possible", expected="a whole number of 0 or more")
        if self.causal is False and self.task == "text-generation":
            raise UserError("--no-causal is not possible for text-generation", expected="models that do not see what they are to predict")
        if self.size != "auto":
            parse_size(self.size)
        outside = all(is_outside(str(name)) for name in self.models)
        if self.steps is not None and self.size == "auto" and not outside:
            raise UserError(
                "--steps was given without --size", fix="add --size 30k, 100k, 300k, 1m or 3m: with both the plan needs no stopwatch"
            )
        if self.patience is not None and len(self.models) > 1:
            raise UserError("--patience would train some models for longer than others", fix="leave it out, or name a single model")
        self.steps_of([])
        _ = self.fractions
        if self.steps is not None and "=" not in self.steps and self.match_training != "steps":
            raise UserError(
                f"--steps {self.steps} gives every model the same steps, --match-training {self.match_training} does not",
                fix="give each model its own, --steps rnn=1200,lstm=900, or give --budget",
            )
        if not all(isinstance(name, str) for name in self.models):
            raise UserError(f"--models {self.models} is not possible", expected="names")

    @property
    def target_parameters(self) -> int | None:
        """Non-embedding parameters of every contender; None where the budget decides."""
        return None if self.size == "auto" else parse_size(self.size)

    @property
    def fractions(self) -> tuple[float, ...]:
        """Shares below 1 of the training data, and numbers of examples above it, at which models are trained again."""
        try:
            found = {float(part) for part in (self.data_fractions or "").split(",") if part.strip()}
        except ValueError:
            found = {math.nan}
        if not all(0 < share <= 1 or (share > 1 and share.is_integer()) for share in found):
            raise UserError(
                f"--data-fractions '{self.data_fractions}' is not possible",
                expected="shares above 0 up to 1, as in 0.1,0.3,1, or numbers of examples, as in 50,100,500",
            )
        return tuple(sorted(found - {1.0}))

    def shares(self, examples: int) -> tuple[float, ...]:
        """The same as shares of so many examples, the smallest first. Raises :class:`UserError` for more than there are."""
        above = [f"{amount:,.0f}" for amount in self.fractions if amount > examples]
        if above:
            raise UserError(
                f"--data-fractions asks for {', '.join(above)} examples", expected=f"at most the {examples:,} that there are for training"
            )
        found = {amount if amount < 1 else amount / examples for amount in self.fractions}
        return tuple(sorted(found - {1.0}))

    def steps_of(self, names: Sequence[str]) -> dict[str, int] | None:
        """Steps of each contender where they were given."""
        if self.steps is None:
            return None
        parts = [part.rpartition("=") for part in self.steps.split(",")]
        if not all(count.strip().isdigit() and int(count) > 0 for _, _, count in parts):
            raise UserError(
                f"--steps '{self.steps}' is not possible", expected="a number of steps, or one for each model: rnn=1200,lstm=900"
            )
        if len(parts) == 1 and not parts[0][0]:
            return dict.fromkeys(names, int(parts[0][2]))
        given = {name.strip(): int(count) for name, _, count in parts}
        for name in names:
            if name not in given:
                raise UserError(
                    f"--steps '{self.steps}' names no steps for '{name}'", fix="give one number for all models, or one for each"
                )
        return {name: given[name] for name in names}

    @property
    def match(self) -> tuple[str, str]:
        """What is made equal: size and training."""
        return self.match_size, self.match_training

    def request(self) -> dict[str, object]:
        """The part that a run folder must agree on."""
        values = self.to_dict()
        for name in ("workers", "max_latency_ms", "max_bytes", "samples", "beside"):
            del values[name]
        return values | {"models": list(self.models)}


def request_fingerprint(options: Options, sha256: Mapping[str, str]) -> str:
    """What a run folder must agree on: options, the code that decides numbers, and the content of what was named.

    Args:
        sha256: of the data, under "data", and of every model from outside, under its name.
    """
    return fingerprint(options.request() | {"content": dict(sha256), "source_hash": source_hash()})


def _one_of(option: str, value: str, known: list[str]) -> None:
    if value not in known:
        raise UserError(f"{option} {value} is not possible", fix=did_you_mean(value, known))


def parse_budget(text: str) -> float:
    """Seconds of ``30s``, ``5m``, ``2h``, ``quick``, ``standard`` or ``thorough``."""
    if text in BUDGETS:
        return BUDGETS[text]
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip().lower())
    if not found or float(found[1]) <= 0:
        raise UserError(f"--budget '{text}' is no length of time", expected="30s, 5m, 2h, quick (3m), standard (15m) or thorough (2h)")
    return float(found[1]) * UNIT_SECONDS[found[2]]


def parse_size(text: str) -> int:
    """Parameters of ``30k``, ``1m`` or a whole number of 1,000 or more."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)", text.strip().lower())
    value = float(found[1]) * {"": 1, "k": 1e3, "m": 1e6}[found[2]] if found else math.nan
    if not value >= 1_000:
        raise UserError(f"--size '{text}' is no number of parameters", expected="auto, 30k, 100k, 300k, 1m, 3m or any number from 1000")
    return round(value)


def parse_latency(text: str) -> float:
    """Milliseconds of ``5ms`` or ``0.1s``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)", text.strip().lower())
    if not found or float(found[1]) <= 0:
        raise UserError(f"--max-latency '{text}' is no length of time", expected="for example 5ms")
    return float(found[1]) * (1.0 if found[2] == "ms" else 1000.0)


def parse_bytes(text: str) -> int:
    """Bytes of ``5MB``, ``300kB`` or a whole number."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?", text.strip().lower())
    if not found or float(found[1]) * UNIT_BYTES[found[2] or "b"] < 1:
        raise UserError(f"--max-bytes '{text}' is no size", expected="for example 5MB")
    return round(float(found[1]) * UNIT_BYTES[found[2] or "b"])
