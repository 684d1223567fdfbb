"""A few steps of torch's recurrent modules by one call of the loops in C, against torch in float64."""

import copy
import pickle
import threading
import warnings

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seqwise.kernels import backend
from seqwise.kernels.c import decoding
from seqwise.kernels.c.decoding import MOST_ROWS
from seqwise.kernels.c.library import available, instruction_sets, instructions, reason
from seqwise.kernels.c.torch_modules import decode

pytestmark = pytest.mark.skipif(not available(), reason=reason())

MODULES = {"rnn": (nn.RNN, {}), "relu": (nn.RNN, {"nonlinearity": "relu"}), "gru": (nn.GRU, {}), "lstm": (nn.LSTM, {})}
EXACT = {"rtol": 0, "atol": 0}
CLOSE = {"rtol": 1e-5, "atol": 3e-6}


def module_of(kind, width, units, layers=2, **settings):
    torch.manual_seed(0)
    made, more = MODULES[kind]
    return made(width, units, layers, **more, **settings).eval()


def inputs(module, batch, steps, seed=1):
    """x and a state, of a module with or without the batch first."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, steps) if module.batch_first else (steps, batch)
    states = tuple(torch.randn(module.num_layers, batch, module.hidden_size, generator=generator) for _ in range(2))
    return torch.randn(*shape, module.input_size, generator=generator), states if module.mode == "LSTM" else states[0]


def flat(answer):
    y, state = answer
    return [y, *(state if isinstance(state, tuple) else (state,))]


def double(state):
    return tuple(map(double, state)) if isinstance(state, tuple) else None if state is None else state.double()


def assert_decodes(module, x, hx=None, exact=None):
    """As torch does in float64, by a copy of the module or by ``exact``."""
    exact = copy.deepcopy(module).double() if exact is None else exact
    torch.testing.assert_close(flat(decode(module, x, hx)), [value.float() for value in flat(exact(x.double(), double(hx)))], **CLOSE)


@pytest.mark.parametrize("instruction_set", instruction_sets())
@pytest.mark.parametrize("kind", list(MODULES))
@pytest.mark.parametrize("units", [1, 3, 17, 63, 100])
@torch.no_grad()
def test_every_size_on_every_instruction_set(instruction_set, kind, units):
    with instructions(instruction_set):
        for layers, width in [(1, 5), (2, units), (3, 64)]:
            module = module_of(kind, width, units, layers, batch_first=layers == 2, bias=layers != 1)
            exact = copy.deepcopy(module).double()
            for batch, steps in [(1, 1), (1, 2), (1, 5), (2, 1), (3, 1), (4, 1), (2, 3), (4, 2)]:
                x, hx = inputs(module, batch, steps)
                assert_decodes(module, x, hx, exact)
                assert_decodes(module, x, None, exact)


@pytest.mark.parametrize("kind", list(MODULES))
@torch.no_grad()
def test_a_row_alone_a_token_at_a_time_becomes_what_it_becomes_among_others(kind):
    module = module_of(kind, 20, 33, batch_first=True)
    x, hx = inputs(module, 2, 4)
    whole = flat(decode(module, x, hx))
    for row in range(2):
        state = tuple(part[:, row : row + 1].clone() for part in (hx if isinstance(hx, tuple) else (hx,)))
        said = []
        for step in range(4):
            y, *state = flat(decode(module, x[row : row + 1, step : step + 1], tuple(state) if len(state) == 2 else state[0]))
            said.append(y)
        expected = [whole[0][row : row + 1], *(part[:, row : row + 1] for part in whole[1:])]
        torch.testing.assert_close([torch.cat(said, 1), *state], expected, **EXACT)


@pytest.mark.parametrize("kind", list(MODULES))
@torch.no_grad()
def test_without_a_batch(kind):
    module = module_of(kind, 5, 7)
    x, hx = inputs(module, 1, 3)
    alone = tuple(state[:, 0] for state in hx) if isinstance(hx, tuple) else hx[:, 0]
    got, expected = flat(decode(module, x[:, 0], alone)), flat(module(x[:, 0], alone))
    torch.testing.assert_close(got, expected, **CLOSE)


@torch.no_grad()
def test_changed_weights_are_seen():
    module, other = module_of("lstm", 8, 16), nn.LSTM(8, 16, 2)
    x, hx = inputs(module, 1, 2)
    first = decode(module, x, hx)[0]
    module.weight_hh_l1.mul_(1.5)
    assert_decodes(module, x, hx)
    module.weight_ih_l0.data = torch.randn(64, 8)
    assert_decodes(module, x, hx)
    module.bias_ih_l0 = nn.Parameter(torch.randn(64))
    assert_decodes(module, x, hx)
    module.load_state_dict(other.state_dict())
    assert_decodes(module, x, hx)
    module.load_state_dict(other.state_dict(), assign=True)
    assert_decodes(module, x, hx)
    assert not torch.allclose(decode(module, x, hx)[0], first)


@torch.no_grad()
def test_weights_that_turn_into_something_else():
    module = module_of("rnn", 16, 16)
    x, hx = inputs(module, 1, 2)
    before = decode(module, x, hx)
    module.weight_hh_l0.data = module.weight_hh_l0.data.T
    assert decode(module, x, hx) is None
    module.weight_hh_l0.data = module.weight_hh_l0.data.contiguous()
    assert_decodes(module, x, hx)
    assert decode(module.double(), x, hx) is None
    module.float()
    module.weight_hh_l0.data = module.weight_hh_l0.data.T.contiguous()
    torch.testing.assert_close(flat(decode(module, x, hx)), flat(before), **EXACT)
    module.weight_ih_l1.data = torch.randn(16, 15)
    assert decode(module, x, hx) is None


@torch.no_grad()
def test_a_copy_has_weights_of_its_own_and_nothing_is_left_on_the_module():
    module = module_of("gru", 8, 16)
    x, hx = inputs(module, 1, 1)
    decode(module, x, hx)
    for copied in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        copied.weight_ih_l0.mul_(3)
        assert_decodes(copied, x, hx)
    assert_decodes(module, x, hx)


@torch.no_grad()
def test_a_module_that_is_gone_is_forgotten():
    import gc

    gc.collect()
    known = len(decoding._stacks)
    module = module_of("gru", 8, 16)
    decode(module, *inputs(module, 1, 1))
    assert len(decoding._stacks) == known + 1
    del module
    gc.collect()
    assert len(decoding._stacks) == known


def test_a_module_that_does_something_else_lets_its_weights_go():
    module = module_of("gru", 8, 16)
    x, hx = inputs(module, 1, 1)
    with torch.no_grad():
        decode(module, x, hx)
        assert module in decoding._stacks
        decode(module, x.double(), hx)
        assert module not in decoding._stacks
        decode(module, x, hx)
    decode(module, x, hx)
    assert module not in decoding._stacks


@torch.no_grad()
def test_threads_do_not_disturb_each_other():
    module = module_of("lstm", 32, 48)
    cases = [inputs(module, 1, 1 + seed % 3, seed=seed) for seed in range(8)]
    expected, wrong = [flat(decode(module, *case)) for case in cases], []

    def run(place):
        with torch.no_grad():
            for _ in range(200):
                if not all(map(torch.equal, flat(decode(module, *cases[place])), expected[place])):
                    wrong.append(place)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@torch.no_grad()
def test_inputs_that_do_not_lie_in_order():
    module = module_of("lstm", 6, 9, batch_first=True)
    x, hx = inputs(module, 2, 3)
    assert_decodes(module, x.transpose(0, 2).contiguous().transpose(0, 2), hx)
    given = x.clone(), tuple(state.clone() for state in hx)
    decode(module, x, hx)
    torch.testing.assert_close((x, hx), given, **EXACT)


@torch.no_grad()
def test_extreme_numbers():
    module = module_of("lstm", 4, 5)
    x, (h, c) = inputs(module, 1, 1)
    assert_decodes(module, x * 1e4, (h, c))
    assert_decodes(module, x, (h, c * 1e-39))
    assert decode(module, x * torch.nan, (h, c))[0].isnan().all()
    relu = module_of("relu", 4, 5)
    assert decode(relu, *inputs(relu, 1, 1))[0].min() >= 0
    assert decode(relu, x * torch.nan)[0].isnan().all()


def test_where_the_module_has_to_say_it_itself():
    module = module_of("lstm", 8, 16)
    x, hx = inputs(module, 1, 2)
    assert decode(module, x, hx) is None  # with gradients
    with torch.inference_mode():
        assert decode(module, x, hx) is not None
        for name in ("reference", "native"):
            with backend(name):
                assert decode(module, x, hx) is None
        with backend("c"):
            assert decode(module, x, hx) is not None
        with torch.autocast("cpu"):
            assert decode(module, x, hx) is None
        assert decode(module, x.double(), hx) is None
        assert decode(module, x[..., :7], hx) is None
        assert decode(module, x, hx[0]) is None
        assert decode(module, x, (hx[0][:1], hx[1])) is None
        assert decode(module, x.repeat(MOST_ROWS, 1, 1), hx) is None
        assert decode(module, x[:0], hx) is None
        assert decode(module, nn.utils.rnn.pack_sequence([x[:, 0]]), hx) is None
        for settings in ({"bidirectional": True}, {"proj_size": 4}):
            assert decode(nn.LSTM(8, 16, **settings), x) is None
        dropping = nn.LSTM(8, 16, 2, dropout=0.5)
        assert decode(dropping, x) is None
        assert decode(dropping.eval(), x) is not None


@torch.no_grad()
def test_inside_of_what_torch_transforms():
    module = module_of("gru", 8, 16)
    x, hx = inputs(module, 1, 1)
    asked = []

    def traced(x):
        asked.append(decode(module, x, hx))
        return x + 1

    torch.func.vmap(traced)(x.repeat(3, 1, 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(traced, (x,), check_trace=False)
    with FlopCounterMode(display=False):
        traced(x)
    assert asked == [None, None, None]


def test_without_the_loops(monkeypatch):
    monkeypatch.setattr("seqwise.kernels.available", lambda: False)
    with torch.no_grad():
        module = module_of("gru", 8, 16)
        assert decode(module, *inputs(module, 1, 1)) is None
