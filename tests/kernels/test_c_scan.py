"""The linear scan, minGRU and minLSTM in C against their references in float64."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.kernels import KERNELS, backend, fastest, kernel, recur
from seqwise.kernels.c import library, scan
from seqwise.kernels.linear_scan import reference

pytestmark = pytest.mark.skipif(not library.available(), reason=library.reason() or "there")

LAYERS = {"mingru": 2, "minlstm": 3}
KINDS = ("scan", *LAYERS)
SIZES = ((2, 1, 3, 1), (1, 9, 5, 3), (3, 40, 4, 17), (2, 33, 7, 63), (5, 12, 3, 100), (0, 4, 2, 5), (2, 3, 1, 160))
"""B, T, D, H."""


def draw(kind, batch, length, width, units, seed=0):
    """What a kernel of this kind takes, in float32."""
    generator = torch.Generator().manual_seed(seed)
    normal = functools.partial(torch.randn, generator=generator)
    state = normal(batch, units)
    if kind == "scan":
        return torch.rand(batch, length, units, generator=generator) * 2 - 1, normal(batch, length, units), state
    gates = LAYERS[kind] * units
    return normal(batch, length, width), state, normal(gates, width) * 2, normal(gates)


def exact(kind, lengths=None):
    """The reference as a function of the tensors; with ``lengths``, row by row."""
    if lengths is not None:
        return functools.partial(row_by_row, exact(kind), lengths)
    if kind == "scan":
        return reference.linear_scan
    return functools.partial(flat, KERNELS[kind]["reference"])


def fast(kind, lengths=None):
    return scan.linear_scan if kind == "scan" else functools.partial(flat, KERNELS[kind]["c"], lengths=lengths)


def flat(run, x, h, *weights, **options):
    y, (final,) = run(x, (h,), *weights, **options)
    return y, final


def row_by_row(run, lengths, x, h, *weights):
    ys, finals = [], []
    for row, length in enumerate(lengths.tolist()):
        y, final = h.new_zeros(1, 0, h.shape[1]), h[row : row + 1]
        if length:
            y, final = run(x[row : row + 1, :length], final, *weights)
        ys.append(torch.cat((y, y.new_zeros(1, x.shape[1] - length, h.shape[1])), dim=1))
        finals.append(final)
    return torch.cat(ys), torch.cat(finals)


def values_and_gradients(run, arguments, dtype=torch.float32):
    arguments = [x.detach().to(dtype).requires_grad_() for x in arguments]
    outputs = run(*arguments)
    generator = torch.Generator().manual_seed(7)
    loss = sum((x * torch.randn(x.shape, generator=generator).to(dtype)).sum() for x in outputs)
    return [x.detach() for x in outputs], torch.autograd.grad(loss, arguments, materialize_grads=True)


def assert_exact(kind, arguments, lengths=None):
    expected = values_and_gradients(exact(kind, lengths), arguments, torch.float64)
    found = values_and_gradients(fast(kind, lengths), arguments)
    for exactly, nearly in zip(expected, found, strict=True):
        for number, (right, got) in enumerate(zip(exactly, nearly, strict=True)):
            scale = right.abs().max().item() if right.numel() else 0
            torch.testing.assert_close(got, right.float(), rtol=2e-5, atol=2e-6 * max(scale, 1), msg=lambda said, n=number: f"{n}: {said}")


@pytest.fixture(params=library.instruction_sets())
def instructions(request):
    with library.instructions(request.param):
        yield request.param


@pytest.fixture
def poisoned():
    """Every tensor that is not filled holds NaN."""
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def use_threads(patch, threads):
    """So many, however little there is to do."""
    patch.setattr(scan, "threads_for", lambda y: threads)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.usefixtures("instructions", "poisoned")
def test_values_and_gradients_of_every_instruction_set(kind, sizes):
    assert_exact(kind, draw(kind, *sizes))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(0, 4), length=st.integers(1, 40), width=st.integers(1, 9), units=st.integers(1, 130), seed=st.integers(0, 999),
    place=st.integers(0, len(library.instruction_sets()) - 1),
)  # fmt: skip
def test_values_and_gradients_equal_the_reference(kind, batch, length, width, units, seed, place):
    with library.instructions(library.instruction_sets()[place]):
        assert_exact(kind, draw(kind, batch, length, width, units, seed))


@pytest.mark.parametrize("kind", LAYERS)
@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=5), units=st.sampled_from((1, 5, 16, 33)), seed=st.integers(0, 99))
def test_rows_of_different_lengths(kind, lengths, units, seed):
    assert_exact(kind, draw(kind, len(lengths), 12, 3, units, seed), torch.tensor(lengths))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.usefixtures("poisoned")
def test_padding_is_neither_read_nor_left_unwritten(kind):
    x, *others = draw(kind, 3, 6, 4, 21)
    lengths = torch.tensor([6, 2, 0], dtype=torch.int32)
    spoiled = x.masked_fill(torch.arange(6)[:, None] >= lengths[:, None, None], 1e9)
    expected, found = (values_and_gradients(fast(kind, lengths), (given, *others)) for given in (x, spoiled))
    assert all(torch.equal(found[0][k], expected[0][k]) for k in (0, 1))
    assert torch.equal(found[1][1], expected[1][1])
    assert torch.equal(found[1][0], expected[1][0])
    assert not found[0][0][1, 2:].any()
    assert torch.equal(found[0][1][2], others[0][2])


def test_lengths_beyond_the_end_are_the_end():
    arguments = draw("mingru", 2, 5, 3, 4)
    found, expected = (fast("mingru", torch.tensor(lengths))(*arguments) for lengths in ([9, -1], [5, 0]))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(1, 30, 4, 100), (2, 7, 3, 16), (3, 20, 5, 63), (5, 9, 2, 3)])
@pytest.mark.parametrize("threads", [2, 3, 100])
def test_threads_change_no_bit(kind, sizes, threads):
    arguments = draw(kind, *sizes)
    found = []
    for count in (1, threads):
        with pytest.MonkeyPatch.context() as patch:
            use_threads(patch, count)
            found.append(values_and_gradients(fast(kind), arguments))
    for alone, together in zip(*found, strict=True):
        assert all(map(torch.equal, alone, together))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("instructions", "poisoned")
def test_inputs_with_any_strides(kind):
    arguments = draw(kind, 3, 11, 4, 19)
    turned = [x.transpose(0, -1).contiguous().transpose(0, -1) for x in arguments]
    expected, found = (values_and_gradients(fast(kind), given) for given in (arguments, turned))
    for right, got in zip(expected, found, strict=True):
        torch.testing.assert_close(got, right)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [(0, 1), (0, 2), (1, 2)])
def test_gradients_with_any_strides(kind, axes):
    arguments = [x.requires_grad_() for x in draw(kind, 3, 11, 4, 19)]
    y, _ = fast(kind)(*arguments)
    gradient = torch.randn(y.shape)
    turned = gradient.transpose(*axes).contiguous().transpose(*axes)
    expected, found = (torch.autograd.grad(y, arguments, given, retain_graph=True) for given in (gradient, turned))
    assert all(map(torch.equal, expected, found))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", [0, 1])
def test_one_of_the_outputs_is_used(kind, which):
    arguments = draw(kind, 2, 9, 3, 7)
    single = [x.requires_grad_() for x in arguments]
    double = [x.detach().double().requires_grad_() for x in arguments]
    expected = torch.autograd.grad(exact(kind)(*double)[which].sum(), double, materialize_grads=True)
    found = torch.autograd.grad(fast(kind)(*single)[which].sum(), single, materialize_grads=True)
    torch.testing.assert_close(found, [x.float() for x in expected], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [1, 6, 12])
def test_pieces_with_the_state_carried_equal_the_whole(kind, cut):
    arguments = draw(kind, 3, 13, 4, 18)
    along = 2 if kind == "scan" else 1

    def in_two(*given):
        first, state = fast(kind)(*(x[:, :cut] for x in given[:along]), *given[along:])
        second, final = fast(kind)(*(x[:, cut:] for x in given[:along]), state, *given[along + 1 :])
        return torch.cat((first, second), dim=1), final

    expected, found = (values_and_gradients(run, arguments) for run in (fast(kind), in_two))
    for right, got in zip(expected, found, strict=True):
        torch.testing.assert_close(got, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_graph_gives_the_same_gradients_again(kind):
    arguments = [x.requires_grad_() for x in draw(kind, 2, 8, 3, 20)]
    y, final = fast(kind)(*arguments)
    loss = y.square().sum() + final.sum()
    first, second, last = (torch.autograd.grad(loss, arguments, retain_graph=kept) for kept in (True, True, False))
    assert all(map(torch.equal, first, second))
    assert all(map(torch.equal, first, last))
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_writing_into_the_output_spoils_no_gradient_silently(kind):
    arguments = [x.requires_grad_() for x in draw(kind, 2, 4, 3, 3)]
    y, _ = fast(kind)(*arguments)
    with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
        y.mul_(2).sum().backward()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_second_order_are_refused(kind):
    arguments = [x.requires_grad_() for x in draw(kind, 2, 4, 3, 3)]
    with pytest.raises(RuntimeError, match="no gradients of gradients"):
        torch.autograd.grad(fast(kind)(*arguments)[0].sum(), arguments, create_graph=True)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_input_of_the_first_layer_needs_no_gradient(kind):
    x, *others = draw(kind, 2, 5, 3, 9)
    expected = values_and_gradients(fast(kind), (x, *others))[1][1:]
    found = values_and_gradients(functools.partial(fast(kind), x), others)[1]
    assert all(map(torch.equal, found, expected))


def test_no_cell_of_an_input_is_written():
    arguments = draw("scan", 2, 6, 1, 5)
    before = [x.clone() for x in arguments]
    values_and_gradients(scan.linear_scan, arguments)
    assert all(map(torch.equal, arguments, before))


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("bias", [30.0, 80.0, 800.0, 1e30])
def test_a_gate_of_mingru_that_keeps_nothing_and_one_that_keeps_all(bias):
    x, h, weight, _ = draw("mingru", 2, 5, 3, 40)
    weight = torch.cat((torch.zeros(40, 3), weight[40:]))
    for sign in (1, -1):
        assert_exact("mingru", (x, h, weight, torch.tensor([sign * bias] * 40 + [0.0] * 40)))


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("kind", KINDS)
def test_a_number_that_is_none_stays_visible(kind):
    for place in range(len(draw(kind, 1, 1, 1, 1))):
        arguments = draw(kind, 1, 3, 1, 2)
        arguments[place].fill_(torch.nan)
        assert fast(kind)(*arguments)[0].isnan().all()


@pytest.mark.usefixtures("instructions")
@pytest.mark.parametrize("f", [-1e6, -200.0, -90.0, -30.0, -1.0, 0.0, 1.0, 30.0, 90.0, 200.0, 1e6])
@pytest.mark.parametrize("apart", [-300.0, -3.0, 0.0, 0.5, 20.0, 1e5])
def test_gates_of_minlstm_that_saturate_together_or_alone(f, apart):
    """Shares of gates that both vanish, too, which in float32 are 0 / 0; in float64 through logarithms."""
    i, h, g = torch.tensor(f + apart), 0.7, -1.3
    weight, bias = torch.zeros(3, 1), torch.tensor([float(i), f, g], requires_grad=True)
    y, _ = KERNELS["minlstm"]["c"](torch.zeros(1, 2, 1), (torch.tensor([[h]]),), weight, bias)
    double = bias.detach().double().requires_grad_()
    kept = torch.sigmoid(torch.nn.functional.logsigmoid(double[1]) - torch.nn.functional.logsigmoid(double[0]))
    first = kept * h + (1 - kept) * double[2]
    expected = torch.stack((first, kept * first + (1 - kept) * double[2]))
    torch.testing.assert_close(y.flatten(), expected.float(), rtol=1e-6, atol=1e-7)
    (found,), (right,) = torch.autograd.grad(y.sum(), bias), torch.autograd.grad(expected.sum(), double)
    torch.testing.assert_close(found, right.float(), rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("instructions")
def test_infinite_gates_share_too():
    inf, weight, h = float("inf"), torch.zeros(15, 1), torch.zeros(1, 5)
    i, f = [-inf, 0.0, inf, inf, -inf], [0.0, -inf, 0.0, inf, -inf]
    y, _ = KERNELS["minlstm"]["c"](torch.zeros(1, 1, 1), (h,), weight, torch.tensor([*i, *f, *[1.0] * 5]))
    torch.testing.assert_close(y.flatten(), torch.tensor([0.0, 1.0, 2 / 3, 1 / 2, 1 / 2]))


@pytest.mark.usefixtures("instructions")
def test_thousands_of_vanishing_gates_stay_exact():
    a, b = torch.full((1, 4000, 2), 1e-3).requires_grad_(), torch.ones(1, 4000, 2).requires_grad_()
    y, final = scan.linear_scan(a, b, torch.zeros(1, 2))
    torch.testing.assert_close(final, torch.full((1, 2), 1 / (1 - 1e-3)))
    assert all(torch.isfinite(gradient).all() for gradient in torch.autograd.grad(y.sum(), (a, b)))


def test_no_steps_leave_the_state():
    x, h, *weights = draw("mingru", 2, 0, 3, 4)
    y, final = fast("mingru")(x, h.requires_grad_(), *weights)
    assert y.shape == (2, 0, 4)
    assert torch.equal(final, h)
    assert torch.equal(torch.autograd.grad(final.sum(), h)[0], torch.ones(2, 4))


@pytest.mark.parametrize("kind", LAYERS)
def test_float64_is_refused(kind):
    with pytest.raises(UserError, match="float64"):
        fast(kind)(*(x.double() for x in draw(kind, 1, 2, 3, 4)))


@pytest.mark.parametrize("kind", LAYERS)
def test_autocast_is_refused(kind):
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(UserError, match="bfloat16"):
        fast(kind)(*draw(kind, 1, 2, 3, 4))


@pytest.mark.parametrize("kind", LAYERS)
def test_it_is_chosen_for_float32_on_a_cpu(kind):
    x = torch.zeros(1, 1, 1)
    assert fastest(kind, x) == "c"
    assert fastest(kind, x.double()) == "scan"
    assert fastest(kind, x.to("meta")) == "scan"


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
def test_it_is_not_chosen_where_torch_is_watched(kind):
    x = torch.zeros(2, 1, 1)
    seen = []

    def look(x):
        seen.append(fastest(kind, x))
        return x + 1

    with torch.autocast("cpu"):
        look(x)
    torch.vmap(look)(x)
    torch.func.grad(lambda x: look(x).sum())(x)
    torch.jit.trace(look, x, check_trace=False)
    assert set(seen) == {"scan"}


@pytest.mark.parametrize("kind", LAYERS)
def test_an_exported_layer_is_torchs_own(kind):
    x, h, *weights = draw(kind, 2, 3, 4, 5)

    class Net(torch.nn.Module):
        def forward(self, x):
            return kernel(kind, x)(x, (h,), *weights)[0]

    graph = torch.export.export(Net(), (x,), strict=False)
    torch.testing.assert_close(graph.module()(x), KERNELS[kind]["c"](x, (h,), *weights)[0])


@pytest.mark.parametrize("lengths", [None, [5, 0, 3]])
@pytest.mark.parametrize("kind", LAYERS)
def test_rows_read_backwards(kind, lengths):
    """As forwards on rows turned round by hand."""
    x, h, *weights = draw(kind, 3, 5, 4, 6)
    given, rows = None if lengths is None else torch.tensor(lengths), torch.arange(3).unsqueeze(1)
    turned = torch.tensor([[*range(n - 1, -1, -1), *range(n, 5)] for n in lengths or [5] * 3])
    expected, last = KERNELS[kind]["c"](x[rows, turned], (h,), *weights, lengths=given)
    with backend("c"):
        y, final = recur(kind, x, (h,), tuple(weights), given, backwards=True)
    assert torch.equal(y, expected[rows, turned])
    assert torch.equal(final[0], last[0])
