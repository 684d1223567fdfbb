"""Drop-in layers against those of torch.nn."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import seqwise.nn
from seqwise.kernels import backend
from seqwise.kernels.c import autograd, library
from seqwise.kernels.c.rows import equal_steps

LAYERS = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}

options = st.fixed_dictionaries(
    {
        "input_size": st.integers(1, 5),
        "hidden_size": st.integers(1, 20),
        "num_layers": st.integers(1, 3),
        "bidirectional": st.booleans(),
        "bias": st.booleans(),
        "batch_first": st.booleans(),
    }
)


def pair(name, given):
    torch.manual_seed(0)
    theirs = LAYERS[name](**given)
    ours = getattr(seqwise.nn, name)(**given)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def states(layer, batch):
    directions = 2 if layer.bidirectional else 1
    made = torch.randn(layer.num_layers * directions, batch, layer.hidden_size, generator=torch.Generator().manual_seed(3))
    return (made, made * 0.5) if isinstance(layer, torch.nn.LSTM) else made


def flat(output, final):
    return [output, *(final if isinstance(final, tuple) else (final,))]


def run(layer, x, hx):
    x = x.clone().requires_grad_()
    layer.zero_grad()
    found = flat(*layer(x, hx))
    sum((part * torch.arange(part.numel()).view(part.shape).cos()).sum() for part in found).backward()
    return [*found, x.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=25, deadline=None)
@given(given=options, batch=st.integers(1, 5), length=st.integers(1, 6), state=st.booleans())
def test_values_and_gradients_are_those_of_torch(name, given, batch, length, state):
    ours, theirs = pair(name, given)
    x = torch.randn((batch, length, ours.input_size) if ours.batch_first else (length, batch, ours.input_size))
    hx = states(ours, batch) if state else None
    torch.testing.assert_close(run(ours, x, hx), run(theirs, x, hx), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=25, deadline=None)
@given(given=options, lengths=st.lists(st.integers(1, 6), min_size=1, max_size=6), state=st.booleans())
def test_packed_sequences(name, given, lengths, state):
    ours, theirs = pair(name, given | {"batch_first": True})
    x = torch.randn(len(lengths), max(lengths), ours.input_size)
    hx = states(ours, len(lengths)) if state else None

    def packed(layer):
        def through(x, hx):
            y, final = layer(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False), hx)
            return pad_packed_sequence(y, batch_first=True)[0], final

        through.zero_grad, through.parameters = layer.zero_grad, layer.parameters
        return through

    torch.testing.assert_close(run(packed(ours), x, hx), run(packed(theirs), x, hx), rtol=1e-4, atol=1e-5)


@pytest.fixture
def counted(monkeypatch):
    """How many layers ran in C."""
    calls = []
    for name in LAYERS:
        function = getattr(autograd, name)
        monkeypatch.setattr(function, "apply", lambda *a, function=function, apply=function.apply: (calls.append(function), apply(*a))[1])
    return calls


@pytest.mark.skipif(not library.available(), reason="the loops in C are not there")
@pytest.mark.parametrize("name", LAYERS)
def test_c_runs_where_it_may_and_torch_elsewhere(name, counted):
    layer = getattr(seqwise.nn, name)(3, 4, num_layers=2)
    x = torch.randn(5, 2, 3)
    layer(x)
    assert len(counted) == 2
    layer(x[:, 0])
    copy.deepcopy(layer).double()(x.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(x)
    with backend("native"):
        layer(x)
    with pytest.raises(RuntimeError, match="Batching rule not implemented"):  # torch's own refusal
        torch.func.vmap(lambda x: layer(x)[0], in_dims=1)(torch.randn(5, 2, 3)[:, :, None])
    assert len(counted) == 2


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_what_only_torch_does():
    x = torch.randn(5, 2, 3)
    torch.manual_seed(0)
    theirs = torch.nn.LSTM(3, 6, proj_size=2)
    ours = seqwise.nn.LSTM(3, 6, proj_size=2)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])
    relu, other = seqwise.nn.RNN(3, 4, nonlinearity="relu"), torch.nn.RNN(3, 4, nonlinearity="relu")
    relu.load_state_dict(other.state_dict())
    torch.testing.assert_close(relu(x)[0], other(x)[0])


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_between_layers_in_training_alone(name):
    layer = getattr(seqwise.nn, name)(3, 40, num_layers=2, dropout=0.5)
    x = torch.randn(5, 2, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("x", "hx"), [((5, 2, 4), None), ((5, 2, 3), (1, 3, 4)), ((5,), None), ((5, 2, 3), (2, 2, 4))])
def test_wrong_shapes_are_torchs_errors(name, x, hx):
    ours, theirs = pair(name, {"input_size": 3, "hidden_size": 4})
    state = None if hx is None else torch.zeros(hx)
    state = (state, state) if hx is not None and name == "LSTM" else state
    with pytest.raises((RuntimeError, ValueError)) as expected:
        theirs(torch.zeros(x), state)
    with pytest.raises(type(expected.value)) as got:
        ours(torch.zeros(x), state)
    assert str(got.value) == str(expected.value)


@pytest.mark.parametrize("name", LAYERS)
def test_no_rows(name):
    ours, theirs = pair(name, {"input_size": 3, "hidden_size": 4})
    x = torch.zeros(5, 0, 3)
    torch.testing.assert_close(flat(*ours(x)), flat(*theirs(x)))


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_that_something_else_makes(name, grad):
    class Negative(torch.nn.Module):
        def forward(self, weight):
            return -weight

    ours, theirs = pair(name, {"input_size": 3, "hidden_size": 4})
    x = torch.randn(3, 2, 3)
    with torch.set_grad_enabled(grad):
        ours(x)
        for layer in (ours, theirs):
            torch.nn.utils.parametrize.register_parametrization(layer, "weight_hh_l0", Negative())
        torch.testing.assert_close(flat(*ours(x)), flat(*theirs(x)))
        given = {key: torch.randn_like(value) for key, value in ours.named_parameters()}
        found = [flat(*torch.func.functional_call(layer, given, (x,))) for layer in (ours, theirs)]
        torch.testing.assert_close(*found)


@pytest.mark.parametrize("name", LAYERS)
def test_a_named_backend_in_other_numbers_is_refused(name):
    layer = getattr(seqwise.nn, name)(3, 4).double()
    with backend("c"), pytest.raises(seqwise.UserError, match="float32 on a CPU"):
        layer(torch.randn(5, 2, 3).double())


def test_states_in_a_list():
    ours, theirs = pair("LSTM", {"input_size": 3, "hidden_size": 4})
    x, hx = torch.randn(5, 2, 3), list(states(ours, 2))
    torch.testing.assert_close(flat(*ours(x, hx)), flat(*theirs(x, hx)))
    with torch.no_grad():
        torch.testing.assert_close(flat(*ours(x, hx)), flat(*theirs(x, hx)))


def test_inside_another_default_device():
    layer = seqwise.nn.LSTM(3, 4)
    x = torch.randn(5, 2, 3)
    expected = layer(x)[0]
    with torch.device("meta"):
        assert torch.equal(layer(x, (torch.zeros(1, 2, 4, device="cpu"),) * 2)[0], expected)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_the_last_state_can_be_cut_off_in_place(name, layers):
    layer = getattr(seqwise.nn, name)(3, 4, layers)
    _, state = layer(torch.randn(5, 7, 3))
    for one in state if name == "LSTM" else (state,):
        one.detach_().mul_(2)


@pytest.mark.parametrize("name", LAYERS)
def test_an_answer_without_gradients_before_a_training(name):
    layer, x = getattr(seqwise.nn, name)(3, 4, 2, bidirectional=True), torch.randn(6, 2, 3)
    equal_steps.cache_clear()
    with torch.inference_mode():
        expected = layer(x)[0]
    y = layer(x)[0]
    y.sum().backward()
    assert torch.equal(y, expected)
    assert all(p.grad is not None for p in layer.parameters())
