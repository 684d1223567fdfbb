"""Ecosystem: what loads, trains, exports and shares, by doing it, for an LSTM and a Transformer, with this package and without."""

import importlib.util
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from seqwise.models.architectures import architecture
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.textbook.claim import Claim, Experiment, Judged, Measured, Published, Result
from seqwise.textbook.clause import Clause
from seqwise.textbook.estimates import exactly
from seqwise.zoo.shipped import path, shipped_names

LIST = Path(__file__).with_name("checkpoints.json")
FAMILIES = ("lstm", "transformer")
RECURRENT = re.compile(r"\bnn\.(LSTM|GRU|RNN)\(")
VOCABULARY = 64


def small(family: str, **settings: Any) -> Any:
    return architecture(f"{family}-tiny-v1", vocab_size=VOCABULARY, pad_token_id=0, eos_token_id=1, **settings)


def ids() -> torch.Tensor:
    return torch.randint(2, VOCABULARY, (2, 8))


def loads(family: str, place: str) -> None:
    """Saved as safetensors, loaded by the Auto class with the same answers."""
    from transformers import AutoModelForCausalLM

    model, given = SeqwiseForCausalLM(small(family)).eval(), ids()
    model.save_pretrained(place)
    again = AutoModelForCausalLM.from_pretrained(place, local_files_only=True).eval()
    torch.testing.assert_close(again(given).logits, model(given).logits)


def generates(family: str, place: str) -> None:
    """By the library's own generate, greedy and with beams."""
    model = SeqwiseForCausalLM(small(family)).eval()
    for beams in (1, 3):
        assert model.generate(ids(), max_new_tokens=4, num_beams=beams, do_sample=False).shape[1] > 8


def trains(family: str, place: str) -> None:
    """By transformers.Trainer, one epoch."""
    from transformers import Trainer, TrainingArguments

    rows = [{"input_ids": row, "labels": 0} for row in ids()]
    told = TrainingArguments(
        place, num_train_epochs=1, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False
    )
    Trainer(SeqwiseForSequenceClassification(small(family)), told, train_dataset=rows).train()


def exports(family: str, place: str) -> None:
    """By torch.export, with the same answers."""
    model, given = SeqwiseForSequenceClassification(small(family)).eval(), ids()
    exported = torch.export.export(model, (given,)).module()
    torch.testing.assert_close(exported(given).logits, model(given).logits, rtol=1e-4, atol=1e-5)


def quantises(family: str, place: str) -> None:
    """Linear layers to 8 bits by torch's dynamic quantisation; it still answers."""
    model = SeqwiseForSequenceClassification(small(family)).eval()
    changed = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    assert torch.isfinite(changed(ids()).logits).all()


def is_pretrained(family: str, place: str) -> None:
    """Weights that come with the package and load without a network."""
    from transformers import AutoModel

    AutoModel.from_pretrained(path(f"{family}-tiny"), local_files_only=True)


CHECKS: Mapping[str, Callable[[str, str], None]] = {
    "saved and loaded by an Auto class": loads,
    "generate": generates,
    "transformers.Trainer": trains,
    "torch.export": exports,
    "8-bit quantisation": quantises,
    "pretrained weights": is_pretrained,
}


def library_models() -> dict[str, int]:
    """Language models that transformers knows by itself, and how many of them are built on nn.LSTM, nn.GRU or nn.RNN."""
    from transformers.models.auto import modeling_auto as auto
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    own = {"seqwise", "seqwise_seq2seq"}
    kinds = (set(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) | set(auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)) - own
    root = Path(importlib.util.find_spec("transformers.models").submodule_search_locations[0])
    recurrent = {
        kind for kind in kinds if any(RECURRENT.search(file.read_text()) for file in _files(root / model_type_to_module_name(kind)))
    }
    return {"all": len(kinds), "recurrent": len(recurrent)}


def _files(place: Path) -> list[Path]:
    return sorted(place.glob("modeling_*.py"))


class Ecosystem(Claim):
    id = "ecosystem"
    source = "reason 6"
    statement = "Hugging Face offers models, interfaces and tools for Transformers; for LSTMs there is almost nothing."
    clauses = (
        Clause(
            statement="The library by itself knows hardly any language model of LSTMs, GRUs or RNNs",
            scope="exact",
            effect="share of the language models of transformers that are built on torch's recurrent layers",
            unit="share",
            threshold=0.02,
            direction="below",
        ),
        Clause(
            statement="An LSTM cannot be loaded, generated with, trained, exported, quantised and had pretrained as a Transformer can",
            scope="exact",
            effect="share of six such checks that an LSTM passes, with this package",
            unit="share",
            threshold=0.99,
            direction="below",
        ),
        Clause(
            statement="There is no pretrained LSTM",
            scope="exact",
            effect="pretrained recurrent models: those that load here, and those of a list with its date",
            unit="count",
            threshold=1.0,
            direction="below",
        ),
        Clause(
            statement="The Hugging Face hub holds thousands of pretrained Transformers",
            scope="history",
            effect="models on the hub",
            unit="count",
            threshold=1000.0,
        ),
    )
    published = (Published(value="AWD-LSTM weights of WikiText-103 ship with fastai", source="Howard & Ruder 2018, arXiv:1801.06146"),)
    seconds: ClassVar = {"smoke": 40.0, "standard": 60.0, "long": 60.0}

    def experiments(self, tier: str) -> Iterable[Experiment]:
        return [Experiment(part="library"), *(Experiment(part="checks", settings={"model": family}) for family in FAMILIES)]

    def run(self, experiment: Experiment) -> dict[str, Any]:
        torch.manual_seed(experiment.seed)
        if experiment.part == "library":
            listed = json.loads(LIST.read_text())
            shipped = [name for name in shipped_names() if not name.startswith("transformer")]
            return library_models() | {
                "shipped": len(shipped),
                "listed": len(listed["pretrained recurrent models"]),
                "date": listed["date"],
            }
        return {name: _outcome(check, experiment.settings["model"]) for name, check in CHECKS.items()}

    def judge(self, results: Sequence[Result]) -> Judged:
        library = next((row for experiment, row in results if experiment.part == "library"), None)
        checks = {experiment.settings["model"]: row for experiment, row in results if experiment.part == "checks"}
        if library is None or set(checks) != set(FAMILIES):
            return Judged([None] * len(self.clauses), (), "not everything was tried")
        passed = {name: [check for check, said in row.items() if said == "passed"] for name, row in checks.items()}
        loadable = library["shipped"] + library["listed"]
        share = library["recurrent"] / library["all"]
        estimates = [exactly(share), exactly(len(passed["lstm"]) / len(CHECKS)), exactly(loadable), None]
        measured = [
            Measured(model=name, quantity=check, unit="1 where it works", estimate=exactly(said == "passed"))
            for name, row in checks.items()
            for check, said in row.items()
        ]
        measured += [
            Measured(model="transformers", quantity="language models known", unit="count", estimate=exactly(library["all"])),
            Measured(model="transformers", quantity="of them on recurrent layers", unit="count", estimate=exactly(library["recurrent"])),
            Measured(
                model="lstm", quantity="pretrained recurrent models of this package", unit="count", estimate=exactly(library["shipped"])
            ),
            Measured(
                model="lstm", quantity=f"pretrained ones of a list of {library['date']}", unit="count", estimate=exactly(library["listed"])
            ),
        ]
        failed = [f"{check}: {said}" for check, said in checks["lstm"].items() if said != "passed"]
        summary = (
            f"Of {library['all']} language models that transformers knows by itself {library['recurrent']} are"
            f" built on recurrent layers; with"
            f" this package an LSTM passes {len(passed['lstm'])} of {len(CHECKS)} checks and a Transformer {len(passed['transformer'])}"
            f"{' (' + '; '.join(failed) + ')' if failed else ''}; {loadable} pretrained recurrent models are known."
        )
        cells = {
            "lstm": f"{len(passed['lstm'])} of {len(CHECKS)} checks with this package, {loadable} pretrained",
            "transformer": f"{len(passed['transformer'])} of {len(CHECKS)} checks,"
            " {library['all'] - library['recurrent']} kinds in the library",
        }
        return Judged(estimates, measured, summary, {"Pretraining availability": cells})


def _outcome(check: Callable[[str, str], None], family: str) -> str:
    """ "passed", or what went wrong."""
    try:
        with tempfile.TemporaryDirectory() as place:
            check(family, place)
    except Exception as error:  # whatever the library under test raises is the result
        return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else 'no message'}"
    return "passed"
