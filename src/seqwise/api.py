"""The verbs in Python, named and defaulted as on the command line."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from seqwise.comparison.contenders import with_and_without
from seqwise.comparison.folder import read_result
from seqwise.comparison.options import Options, parse_budget, parse_bytes, parse_latency
from seqwise.core.errors import UserError, did_you_mean
from seqwise.core.files import read_json
from seqwise.data.panels import named_as_forecasts
from seqwise.data.sound_files import sound_kind
from seqwise.models.origin import model_in
from seqwise.predictor import auto_class, quiet_libraries
from seqwise.tasks import TASK_DATA
from seqwise.tasks.task_data import Request
from seqwise.zoo.shipped import folder_or_shipped

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from seqwise.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Args:
        path: the run folder.
        result: ``comparison.json``.
    """

    path: Path
    result: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> "Comparison":
        """A comparison from its run folder. Raises :class:`UserError` where there is none."""
        return cls(Path(path), read_result(Path(path)))

    @property
    def verdict(self) -> str:
        return self.result["verdict"]["text"]

    @property
    def frame(self) -> "pd.DataFrame":
        """One row per model: parameters, scores with intervals, cost."""
        import pandas as pd

        return pd.DataFrame([_row(model) for model in self.result["models"]]).set_index("model")

    def load(self) -> tuple[Any, Any]:
        """The best trained model and its tokenizer."""
        if self.result["best"] is None:
            raise UserError("no model was trained to its end in this comparison")
        return load(self.path / self.result["best"]["path"])

    def predict(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """Answers of the recommended model."""
        return predict(self.path, examples)

    def _repr_html_(self) -> str:
        from html import escape

        recommendation = self.result["verdict"]["recommendation"]["reason"]
        return f"<p><b>{escape(self.verdict)}</b></p><p>Recommended: {escape(recommendation)}</p>{self.frame.to_html(float_format='%.4g')}"

    def __repr__(self) -> str:
        return f"Comparison({str(self.path)!r}): {self.verdict}"


def _row(model: dict[str, Any]) -> dict[str, Any]:
    row = {"model": model["name"], "status": model["status"], "parameters": model["parameters"]["total"]}
    for metric, score in model["scores"].items():
        row[metric] = score["mean"]
        row[f"{metric}_low"], row[f"{metric}_high"] = score["ci95"] or (None, None)
    latency = model["cost"]["latency_ms"]
    return row | {
        "latency_ms": latency and latency["p50"],
        "bytes": model["bytes_on_disk"],
        "train_seconds": model["cost"]["train_seconds"],
    }


def make_options(source: str, **values: Any) -> Options:
    """Options from the words that the command line and Python share. Raises :class:`UserError` for an unknown one."""
    known = [field.name for field in dataclasses.fields(Options)]
    known += ["budget", "max_latency"]
    for name in values:
        if name not in known:
            raise UserError(f"compare has no option '{name}'", fix=did_you_mean(name, known))
    values = {name: value for name, value in values.items() if value is not None}
    if "models" in values:
        values["models"] = tuple(_names(values["models"]))
    if "budget" in values:
        budget = values.pop("budget")
        values["budget_seconds"] = parse_budget(budget if isinstance(budget, str) else f"{budget}s")
    if "max_latency" in values:
        values["max_latency_ms"] = parse_latency(values.pop("max_latency"))
    if isinstance(values.get("max_bytes"), str):
        values["max_bytes"] = parse_bytes(values["max_bytes"])
    for name in ("size", "steps"):
        if name in values:
            values[name] = str(values[name])
    return Options(source=str(source), **values)


TEXT_DEMOS = ("demo:python", "demo:docs")
FORECAST_DEMOS = ("demo:airline", "demo:sunspots")
SERIES_DEMOS = ("demo:digits",)
PAIR_DEMOS = ("demo:dates",)
SERIES_FILES = (".ts", ".npz", ".ts.gz", ".npz.gz")
TEXT_FILES = (".md", ".rst", ".text", ".md.gz", ".rst.gz", ".text.gz")


def guess_task(source: str, options: Mapping[str, Any] = MappingProxyType({})) -> str:
    """By the options that only one task has, else by the kind of source.

    Recordings are known by their manifest or folders, translation by two parallel files. Running text (a folder, a demo of it, a file of
    prose) asks for a language model, all else for labels.
    """
    if source in FORECAST_DEMOS or any(options.get(name) is not None for name in ("horizon", "split", "season")):
        return "time-series-forecasting"
    if options.get("id") is not None or options.get("time") is not None:
        return "time-series-classification"
    sound = sound_kind(source)
    if sound is not None:
        text, target = (options.get(name) is not None for name in ("text", "target"))
        spoken = text if text != target else sound == "texts"
        return "automatic-speech-recognition" if spoken else "audio-classification"
    if named_as_forecasts(source) and options.get("target") is None:
        return "time-series-forecasting"
    if source in SERIES_DEMOS or source.lower().endswith(SERIES_FILES):
        return "time-series-classification"
    if source in PAIR_DEMOS or ("," in source and all(Path(name).is_file() for name in source.split(","))):
        return "translation"
    running = source in TEXT_DEMOS or source.lower().endswith(TEXT_FILES) or Path(source).is_dir()
    return "text-generation" if running else "text-classification"


def compare(
    source: str = "demo:docstrings", *, out: str | Path | None = None, console: "Console | None" = None, **options: Any
) -> Comparison:
    """Train every family on equal terms on ``source`` and say which one to use.

    Args:
        source: a file, ``hf:NAME[/CONFIG]`` or ``demo:NAME``.
        out: the run folder; the same call with the same folder continues or returns what is there.
        console: where progress is shown; None for the terminal.
        options: the command line's options: ``test="test.csv"``, ``budget="5m"``, ``models="rnn,lstm"``, ``size="100k"`` ...

    Raises :class:`UserError` for anything that is wrong with the data or the options.
    """
    from rich.console import Console

    command = options.pop("command", None) or f"seqwise.compare({source!r}, ...)"
    started = options.pop("started", None)
    if options.get("task") is None:
        options["task"] = guess_task(str(source), options)
    pretrained = options.pop("from_pretrained", None)
    if pretrained is not None:
        options["models"] = (*_names(options.get("models") or ()), *with_and_without(_names(pretrained)))
    if options.get("models") is None and options["task"] in TASK_DATA:
        options["models"] = TASK_DATA[options["task"]].models
    checked = make_options(source, **options)
    quiet_libraries()
    from seqwise.comparison.start import run_comparison

    path, result = run_comparison(
        checked, out=str(out) if out else None, console=console or Console(stderr=True), command=command, started=started
    )
    return Comparison(path, result)


def _names(given: str | Sequence[str]) -> Sequence[str]:
    return given.split(",") if isinstance(given, str) else [str(name) for name in given]


def train(source: str = "demo:docstrings", model: str = "lstm", **options: Any) -> Comparison:
    """Train one model, with the same search and the same report, and no comparison."""
    return compare(source, models=(model,), **({"replicates": 1, "budget": "quick"} | options))


def finetune(source: str, model: str | Path, **options: Any) -> Comparison:
    """Train a pretrained model on, with the same search and the same report as :func:`train`.

    Layers near the input learn more slowly, and later, than those near the answer (Howard & Ruder 2018, arXiv:1801.06146), by as much as
    the search finds good; the head is fresh where the model has none for these labels. Training ends when the score has not become
    better for ``patience`` evaluations.

    Args:
        model: a folder, of a run or of a model, or a name on the hub.

    Raises :class:`UserError` for a model that cannot be had, or is of another task.
    """
    if "models" in options:
        raise UserError("finetune takes one model", fix="compare(..., from_pretrained=...) takes several")
    return compare(
        source, models=(f"hf:{str(model).removeprefix('hf:')}",), **({"replicates": 1, "budget": "quick", "patience": 5} | options)
    )


def pretrain(
    corpus: str, *, out: str | Path | None = None, console: "Console | None" = None, command: str | None = None, **options: Any
) -> tuple[Path, dict[str, Any]]:
    """Train one model on running text of any size; returns the folder, with the model in ``model/``, and the record.

    Args:
        corpus: a file, folder, ``hf:NAME[/CONFIG]`` or ``demo:NAME``, or several with commas between them: ``"a.txt,demo:docs"``.
        out: the folder; the same call with the same folder continues or returns what is there.
        options: those of the command line: ``model="gru"``, ``budget="100Mtokens"``, ``objective="masked-lm"`` ...

    Raises :class:`UserError` for anything that is wrong with the corpus or the options.
    """
    from rich.console import Console

    from seqwise.pretraining.options import PretrainOptions

    checked = PretrainOptions.from_dict({"source": str(corpus)} | {name: value for name, value in options.items() if value is not None})
    quiet_libraries()
    from seqwise.pretraining.engine import run_pretraining

    told = command or f"seqwise.pretrain({corpus!r}, ...)"
    return run_pretraining(checked, out=str(out) if out else None, console=console or Console(stderr=True), command=told)


def claims(
    *names: str,
    tier: str = "smoke",
    out: str | Path | None = None,
    workers: int | None = None,
    console: "Console | None" = None,
    command: str | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Measure claims about RNN, LSTM and Transformer again; returns the folder, with ``claims.html``, and ``claims.json``.

    Args:
        names: of the claims; all where none is named.
        tier: "smoke", "standard" or "long".

    Raises :class:`UserError` for an unknown claim or tier.
    """
    from rich.console import Console

    from seqwise.textbook.run import run_claims

    quiet_libraries()
    told = command or f"seqwise.claims({', '.join(map(repr, names))}, tier={tier!r})"
    return run_claims(names, tier, out=str(out) if out else None, workers=workers, console=console or Console(stderr=True), command=told)


def load(source: str | Path) -> tuple[Any, Any]:
    """Model and tokenizer of a run folder, a model folder, or a pretrained model of the package: ``load("lstm-tiny")``.

    A folder of that name in the working directory comes first. Nothing is fetched. Raises :class:`UserError` where there is neither.
    """
    from seqwise.predictor import load_model

    folder = folder_or_shipped(source)
    return Comparison.open(folder).load() if (folder / "comparison.json").exists() else load_model(model_in(folder))


def predict(source: str | Path, examples: Sequence[Any] | str | Path) -> list[dict[str, Any]]:
    """Answers to examples, by a run's recommended model, a model folder or a baseline folder; see ``answers`` of the task's ``Use``.

    Args:
        examples: texts; series: arrays (T, C), one for each; or sounds: paths of files, or samples (n,) at the model's own rate. Labels
            are answered as ``{"label", "probabilities"}``, what was said as ``{"text"}``, translations as ``{"translation"}``, forecasts as
            ``{"mean", "quantiles"}``.
    """
    from seqwise.predictor import load_predictor

    single = isinstance(examples, str | Path) or (isinstance(examples, np.ndarray) and examples.ndim == 1)
    return load_predictor(str(source)).answers([examples] if single else list(examples))


def evaluate(source: str | Path, data: str, **columns: Any) -> dict[str, Any]:
    """Scores of a run's recommended model on data with answers, or of its language model on text; intervals are over units.

    Args:
        columns: ``text``, ``target``, ``id``, ``time``, ``header`` and ``split``, as of the command line.
    """
    request = Request(source=data, **columns)
    if _is_language_model(folder_or_shipped(source)):
        for name in ("target", "header", "id", "time", "split"):
            if getattr(request, name) is not None:
                raise UserError(f"--{name} has no meaning for a language model", fix="leave it out; --text names the column of a table")
        return _evaluate_text(str(source), data, request.text)
    from seqwise.predictor import load_predictor
    from seqwise.tasks import TASKS

    predictor = load_predictor(str(source))
    predictor.check(request)
    found = predictor.evaluate(request)
    scores = _with_intervals(TASKS[predictor.task](), found.outputs, found.truth)
    known = _trained_on(source, data) and request.split is None
    note = "the model was trained on this file: these scores do not say how it does on new data" if known else None
    about = {"model": str(source), "name": predictor.name, "data": data, "examples": found.examples, "counted": found.counted}
    return about | {"scores": scores, "note": note}


def _is_language_model(folder: Path) -> bool:
    if (folder / "comparison.json").exists():
        return read_result(folder)["task"] == "text-generation"
    if (folder / "baseline.json").exists():
        return False
    folder = model_in(folder)
    return (folder / "config.json").exists() and auto_class(folder) == "AutoModelForCausalLM"


def _evaluate_text(source: str, data: str, text: str | None) -> dict[str, Any]:
    from seqwise.data.corpora import load_text_corpus
    from seqwise.data.streams import check_exact, encode_text
    from seqwise.generator import load_language_model, window_of
    from seqwise.tasks import TASKS
    from seqwise.tasks.running_text import BETWEEN_DOCUMENTS, check_long_enough

    model, tokenizer = load_language_model(source)
    corpus, task = load_text_corpus(data, text=text), TASKS["text-generation"]()
    whole = BETWEEN_DOCUMENTS.join(corpus.documents)
    if model.config.model_type != "seqwise":
        check_exact(tokenizer, whole, f"the tokenizer of {source}")
    stream = encode_text(tokenizer, whole, window_of(model, tokenizer))
    check_long_enough(stream, data, fix="more text")
    outputs = task.outputs(model, stream, final=True)
    scores = _with_intervals(task, outputs, stream.truth)
    note = "the model was trained on this text: these scores do not say how it does on new text" if _trained_on(source, data) else None
    run = (Path(source) / "comparison.json").exists()
    return {
        "model": source,
        "name": read_result(Path(source))["best"]["name"] if run else Path(source).name,
        "data": data,
        "examples": stream.units,
        "counted": "blocks of text",
        "scores": scores,
        "note": note,
    }


def _with_intervals(task: "Task", outputs: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Every metric with its 95 % interval over units, where it is a mean over units."""
    from seqwise.comparison.finals import clipped, units_only

    scores = {name: {"value": value, "ci95": None} for name, value in task.metrics(outputs, truth).items()}
    additive = {task.metric: task.unit_scores(outputs, truth)} | task.describing_scores(outputs, truth)
    for name, values in additive.items():
        scores[name]["ci95"] = clipped(units_only([values]), *task.range_of(name), units=len(values))["ci95"]
    return scores


def generate(source: str | Path, prompt: str, **sampling: Any) -> str:
    """A language model's continuation of ``prompt``, by a run folder, a model folder or a pretrained model of the package.

    Args:
        sampling: ``tokens``, ``temperature``, ``top_k``, ``beams`` and ``seed``, as of the command line.
    """
    from seqwise.generator import Sampling, load_language_model
    from seqwise.generator import generate as write_on

    return write_on(*load_language_model(str(source)), prompt, Sampling(**sampling))


def _trained_on(source: str | Path, data: str) -> bool:
    file = Path(source) / "comparison.json"
    return file.exists() and Path(read_json(file)["data"]["source"]).resolve() == Path(data).resolve()
