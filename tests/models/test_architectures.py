"""What a name and version stand for never changes. ``python tests/models/test_architectures.py`` wrote down once what it is."""

import hashlib
import json
import re
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

import seqwise
from seqwise.core.errors import UserError
from seqwise.models.accounting import count_of_model, count_parameters
from seqwise.models.architectures import ARCHITECTURES, NEWEST
from seqwise.pretraining.options import PretrainOptions
from seqwise.training.loop import TrainingConfig
from seqwise.training.optimizer import build_optimizer

PINNED = Path(__file__).with_name("architectures_v1.json")
DOCUMENT = (Path(__file__).parents[2] / "docs" / "lstm-base.md").read_text(encoding="utf-8")
TINY = [name for name in ARCHITECTURES if "-tiny-" in name]
VOCABULARY = 64
PLACES = [0, 5, 17, 31, 63]


def model(name, **settings):
    torch.manual_seed(0)
    return seqwise.SeqwiseForCausalLM(seqwise.architecture(name, vocab_size=VOCABULARY, **settings)).double().eval()


@torch.no_grad()
def by_formula(built):
    """Weights that need no random numbers: sines over the square root of the input's width, ones where norms have them."""
    for number, (name, parameter) in enumerate(sorted(built.named_parameters())):
        wave = torch.sin(torch.arange(parameter.numel(), dtype=torch.float64) * 0.7 + number).view_as(parameter)
        parameter.copy_(1 + 0.1 * wave if "norm" in name else wave * 1.5 / parameter.shape[-1] ** 0.5)
    return built


@torch.no_grad()
def outputs(built):
    """Some logits of the last of 24 tokens."""
    ids = (torch.arange(24) ** 2 % VOCABULARY).unsqueeze(0)
    return built(ids).logits[0, -1, PLACES].tolist()


def pinned_of(name):
    """What is to be pinned of an architecture."""
    config = seqwise.architecture(name, vocab_size=VOCABULARY)
    counts = {"backbone": count_parameters(config), "language_model": count_parameters(config, vocabulary_head=True)}
    found = {
        "definition": {key: getattr(config, key) for key in ARCHITECTURES[name]()},
        "parameters_without_embedding": {key: count.non_embedding for key, count in counts.items()},
    }
    if name in TINY:
        found["outputs"] = {"weights by formula": outputs(by_formula(model(name))), "seed 0": outputs(model(name))}
    return found


@pytest.fixture(scope="module")
def pinned():
    return json.loads(PINNED.read_text())


def test_every_architecture_is_pinned(pinned):
    assert set(pinned) == set(ARCHITECTURES)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_definition_and_size_are_the_pinned_ones(name, pinned):
    found = pinned_of(name)
    assert found["definition"] == pinned[name]["definition"]
    assert found["parameters_without_embedding"] == pinned[name]["parameters_without_embedding"]


@pytest.mark.parametrize("name", TINY)
def test_the_equations_are_the_pinned_ones(name, pinned):
    assert outputs(by_formula(model(name))) == pytest.approx(pinned[name]["outputs"]["weights by formula"], rel=1e-9)


@pytest.mark.parametrize("name", TINY)
def test_the_initialisation_is_the_pinned_one(name, pinned):
    """Processors draw float32 numbers and factorise matrices with other rounding in the last digits; laws differ in the first."""
    assert outputs(model(name)) == pytest.approx(pinned[name]["outputs"]["seed 0"], abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [{"norm_eps": 2e-5}, {"position_embedding": "sinusoidal"}, {"forget_bias": 0.9}, {"initializer_range": 0.08}, {"body": "classic"}],
)
def test_a_change_would_be_seen(change, pinned):
    config = seqwise.architecture("lstm-tiny-v1", vocab_size=VOCABULARY)
    for key, value in change.items():
        setattr(config, key, value)
    torch.manual_seed(0)
    assert outputs(seqwise.SeqwiseForCausalLM(config).double().eval()) != pytest.approx(
        pinned["lstm-tiny-v1"]["outputs"]["seed 0"], abs=1e-5
    )


@pytest.mark.parametrize("name", TINY)
def test_the_counts_are_those_of_a_model(name, pinned):
    assert count_of_model(model(name)).non_embedding == pinned[name]["parameters_without_embedding"]["language_model"]


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_twins_are_of_equal_size(size, pinned):
    counts = {name: entry["parameters_without_embedding"]["backbone"] for name, entry in pinned.items() if f"-{size}-" in name}
    assert len(counts) == 4
    assert all(count == pytest.approx(counts[f"lstm-{size}-v1"], rel=0.01) for count in counts.values())


def test_a_name_without_version_means_the_newest():
    assert NEWEST["lstm-base"] == "lstm-base-v1"
    assert seqwise.architecture("lstm-base").to_dict() == seqwise.architecture("lstm-base-v1").to_dict()


def test_what_is_open_can_be_set_and_what_is_fixed_cannot():
    config = seqwise.architecture("gru-tiny", vocab_size=99, eos_token_id=2, num_labels=3, hidden_dropout=0.1, bidirectional=True)
    assert (config.vocab_size, config.eos_token_id, config.num_labels, config.hidden_dropout) == (99, 2, 3, 0.1)
    assert seqwise.SeqwiseForSequenceClassification(config)(torch.ones(2, 3, dtype=torch.long)).logits.shape == (2, 3)
    with pytest.raises(UserError, match="hidden_size is fixed by gru-tiny-v1"):
        seqwise.architecture("gru-tiny", hidden_size=256)
    with pytest.raises(UserError, match=r"no setting 'hiden_dropout'\n.*did you mean 'hidden_dropout'"):
        seqwise.architecture("gru-tiny", hiden_dropout=0.1)
    with pytest.raises(UserError, match=r"unknown architecture 'lstm-bas'\n.*did you mean 'lstm-base'"):
        seqwise.architecture("lstm-bas")
    with pytest.raises(UserError, match="unknown architecture 'lstm-base-v9'"):
        seqwise.architecture("lstm-base-v9")


def test_the_command_of_the_document_makes_the_tiny_one(tmp_path):
    found = re.search(r"`seqwise pretrain CORPUS ([^`]*)`", DOCUMENT)[1].replace("--", "").split()
    asked = {name: int(value) if value.isdigit() and name != "size" else value for name, value in zip(found[::2], found[1::2], strict=True)}
    (tmp_path / "corpus.txt").write_text("the river runs down to the sea and old men watch ships sail away\n" * 200)
    quick = {"tokenizer": "bpe:300", "context": 16, "batch": 2, "budget": "64tokens", "evaluations": 1, "device": "cpu"}
    folder, _ = seqwise.pretrain(str(tmp_path / "corpus.txt"), out=tmp_path / "run", console=Console(quiet=True), **quick, **asked)
    config, wanted = seqwise.SeqwiseConfig.from_pretrained(folder / "model"), seqwise.architecture("lstm-tiny-v1")
    different = {name for name in ARCHITECTURES["lstm-tiny-v1"]() if getattr(config, name) != getattr(wanted, name)}
    assert different <= {"position_embedding"}, "which only attention reads"


def test_the_recipe_of_the_document_is_what_pretraining_does():
    options = PretrainOptions(source="corpus.txt")
    (group, _) = build_optimizer(torch.nn.LSTM(2, 2), learning_rate=1.0, weight_decay=options.weight_decay).param_groups
    told = (
        "AdamW, betas {} and {}".format(*group["betas"]),
        f"eps {group['eps']:.0e}".replace("e-0", "e-"),
        f"weight decay {options.weight_decay} on matrices",
        f"norm clipped at {TrainingConfig(steps=1).gradient_clip}",
        f"linear warm-up over {options.warmup * 100:.0f} % of the steps",
        f"linear decay to 0 over the last {options.decay * 100:.0f} %",
        f"{options.learning_rate:.0e} for tiny".replace("e-0", "e-"),
        f"{options.context} tokens, {options.batch} windows",
    )
    assert [text for text in told if text not in DOCUMENT] == []
    assert options.dropout == 0


def code_of_the_document():
    return next(block for block in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL) if "class Block" in block)


def test_twenty_lines_of_torch_are_the_same_model():
    code, names = code_of_the_document(), {}
    exec(code, names)
    own = model("lstm-tiny-v1")
    rebuilt = names["LanguageModel"](VOCABULARY, blocks=4, width=128).double()
    rebuilt.load_state_dict({name: weight for name, weight in own.state_dict().items() if name != "lm_head.weight"})
    ids = torch.randint(0, VOCABULARY, (3, 20))
    with torch.no_grad():
        torch.testing.assert_close(rebuilt(ids), own(ids).logits, rtol=0, atol=1e-12)
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]) == 20


def test_the_twenty_lines_are_the_base_by_default():
    names = {}
    exec(code_of_the_document(), names)
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in names["LanguageModel"](VOCABULARY).parameters())
    assert count == count_parameters(seqwise.architecture("lstm-base-v1", vocab_size=VOCABULARY), vocabulary_head=True).total


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_the_document_tells_the_pinned_numbers(name, pinned):
    entry = pinned[name]
    definition, counts = entry["definition"], entry["parameters_without_embedding"]
    told = [definition[key] for key in ("num_hidden_layers", "hidden_size", "intermediate_size")] + [
        counts["backbone"],
        counts["language_model"],
    ]
    assert f"| {name} | " + " | ".join(f"{number:,}" for number in told) + " |" in DOCUMENT


def test_the_document_tells_the_hash():
    assert hashlib.sha256(PINNED.read_bytes()).hexdigest() in DOCUMENT


if __name__ == "__main__":
    if PINNED.exists():
        sys.exit(f"{PINNED.name} is there and never changes: another definition gets another version and a file of its own")
    PINNED.write_text(json.dumps({name: pinned_of(name) for name in ARCHITECTURES}, indent=1) + "\n")
    print(hashlib.sha256(PINNED.read_bytes()).hexdigest())
