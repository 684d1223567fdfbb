"""What a user asks of a pretraining, checked before anything is read or written."""

import dataclasses
import re
from pathlib import Path

from seqwise.comparison.contenders import Contender, parse_contenders
from seqwise.comparison.options import parse_budget, parse_size
from seqwise.core.config import Config, fingerprint
from seqwise.core.environment import source_hash
from seqwise.core.errors import UserError, did_you_mean
from seqwise.training.objectives import OBJECTIVES
from seqwise.zoo.shipped import folder_or_shipped, shipped_names

TOKENS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
PRECISIONS = ("auto", "fp32", "bf16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainOptions(Config):
    """Everything that decides the numbers of a pretraining, and where it goes."""

    source: str
    validation: str | None = None
    text: str | None = None
    model: str = "lstm"
    objective: str = "causal-lm"
    size: str = "1m"
    layers: int | None = None
    width: int | None = None
    tokenizer: str = "bpe:4096"
    """``bpe:SIZE``, trained here, or the folder of a tokenizer, or the name of a pretrained model of the package, for its own."""
    context: int = 256
    batch: int = 32
    accumulation: int = 1
    budget: str = "15m"
    """A length of time, or a number of tokens: ``30m``, ``100Mtokens``."""
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    dropout: float = 0.0
    warmup: float = 0.02
    decay: float = 0.3
    evaluations: int = 20
    stateful: bool = False
    precision: str = "auto"
    device: str = "auto"
    seed: int = 0
    report_to: str | None = None
    """Trackers of accelerate, comma-separated."""

    def __post_init__(self) -> None:
        for name in ("layers", "width", "context", "batch", "accumulation", "evaluations"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise UserError(f"--{name} {value} is not possible", expected="a whole number of 1 or more")
        for name, known in (("objective", list(OBJECTIVES)), ("precision", PRECISIONS), ("device", ("auto", "cpu", "cuda"))):
            if getattr(self, name) not in known:
                raise UserError(f"--{name} {getattr(self, name)} is not possible", fix=did_you_mean(getattr(self, name), list(known)))
        for name, low, high in (("learning_rate", 0, 1), ("dropout", -1e-9, 1), ("warmup", -1e-9, 1), ("decay", -1e-9, 1)):
            if not low < getattr(self, name) < high:
                value = f"--{name.replace('_', '-')} {getattr(self, name)}"
                raise UserError(f"{value} is not possible", expected=f"between {max(low, 0)} and {high}")
        if self.batch % self.accumulation:
            raise UserError(f"--batch {self.batch} cannot be divided into --accumulation {self.accumulation} parts", fix="a multiple")
        _ = parse_size(self.size), self.tokens, self.tokenizer_size, self.contender
        self._check_stateful()

    def _check_stateful(self) -> None:
        if not self.stateful:
            return
        if self.objective != "causal-lm" or "attention" in self.contender.mixers:
            raise UserError("--stateful carries a recurrent state from window to window", expected="causal-lm and a recurrent model")
        if self.accumulation > 1:
            raise UserError("--stateful and --accumulation exclude each other", fix="leave one of them out")

    @property
    def contender(self) -> Contender:
        """Raises :class:`UserError` for an unknown model, several, or one from outside."""
        found = parse_contenders(tuple(self.model.split(",")))
        if len(found) != 1 or found[0].source:
            raise UserError(f"--model {self.model} is not possible", expected="one model: lstm, transformer, lstm+attention ...")
        return found[0]

    @property
    def target_parameters(self) -> int:
        return parse_size(self.size)

    @property
    def tokens(self) -> int | None:
        """Of training, where the budget is told in tokens."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgb]?)\s*tokens?", self.budget.strip().lower())
        if found:
            count = round(float(found[1]) * TOKENS[found[2]])
            if count < 1:
                raise UserError(f"--budget '{self.budget}' is no training", expected="1 token or more, such as 100Mtokens")
            return count
        try:
            parse_budget(self.budget)
        except UserError as error:
            raise UserError(f"--budget '{self.budget}' is neither a time nor a number of tokens", expected="30m, 2h, 100Mtokens") from error
        return None

    @property
    def seconds(self) -> float | None:
        """Of training, where the budget is told in time."""
        return None if self.tokens else parse_budget(self.budget)

    @property
    def tokenizer_folder(self) -> Path | None:
        """Of a tokenizer that is given; None where one is trained."""
        given = Path(self.tokenizer).is_dir() or self.tokenizer in shipped_names()
        return folder_or_shipped(self.tokenizer) if given else None

    @property
    def tokenizer_size(self) -> int | None:
        """Entries of the tokenizer to be trained; None where one is given."""
        if self.tokenizer_folder is not None:
            return None
        found = re.fullmatch(r"bpe:(\d+)", self.tokenizer)
        if not found or not 300 <= int(found[1]) <= 200_000:
            raise UserError(
                f"--tokenizer {self.tokenizer} is not possible",
                expected="bpe:4096, any size from 300 on, a folder, or a pretrained model of `seqwise models`",
            )
        return int(found[1])

    def request(self) -> str:
        """What a folder must agree on to be continued, beside the content of what is named."""
        values = {name: value for name, value in self.to_dict().items() if name != "report_to"}
        return fingerprint(values | {"source_hash": source_hash()})
