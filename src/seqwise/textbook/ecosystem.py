"""Ecosystem: what loads, trains, exports and shares, by doing it, for an LSTM and a Transformer, with this package and without."""

import importlib.util
import json
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from seqwise.models.architectures import architecture
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.report import numbers
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import exactly
from seqwise.zoo.shipped import path, shipped_names

LIST = Path(__file__).with_name("checkpoints.json")
FAMILIES = ("rnn", "lstm", "transformer")
PAIRS = {"with": ("lstm", "transformer"), "without": ("nn.LSTM of torch", "LLaMA of transformers")}
"""With this package and without it: the LSTM and the Transformer that are tried."""
NAMES = {"lstm": "this package's LSTM", "transformer": "its Transformer"}
CLASSIC = re.compile(r"\bnn\.(LSTM|GRU|RNN)(Cell)?\(|^class \w*(LSTM|GRU|RNN)\w*\(", re.MULTILINE)
"""In the source of a model: a recurrent layer of torch, or a class that is called one."""
STATEFUL = re.compile(r"_is_stateful = True")
"""The library's own mark of a model whose state cannot be rolled back."""
ATTENTION = re.compile(r"softmax\(|scaled_dot_product_attention|ALL_ATTENTION_FUNCTIONS")
VOCABULARY, WIDTH = 64, 32
ABSENT = "not installed"


class Plain(nn.Module):
    """An LSTM of torch alone that answers as the models of transformers do: (B, T) tokens to loss and (B, T, outputs) logits."""

    def __init__(self, outputs: int):
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(VOCABULARY, WIDTH), nn.LSTM(WIDTH, WIDTH, num_layers=2, batch_first=True)
        self.head = nn.Linear(WIDTH, outputs)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        from transformers.modeling_outputs import CausalLMOutput

        logits = self.head(self.rnn(self.embedding(input_ids))[0])
        loss = None if labels is None else nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutput(loss=loss, logits=logits)


def small(family: str) -> SeqwiseConfig:
    return architecture(f"{family}-tiny-v1", vocab_size=VOCABULARY, pad_token_id=0, eos_token_id=1)


def llama() -> Any:
    from transformers import LlamaConfig

    sizes = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaConfig(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=1, use_cache=False, **sizes)


def language_model(name: str) -> nn.Module:
    from transformers import LlamaForCausalLM

    makers = {"nn.LSTM of torch": lambda: Plain(VOCABULARY), "LLaMA of transformers": lambda: LlamaForCausalLM(llama())}
    return makers.get(name, lambda: SeqwiseForCausalLM(small(name)))()


def classifier(name: str) -> nn.Module:
    from transformers import LlamaForSequenceClassification

    makers = {"nn.LSTM of torch": lambda: Plain(2), "LLaMA of transformers": lambda: LlamaForSequenceClassification(llama())}
    return makers.get(name, lambda: SeqwiseForSequenceClassification(small(name)))().eval()


def ids() -> torch.Tensor:
    return torch.randint(2, VOCABULARY, (2, 8))


def loads(name: str, place: str) -> None:
    """Saved as safetensors, loaded by the Auto class with the same answers."""
    from transformers import AutoModelForCausalLM

    model, given = language_model(name).eval(), ids()
    model.save_pretrained(place)
    again = AutoModelForCausalLM.from_pretrained(place, local_files_only=True).eval()
    torch.testing.assert_close(again(given).logits, model(given).logits)


def generates(name: str, place: str) -> None:
    """By the library's own generate, greedy and with beams."""
    model = language_model(name).eval()
    for beams in (1, 3):
        assert model.generate(ids(), max_new_tokens=4, num_beams=beams, do_sample=False).shape[1] > 8


def trains(name: str, place: str) -> None:
    """By transformers.Trainer, one epoch."""
    from transformers import Trainer, TrainingArguments

    rows = [{"input_ids": row, "labels": row} for row in ids()]
    told = TrainingArguments(
        place, num_train_epochs=1, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False
    )
    Trainer(language_model(name), told, train_dataset=rows).train()


def exports(name: str, place: str) -> None:
    """By torch.export, with the same answers."""
    model, given = classifier(name), ids()
    exported = torch.export.export(model, (given,)).module()
    torch.testing.assert_close(exported(given).logits, model(given).logits, rtol=1e-4, atol=1e-5)


def converts(name: str, place: str) -> None:
    """By torch.onnx, which needs onnxscript."""
    import onnxscript  # noqa: F401

    torch.onnx.export(classifier(name), (ids(),), f"{place}/model.onnx", dynamo=True)


def quantises(name: str, place: str) -> None:
    """Every matrix but those of embeddings to 8 bits by torch's dynamic quantisation; it still answers."""
    with warnings.catch_warnings(action="ignore"):
        changed = torch.ao.quantization.quantize_dynamic(classifier(name), {nn.LSTM, nn.GRU, nn.Linear}, dtype=torch.qint8)
        assert torch.isfinite(changed(ids()).logits).all()
    tables = {id(module.weight) for module in changed.modules() if isinstance(module, nn.Embedding)}
    left = [key for key, weight in changed.named_parameters() if weight.ndim > 1 and id(weight) not in tables]
    assert not left, f"{len(left)} matrices stay in 32 bits, {left[0]} among them"


def is_pretrained(name: str, place: str) -> None:
    """Weights that come with the package and load without a network."""
    from transformers import AutoModel

    AutoModel.from_pretrained(path(f"{name}-tiny"), local_files_only=True)


Check = Callable[[str, str], None]
CHECKS: Mapping[str, Check] = {
    "saved and loaded by an Auto class": loads,
    "generate": generates,
    "transformers.Trainer": trains,
    "torch.export": exports,
    "torch.onnx": converts,
    "8-bit quantisation": quantises,
}
PACKAGED: Mapping[str, Check] = {"pretrained weights": is_pretrained}
"""What only models of this package can be asked: others fetch theirs from a network."""


def checks_of(name: str) -> Mapping[str, Check]:
    return CHECKS if name in PAIRS["without"] else {**CHECKS, **PACKAGED}


def library_models() -> dict[str, int]:
    """Language models that transformers knows by itself: all; on LSTM, GRU or RNN layers, or called so; with a recurrent state and no
    attention; and with both."""
    from transformers.models.auto import modeling_auto as auto
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    own = {"seqwise", "seqwise_seq2seq"}
    kinds = (set(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) | set(auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)) - own
    root = Path(importlib.util.find_spec("transformers.models").submodule_search_locations[0])
    counts = Counter(mark for kind in kinds for mark in marks_of(_source(root / model_type_to_module_name(kind))))
    return {"all": len(kinds)} | {mark: counts[mark] for mark in ("classic", "recurrent", "hybrid")}


def marks_of(source: str) -> list[str]:
    """What the source of a model says of it."""
    recurrent = bool(CLASSIC.search(source) or STATEFUL.search(source))
    attends = bool(ATTENTION.search(source))
    marks = {"classic": bool(CLASSIC.search(source)), "recurrent": recurrent and not attends, "hybrid": recurrent and attends}
    return [mark for mark, found in marks.items() if found]


def _source(place: Path) -> str:
    return "\n".join(file.read_text() for file in sorted(place.glob("modeling_*.py")))


def passed(row: Mapping[str, str]) -> int:
    return sum(said == "passed" for said in row.values())


def tried(row: Mapping[str, str]) -> int:
    """Checks whose tools are installed."""
    return sum(not said.startswith(ABSENT) for said in row.values())


class Ecosystem(Claim):
    id = "ecosystem"
    source = "reason 6"
    statement = "Hugging Face offers models, interfaces and tools for Transformers; for LSTMs there is almost nothing."
    clauses = (
        Clause(
            statement="The library by itself knows hardly any language model of LSTMs, GRUs or RNNs",
            scope="exact",
            effect="share of the kinds of language models of transformers that hold torch's recurrent layers or classes of those names",
            unit="share",
            threshold=0.02,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="It knows hardly any that is recurrent in any other way either",
            scope="exact",
            effect="share of the kinds that have a recurrent state (LSTMs, RWKV, Mamba) and no attention",
            unit="share",
            threshold=0.02,
            direction="below",
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="An LSTM cannot be loaded, generated with, trained, exported and quantised as a Transformer can",
            scope="exact",
            effect="of six such checks, where their tools are there, those a Transformer of the library passes less those of torch's LSTM",
            unit="checks",
            threshold=0.5,
            pilot_seen=True,
        ),
        Clause(
            statement="With this package it cannot either",
            scope="exact",
            effect="the same between this package's Transformer and LSTM, with weights that come with it as the seventh",
            unit="checks",
            threshold=0.5,
            pilot_seen=True,
            control=True,
        ),
        Clause(
            statement="There is no pretrained LSTM",
            scope="exact",
            effect="pretrained LSTMs of others, in a list with its date",
            unit="count",
            threshold=1.0,
            direction="below",
            pilot_seen=True,
        ),
        Clause(
            statement="The Hugging Face hub holds thousands of pretrained Transformers",
            scope="history",
            effect="models on the hub",
            unit="count",
            threshold=1000.0,
        ),
    )
    published = (
        Published(
            value="WikiText-103 weights of an LSTM, forwards and backwards, 105 MB",
            source="fastai, WT103_FWD and WT103_BWD",
            read=False,
            clauses=(4,),
        ),
        Published(
            value="38 kinds of character LSTMs, each forwards and backwards",
            source="Flair, FLAIR_EMBEDDINGS.md",
            clauses=(4,),
        ),
        Published(
            value="an mLSTM on Amazon reviews: SST 91.7 %",
            source="NVIDIA, sentiment-discovery, README",
            clauses=(4,),
        ),
    )
    seconds: ClassVar = {"smoke": 40.0, "standard": 60.0, "long": 60.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        names = [name for pair in PAIRS.values() for name in pair]
        return [Experiment(part="library"), *(Experiment(part="checks", settings={"model": name}) for name in names)]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        torch.manual_seed(experiment.seed)
        if experiment.part == "library":
            return library_models() | listed_models()
        name = experiment.settings["model"]
        return {check: _outcome(made, name) for check, made in checks_of(name).items()}

    def judge(self, results: Sequence[Result]) -> Judged:
        library = next((row for experiment, row in results if experiment.part == "library"), None)
        checks = {experiment.settings["model"]: row for experiment, row in results if experiment.part == "checks"}
        whole = {pair: names for pair, names in PAIRS.items() if set(names) <= set(checks)}
        behind = {pair: exactly(passed(checks[other]) - passed(checks[lstm])) for pair, (lstm, other) in whole.items()}
        shares = {mark: exactly(library[mark] / library["all"]) for mark in ("classic", "recurrent")} if library else {}
        others = exactly(library["listed"]["lstm"]) if library else None
        estimates = [shares.get("classic"), shares.get("recurrent"), behind.get("without"), behind.get("with"), others, None]
        measured = [
            Measured(model=name, quantity=check, unit="1 where it works", estimate=exactly(said == "passed"))
            for name, row in checks.items()
            for check, said in row.items()
            if not said.startswith(ABSENT)
        ]
        told = [f"{NAMES.get(name, name)} passes {passed(row)} of {tried(row)} checks{_failed(row)}" for name, row in checks.items()]
        told += sorted({said for row in checks.values() for said in row.values() if said.startswith(ABSENT)})
        cells = {}
        if library:
            measured += _counts(library)
            told.append(
                f"of {library['all']} kinds of language models that transformers knows by itself {library['classic']} hold LSTM, GRU or RNN"
                f" layers, {library['recurrent']} are recurrent without attention and {library['hybrid']} have both"
            )
            told.append(f"a list of {library['date']} has {library['listed']['lstm']} pretrained LSTMs of others")
            cells = {name: f"{library['listed'][name]} of others in a list, {library['shipped'][name]} here" for name in ("rnn", "lstm")}
            cells["transformer"] = (
                f"{library['all'] - library['recurrent']} kinds in transformers, {library['shipped']['transformer']} here"
            )
        summary = f"{numbers.capital('; '.join(told))}." if told else "Nothing was tried."
        return Judged(estimates, measured, summary, {"Pretraining availability": cells} if cells else {})


def listed_models() -> dict[str, Any]:
    """Pretrained models by family: those of others in the list that comes with the package, and its own."""
    listed, shipped = json.loads(LIST.read_text()), [name.partition("-")[0] for name in shipped_names()]
    rows = listed["pretrained recurrent models"]
    of_others = {family: sum(row["count"] for row in rows if row["family"] == family) for family in ("rnn", "lstm")}
    return {"listed": of_others, "shipped": {family: shipped.count(family) for family in FAMILIES}, "date": listed["date"]}


def _counts(library: Mapping[str, Any]) -> list[Measured]:
    kinds = {"all": "kinds of language models", "classic": "of them on LSTM, GRU or RNN layers"}
    kinds |= {"recurrent": "of them recurrent without attention", "hybrid": "of them recurrent with attention"}
    found = [
        Measured(model="transformers", quantity=said, unit="count", estimate=exactly(library[mark]), at={"list": "installed"})
        for mark, said in kinds.items()
    ]
    for where, counts in (("listed", library["listed"]), ("shipped", library["shipped"])):
        quantity = "pretrained models of others" if where == "listed" else "pretrained models of this package"
        at = {"list": library["date"]} if where == "listed" else {"list": "installed"}
        found += [Measured(model=name, quantity=quantity, unit="count", estimate=exactly(n), at=at) for name, n in counts.items()]
    return found


def _failed(row: Mapping[str, str]) -> str:
    said = [f"{check}: {told}" for check, told in row.items() if told != "passed" and not told.startswith(ABSENT)]
    return f" ({'; '.join(said)})" if said else ""


def _outcome(check: Check, name: str) -> str:
    """ "passed", or what went wrong."""
    try:
        with tempfile.TemporaryDirectory() as place:
            check(name, place)
    except ModuleNotFoundError as error:
        return f"{ABSENT}: {error.name}"
    except Exception as error:  # whatever the library under test raises is the result
        return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else 'no message'}"
    return "passed"
