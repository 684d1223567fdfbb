"""A backbone's few steps in one call of the loops in C, for every mixer and both bodies, against the layers themselves."""

import copy

import pytest
import torch
from cases import SHAPES, config, label, language_model, tokens

from seqwise.kernels import backend
from seqwise.kernels.c.decoding import MOST_ROWS
from seqwise.kernels.c.library import available, reason
from seqwise.models import backbone
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.decoding import decode

pytestmark = pytest.mark.skipif(not available(), reason=reason())

RECURRENT = {"rnn", "gru", "lstm"}
STACKS = [["lstm", "gru", "rnn"], ["rnn"], ["gru", "gru"], ["lstm", "lstm"]]


@pytest.fixture
def at_once(monkeypatch):
    """Which calls of the backbone were one call of the loops."""
    said = []

    def watched(*arguments):
        found = decode(*arguments)
        said.append(found is not None)
        return found

    monkeypatch.setattr(backbone, "decode", watched)
    return said


def outputs(model, ids, cache):
    found = model(ids, past_key_values=cache, use_cache=True, output_hidden_states=True)
    states = [part for state in found.past_key_values.states for part in state]
    return found.past_key_values, [found.logits, *found.hidden_states, *states, found.past_key_values.tokens.state[0]]


@pytest.mark.parametrize(("stack", "body"), [*SHAPES, (STACKS[0], "modern"), (STACKS[0], "classic")], ids=label)
@torch.no_grad()
def test_a_text_token_by_token_and_in_short_pieces(stack, body, at_once):
    model, ids, caches = language_model(stack, body, torch.float32), tokens(2, 9), [None, None]
    double = copy.deepcopy(model).double()
    for start, stop in [(0, 1), (1, 2), (2, 6), (6, 9)]:
        caches[0], got = outputs(model, ids[:, start:stop], caches[0])
        caches[1], expected = outputs(double, ids[:, start:stop], caches[1])
        torch.testing.assert_close([part.to(like.dtype) for part, like in zip(got, expected, strict=True)], expected, rtol=1e-4, atol=1e-5)
    assert at_once[::2] == [set(stack) <= RECURRENT] * 4
    assert not any(at_once[1::2])


@pytest.mark.parametrize("body", ["modern", "classic"])
@pytest.mark.parametrize("stack", STACKS, ids=label)
@torch.no_grad()
def test_a_row_alone_a_token_at_a_time_becomes_what_it_becomes_among_others(stack, body):
    model = language_model(stack, body, torch.float32).model
    x = torch.randn(2, 4, model.config.projection_size, generator=torch.Generator().manual_seed(0))
    whole, final = decode(model, x, [None] * len(stack))
    for row in range(2):
        states = [None] * len(stack)
        for step in range(4):
            hidden, states = decode(model, x[row : row + 1, step : step + 1], states)
            assert all(torch.equal(one[0, 0], many[row, step]) for one, many in zip(hidden, whole, strict=True))
        for one, many in zip(states, final, strict=True):
            assert all(torch.equal(a[0], b[row]) for a, b in zip(one, many, strict=True))


@pytest.mark.parametrize("search", [{}, {"num_beams": 3}, {"do_sample": True, "top_k": 5}], ids=["greedy", "beam", "sampling"])
@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_generation_says_the_same(stack, search, at_once):
    model, said = language_model(stack, dtype=torch.float32), []
    for name in ("auto", "native"):
        torch.manual_seed(3)
        with backend(name):
            said.append(model.generate(tokens(2), max_new_tokens=6, **{"do_sample": False, **search}))
    assert torch.equal(*said)
    assert at_once == [False] + [True] * 5 + [False] * 6


@torch.no_grad()
def test_changed_parts_are_seen(at_once):
    model, ids = language_model(["lstm", "gru"], dtype=torch.float32), tokens(1, 1)
    block = model.model.layers[1]

    def agrees():
        with backend("native"):
            expected = model(ids).logits
        torch.testing.assert_close(model(ids).logits, expected, rtol=1e-4, atol=1e-5)
        return at_once[-1]

    assert agrees()
    block.mixer.weight_hh_l0.mul_(2)
    assert agrees()
    block.mixer_norm.weight.data = torch.rand(16)
    assert agrees()
    model.load_state_dict(language_model(["lstm", "gru"], dtype=torch.float32, hidden_size=16).state_dict())
    assert agrees()
    block.feed_forward.up_proj = torch.nn.Linear(16, 24, bias=False)
    assert agrees()
    block.feed_forward.up_proj = torch.nn.Sequential(torch.nn.Linear(16, 24))
    assert not agrees()
    block.feed_forward.up_proj = torch.nn.Linear(16, 24, bias=False)
    block.mixer_norm.bias = torch.nn.Parameter(torch.ones(16))
    assert not agrees()
    block.mixer_norm.bias = None
    assert agrees()
    torch.nn.utils.parametrizations.weight_norm(block.mixer, "weight_ih_l0")
    assert not agrees()


@torch.no_grad()
def test_where_the_layers_have_to_say_it_themselves(at_once):
    model, ids, seen = language_model(["lstm", "gru"], dtype=torch.float32), tokens(1, 1), []
    hook = model.model.layers[0].mixer.register_forward_hook(lambda *_: seen.append(1))
    model(ids)
    assert seen == [1]
    hook.remove()
    model.model.layers[1].dropout.p = 0.5
    model.model.layers[1].dropout.train()
    model(ids)
    model.model.layers[1].dropout.eval()
    model(tokens(MOST_ROWS + 1, 1))
    model(tokens(1, 2), torch.tensor([[1, 0]]))
    assert not any(at_once)
    model(ids)
    assert at_once[-1]
    with torch.enable_grad():
        model(ids)
    model.train()(ids)
    assert at_once[-2:] == [False, False]
    for other in [(torch.zeros(1, 15),), (torch.zeros(1, 16),) * 2, None]:
        assert decode(model.model.eval(), torch.zeros(1, 1, 16), [(torch.zeros(1, 16),) * 2, other]) is None


@torch.no_grad()
def test_a_compiled_or_exported_model_is_made_of_the_layers():
    model, ids = SeqwiseForCausalLM(config(["lstm"])).eval(), tokens(1, 1)
    exported = torch.export.export(model, (ids,), {"use_cache": False}).module()(ids, use_cache=False)
    torch.testing.assert_close(exported.logits, model(ids).logits)


@pytest.mark.parametrize("late", [False, True])
@torch.no_grad()
def test_a_forward_or_a_constant_that_somebody_replaced_is_used(late, at_once):
    for change in (
        lambda model: setattr(model.norm, "eps", 10.0),
        lambda model: setattr(model.norm, "forward", torch.neg),
        lambda model: setattr(model.layers[0].feed_forward, "forward", torch.neg),
    ):
        model = language_model(["gru", "lstm"], "modern", torch.float32).model
        if late:
            model(tokens(1, 3))
        change(model)
        found = model(tokens(1, 3)).last_hidden_state
        assert not at_once[-1]
        with backend("native"):
            torch.testing.assert_close(found, model(tokens(1, 3)).last_hidden_state)
