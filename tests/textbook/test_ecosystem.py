"""What counts as recurrent in the library, and as passed among the checks."""

import importlib.util
from pathlib import Path

import pytest
import torch

from seqwise.textbook.ecosystem import CHECKS, PAIRS, Plain, _outcome, _source, checks_of, listed_models, marks_of, passed, quantises, tried

MODELS = Path(importlib.util.find_spec("transformers.models").submodule_search_locations[0])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("xlstm", ["classic", "recurrent"]),
        ("rwkv", ["recurrent"]),
        ("mamba", ["recurrent"]),
        ("falcon_mamba", ["recurrent"]),
        ("recurrent_gemma", ["hybrid"]),
        ("llama", []),
    ],
)
def test_models_of_the_library_are_known_by_their_sources(kind, expected):
    assert marks_of(_source(MODELS / kind)) == expected


def test_layers_of_torch_are_known():
    assert marks_of("self.rnn = nn.GRU(8, 8)") == ["classic", "recurrent"]
    assert marks_of("self.rnn = nn.LSTMCell(8, 8)\nsoftmax(x)") == ["classic", "hybrid"]


def test_a_tool_that_is_not_installed_is_no_failure():
    def needs(name, place):
        raise ModuleNotFoundError("No module named 'tool'", name="tool")

    row = {"tool": _outcome(needs, "lstm"), "other": "passed", "third": "ValueError: not today"}
    assert row["tool"] == "not installed: tool"
    assert (passed(row), tried(row)) == (1, 2)


def test_quantisation_counts_what_stays_in_32_bits(monkeypatch):
    monkeypatch.setattr("seqwise.textbook.ecosystem.classifier", lambda _: Plain(2))
    quantises("any", "")
    monkeypatch.setattr("seqwise.textbook.ecosystem.classifier", lambda _: Bare())
    with pytest.raises(AssertionError, match="1 matrices stay in 32 bits, weight"):
        quantises("any", "")


class Bare(torch.nn.Module):
    """One matrix that no layer holds."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(3))

    def forward(self, input_ids):
        from transformers.modeling_outputs import CausalLMOutput

        return CausalLMOutput(logits=self.weight[:, :1] * input_ids.float().mean())


def test_the_list_is_counted_by_family():
    told = listed_models()
    assert told["listed"] == {"rnn": 0, "lstm": 80}
    assert told["shipped"]["lstm"] >= 1


def test_without_this_package_nothing_is_asked_of_weights_that_come_with_it():
    assert [set(checks_of(name)) - set(CHECKS) for name in PAIRS["without"]] == [set(), set()]
