"""How a comparison's numbers and models are written, the same in the page, the terminal and the model card."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqwise.report import numbers
from seqwise.report.document import Style

FAMILY_DASHES = {"recurrent": "", "attention": "7 4", "hybrid": "7 3 2 3", "external": "12 4", "baseline": "2 4"}
DECISIONS = {"better": "better", "worse": "worse", "equivalent": "equal", "undecided": "undecided"}


@dataclass(frozen=True)
class Metric:
    """``scale`` turns a recorded value into the shown unit; differences are shown in ``step``."""

    label: str
    unit: str = ""
    step: str = ""
    scale: float = 1.0
    places: int = 3
    meaning: str = ""
    higher_is_better: bool = True

    def value(self, value: float | None) -> str:
        written = numbers.fixed(value, self.places, scale=self.scale)
        return f"{written} {self.unit}".rstrip() if written != numbers.MISSING else written

    def interval(self, bounds: Sequence[float] | None) -> str:
        return numbers.interval(bounds, self.places, scale=self.scale)

    def score(self, score: Mapping[str, Any] | None) -> str:
        """``84.1 % (83.0 to 85.2)``."""
        if not score or score.get("mean") is None:
            return numbers.MISSING
        bounds = self.interval(score.get("ci95"))
        return self.value(score["mean"]) + (f" ({bounds})" if bounds else "")

    def difference(self, value: float | None, bounds: Sequence[float] | None = None, *, signed: bool = True) -> str:
        """``+2.3 points (+0.9 to +3.7)``."""
        written = numbers.fixed(value, self.places, scale=self.scale, signed=signed)
        if written == numbers.MISSING:
            return written
        between = numbers.interval(bounds, self.places, scale=self.scale, signed=signed)
        return f"{written} {self.step}".rstrip() + (f" ({between})" if between else "")

    @property
    def of(self) -> str:
        """What a difference is one of, unless its step has said so: " of accuracy"."""
        return "" if self.step == self.label else f" of {self.label}"

    @property
    def axis(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label


METRICS = {
    "wer": Metric("word error rate", "%", "points", 100, 1, "the errors per word that was said; lower is better", False),
    "cer": Metric("character error rate", "%", "points", 100, 1, "the errors per character; lower is better", False),
    "ctc_loss": Metric("loss per character", "nats", "nats", 1, 3, "the surprise at what was said; lower is better", False),
    "accuracy": Metric("accuracy", "%", "points", 100, 1, "the share of examples that are answered correctly"),
    "macro_f1": Metric(
        "macro F1", "%", "points", 100, 1, "the balance of precision and recall, averaged with the same weight for every class"
    ),
    "log_loss": Metric(
        "log loss", "nats", "nats", 1, 3, "the surprise at the true answer; punishes confident mistakes; lower is better", False
    ),
    "bleu": Metric("BLEU", "", "BLEU", 1, 1, "the share of words and phrases that the translations have in common with the references"),
    "chrf": Metric("chrF", "", "chrF", 1, 1, "the same of characters, which forgives a wrong ending; recall counts twice as much"),
    "exact_match": Metric("exact match", "%", "points", 100, 1, "the share of answers that are the reference to the letter"),
    "loss": Metric("loss per token", "nats", "nats", 1, 3, "the surprise at the next token; lower is better", False),
    "perplexity": Metric(
        "perplexity", "", "", 1, 2, "among how many equally likely tokens the model is as good as choosing; lower is better", False
    ),
    "bits_per_byte_carried": Metric(
        "bits per byte, state carried", "", "bits per byte", 1, 3, "the same with the state carried through the whole text", False
    ),
    "mse": Metric("mean squared error", meaning="of values standardised by the training part; lower is better", higher_is_better=False),
    "mae": Metric("mean absolute error", meaning="of the median forecast, standardised; lower is better", higher_is_better=False),
    "mase": Metric(
        "MASE", meaning="the absolute error over that of repeating the last season in training; below 1 is better", higher_is_better=False
    ),
    "smape": Metric("sMAPE", "%", "points", 100, 1, "the absolute error over the mean size of forecast and truth, 0 to 200 %", False),
    "coverage": Metric("coverage", "%", "points", 100, 1, "how often the truth lies in the band that should hold 80 %"),
    "quantile_loss": Metric("quantile loss", meaning="of the three quantiles, standardised; lower is better", higher_is_better=False),
    "masked_loss": Metric("loss at hidden tokens", "nats", "nats", 1, 3, "the surprise at a hidden token; lower is better", False),
    "masked_accuracy": Metric("hidden tokens found", "%", "points", 100, 1, "how often the likeliest token is the hidden one"),
    "bits_per_byte": Metric("bits per byte", "", "bits per byte", 1, 3, "the surprise at the next byte; lower is better", False),
}


def length_in(data: Mapping[str, Any]) -> str:
    """What the length of an example is counted in: tokens, or the steps of a series."""
    return (data.get("card") or {}).get("length_in", "tokens")


def metric(name: str) -> Metric:
    """A metric that is not listed keeps its own name and no unit."""
    return METRICS.get(name) or Metric(name.replace("_", " "))


def primary(result: Mapping[str, Any]) -> Metric:
    return metric(result["protocol"]["metric"])


def primary_score(result: Mapping[str, Any], model: Mapping[str, Any]) -> Mapping[str, Any]:
    return model["scores"].get(result["protocol"]["metric"]) or {"mean": None, "ci95": None, "per_replicate": []}


ANSWERS = {"translation": "one translation", "text-generation": "the next token", "time-series-forecasting": "one forecast of one series"}


def answer_of(result: Mapping[str, Any]) -> str:
    """What one answer is, whose time is measured."""
    return ANSWERS.get(result["task"], "one answer")


def dig(record: Mapping[str, Any] | None, *keys: str) -> Any:
    """The value under nested keys; None as soon as one is missing or None."""
    value: Any = record
    for key in keys:
        if value is None:
            return None
        value = value.get(key)
    return value


def trained(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [model for model in result["models"] if model["kind"] != "baseline"]


def all_outside(result: Mapping[str, Any]) -> bool:
    """Whether every trained model came from outside, with a size of its own."""
    return all(model["family"] == "external" for model in trained(result))


def ranked(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All models, the best mean of the primary metric first, those without a score last."""
    sign = -1.0 if result["protocol"]["higher_is_better"] else 1.0

    def place(model: Mapping[str, Any]) -> tuple[bool, float]:
        mean = primary_score(result, model)["mean"]
        return mean is None, 0.0 if mean is None else sign * mean

    return sorted(result["models"], key=place)


def styles(result: Mapping[str, Any]) -> dict[str, Style]:
    """One style per model: colour and marker by its place in the list, the dash by its family."""
    return {model["name"]: Style(index % 8, index % 8, FAMILY_DASHES[model["family"]]) for index, model in enumerate(result["models"])}


def decision_headline(result: Mapping[str, Any]) -> str:
    """The verdict in a few words."""
    verdict = result["verdict"]
    names = numbers.listed(verdict["winners"])
    if len(trained(result)) == 1:
        return "One model was trained, so there is nothing to decide"
    return {
        "winner": f"The winner is {names}",
        "tie": f"A tie: {names} are equally good",
        "undecided": f"Undecided between {numbers.listed(verdict['candidates'])}",
        "nothing learned": "Nothing was learned",
    }[verdict["decision"]]


def worst_case(result: Mapping[str, Any]) -> str:
    """How much the recommended model can be behind any other, as a sentence; empty when it is not known."""
    regret, name = (result["verdict"]["recommendation"][key] for key in ("regret_upper95", "model"))
    if regret is None:
        return ""
    if regret <= 0:
        return f"{name} is not behind any alternative (95 % sure)."
    kind = primary(result)
    return f"At worst {name} is {kind.difference(regret, signed=False)}{kind.of} behind any alternative (95 % sure)."


def sentence(text: str, names: Collection[str] = ()) -> str:
    """The text with a capital and a full stop; a model's name at its start stays as it is."""
    text = text.strip()
    first = text if text.split(" ", 1)[0].rstrip(":,;") in names else numbers.capital(text)
    return first + ("" if first[-1:] in ("", ".", "!", "?") else ".")


def setting(value: Any) -> str:
    """A hyperparameter's value, short."""
    return f"{value:.3g}" if type(value) is float else str(value)


def settings(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {setting(value)}" for name, value in (values or {}).items())
