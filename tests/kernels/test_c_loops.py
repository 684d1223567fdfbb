"""The loops in C against the references in float64, with every instruction set of this processor."""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recurrences import TORCH, inputs, values_and_gradients

import seqwise.kernels
from seqwise.core.errors import UserError
from seqwise.kernels import KERNELS, backend, fastest, kernel, recur
from seqwise.kernels.c import library, loops
from seqwise.kernels.c.rows import rows_of

SETS = library.instruction_sets()
CELLS = list(TORCH)
SIZES = [(1, 1, 1, 1), (2, 3, 4, 3), (3, 7, 5, 17), (13, 4, 8, 63), (8, 6, 16, 64), (29, 3, 3, 100), (1, 9, 8, 128), (32, 2, 40, 96)]

pytestmark = pytest.mark.skipif(not SETS, reason=f"the loops in C are not there: {library.reason()}")


def single(arguments):
    x, state, *weights = arguments
    return [t.detach().float().requires_grad_() for t in (x,)] + [
        tuple(s.detach().float().requires_grad_() for s in state),
        *(w.detach().float().requires_grad_() for w in weights),
    ]


def scaled(recurrence, *sizes, seed=0):
    """As a trained layer is: weights that do not saturate every gate."""
    x, state, *weights = inputs(recurrence, *sizes, seed=seed)
    return [x, state, *((w.detach() / sizes[-1] ** 0.5).requires_grad_() for w in weights)]


def assert_close(found, expected, tolerance=3e-6):
    """Within float32 rounding of the largest number of each tensor."""
    for got, exact in zip(found, expected, strict=True):
        assert got.dtype is torch.float32
        room = tolerance * (1 + float(exact.abs().max()) if exact.numel() else 1)
        torch.testing.assert_close(got.double(), exact.double(), rtol=0, atol=room)


def agree(recurrence, arguments, **settings):
    expected = values_and_gradients(KERNELS[recurrence]["reference"], *arguments)
    found = values_and_gradients(KERNELS[recurrence]["c"], *single(arguments), **settings)
    for got, exact in zip(found, expected, strict=True):
        assert_close(got, exact)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("recurrence", CELLS)
def test_values_and_all_gradients(recurrence, sizes, name):
    with library.instructions(name):
        agree(recurrence, scaled(recurrence, *sizes))


@pytest.mark.parametrize("recurrence", CELLS)
@settings(max_examples=30, deadline=None)
@given(sizes=st.tuples(st.integers(1, 30), st.integers(1, 6), st.integers(1, 9), st.integers(1, 70)), name=st.sampled_from(SETS))
def test_any_sizes(recurrence, sizes, name):
    with library.instructions(name):
        agree(recurrence, scaled(recurrence, *sizes))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("recurrence", CELLS)
def test_saturated_gates_are_as_exact_as_in_torch(recurrence, name):
    """Sums of up to 500, whose rounding alone is 3e-5."""
    arguments = [t if isinstance(t, tuple) else (t.detach() * 40).requires_grad_() for t in inputs(recurrence, 3, 5, 4, 9)]
    expected = values_and_gradients(KERNELS[recurrence]["reference"], *arguments)
    with library.instructions(name):
        found = values_and_gradients(KERNELS[recurrence]["c"], *single(arguments))
    torchs = values_and_gradients(KERNELS[recurrence]["native"], *single(arguments))
    for kind in range(2):
        for got, theirs, exact in zip(found[kind], torchs[kind], expected[kind], strict=True):
            assert float((got - exact).abs().max()) <= 3 * float((theirs - exact).abs().max()) + 3e-7 * (1 + float(exact.abs().max()))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("recurrence", CELLS)
def test_what_is_no_number_is_not_hidden(recurrence, value):
    x, state, *weights = single(inputs(recurrence, 2, 3, 4, 5))
    x.data[0, 1, 0] = value
    got, _ = KERNELS[recurrence]["c"](x, state, *weights)
    expected, _ = KERNELS[recurrence]["reference"](x, state, *weights)
    torch.testing.assert_close(got, expected, equal_nan=True, rtol=1e-4, atol=1e-5)


def prefixes(recurrence, arguments, lengths):
    """The reference, row by row, on the real steps alone."""
    x, state, *weights = arguments
    rows, finals = [], []
    for row, length in enumerate(lengths):
        begin = tuple(s[row : row + 1] for s in state)
        y, final = KERNELS[recurrence]["reference"](x[row : row + 1, :length], begin, *weights) if length else (x[:0, :0], begin)
        y = y.reshape(length, -1) if length else x.new_zeros(0, state[0].shape[1])
        rows.append(torch.cat((y, y.new_zeros(x.shape[1] - length, state[0].shape[1]))))
        finals.append(final)
    return torch.stack(rows), tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


@pytest.mark.parametrize("recurrence", CELLS)
@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=9).filter(any), units=st.integers(1, 40))
def test_rows_of_different_lengths(recurrence, lengths, units):
    arguments = scaled(recurrence, len(lengths), 6, 4, units)
    expected = values_and_gradients(lambda *given: prefixes(recurrence, given, lengths), *arguments)
    for final in (True, False):
        with backend("c"):
            found = values_and_gradients(
                lambda x, state, *weights, final=final: recur(recurrence, x, state, weights, torch.tensor(lengths), final=final),
                *single(arguments),
            )
        for got, exact in zip(found, expected, strict=True):
            assert_close(got, exact)


@pytest.mark.parametrize("recurrence", CELLS)
@settings(max_examples=25, deadline=None)
@given(lengths=st.none() | st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any), units=st.integers(1, 40))
def test_rows_read_backwards(recurrence, lengths, units):
    """As the reference on rows turned round by hand."""
    arguments = scaled(recurrence, 3, 5, 4, units)
    real = lengths or [5, 5, 5]
    turned = torch.tensor([[*range(n - 1, -1, -1), *range(n, 5)] for n in real])

    def by_hand(x, state, *weights):
        rows = torch.arange(3).unsqueeze(1)
        y, final = prefixes(recurrence, (x[rows, turned], state, *weights), real)
        return y[rows, turned], final

    def backwards(x, state, *weights):
        return recur(recurrence, x, state, weights, None if lengths is None else torch.tensor(lengths), backwards=True)

    expected = values_and_gradients(by_hand, *arguments)
    with backend("c"):
        found = values_and_gradients(backwards, *single(arguments))
    for got, exact in zip(found, expected, strict=True):
        assert_close(got, exact)


def test_an_answer_without_gradients_leaves_nothing_that_breaks_a_training():
    """What is known about rows is kept between calls."""
    x, state, *weights = single(scaled("gru", 3, 5, 4, 6))
    lengths = torch.tensor([5, 2, 4])
    rows_of.cache_clear()
    with torch.inference_mode():
        expected = recur("gru", x, state, tuple(weights), lengths, backwards=True)[0]
    y = recur("gru", x, state, tuple(weights), lengths, backwards=True)[0]
    y.sum().backward()
    assert torch.equal(y, expected)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", ["c", "native"])
@pytest.mark.parametrize("recurrence", CELLS)
def test_lengths_beyond_the_row_are_its_own(recurrence, name, backwards):
    x, state, *weights = single(scaled(recurrence, 3, 5, 4, 6))
    found = []
    for lengths in ([9, 5, 4], [5, 5, 4]):
        with backend(name):
            found.append(recur(recurrence, x, state, tuple(weights), torch.tensor(lengths), backwards=backwards)[0])
    assert torch.equal(*found)


@pytest.mark.parametrize("recurrence", CELLS)
def test_a_state_of_more_rows_is_refused(recurrence):
    x, state, *weights = single(scaled(recurrence, 3, 5, 4, 6))
    for lengths in (None, torch.tensor([5, 2, 4])):
        with pytest.raises(RuntimeError, match="the state has 4 rows, the input 3"):
            KERNELS[recurrence]["c"](x, tuple(torch.zeros(4, 6) for _ in state), *weights, lengths=lengths)


@pytest.mark.parametrize("lengths", [None, [5, 2, 4]])
@pytest.mark.parametrize("recurrence", CELLS)
def test_the_output_of_frozen_weights_can_be_added_to(recurrence, lengths):
    x, state, *weights = single(scaled(recurrence, 3, 5, 4, 6))
    frozen = [w.detach() for w in weights]
    more = torch.ones(6, requires_grad=True)
    y, _ = recur(recurrence, x.detach(), tuple(s.detach() for s in state), tuple(frozen), lengths and torch.tensor(lengths))
    y += more
    y.sum().backward()
    assert torch.equal(more.grad, torch.full((6,), 15.0))


@pytest.mark.parametrize("recurrence", CELLS)
def test_the_output_of_rows_of_different_lengths_can_be_written_to(recurrence):
    """It is no view, and not kept for the way back."""
    x, state, *weights = single(scaled(recurrence, 3, 5, 4, 6))
    found = []
    for change in (lambda y: y * 2, lambda y: y.mul_(2)):
        y, _ = recur(recurrence, x, state, tuple(weights), torch.tensor([5, 2, 4]))
        found.append(torch.autograd.grad(change(y).square().sum(), [x, *weights]))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_refused_call_leaves_no_trace():
    """What is known about rows is kept between calls: nothing of a call under a transform."""
    x, state, *weights = single(scaled("gru", 3, 41, 4, 6))
    rows_of.cache_clear()
    with backend("c"), pytest.raises(UserError, match="records or transforms"):
        torch.func.grad(lambda x: recur("gru", x, state, tuple(weights))[0].sum())(x.detach())
    assert recur("gru", x, state, tuple(weights))[0].isfinite().all()


@pytest.mark.parametrize("name", ["reference", "native"])
@pytest.mark.parametrize("recurrence", CELLS)
def test_other_kernels_stop_at_every_length(recurrence, name):
    lengths = [3, 0, 5, 1]
    x, state, *weights = inputs(recurrence, 4, 5, 3, 7)
    expected, final = prefixes(recurrence, (x, state, *weights), lengths)
    with backend(name):
        y, got = recur(recurrence, x, state, tuple(weights), torch.tensor(lengths))
    torch.testing.assert_close(got, final)
    real = torch.arange(5) < torch.tensor(lengths).unsqueeze(1)
    torch.testing.assert_close(y[real], expected[real])


@pytest.fixture
def torch_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("lengths", [None, [9, 2, 9, 5, 0, 7, 3]])
@pytest.mark.parametrize("recurrence", CELLS)
def test_the_number_of_threads_changes_no_bit(recurrence, lengths, monkeypatch, torch_threads):
    """Also with more threads than rows; torch's products, which change bits from three threads on, are left at one or two."""
    arguments = single(scaled(recurrence, 7, 9, 33, 50))
    given, found = {} if lengths is None else {"lengths": torch.tensor(lengths)}, []
    for threads, of_torch in ((1, 1), (2, 2), (2, 1), (3, 1), (7, 1), (20, 1)):
        monkeypatch.setattr(loops, "threads_for", lambda weight, steps, threads=threads: threads)
        torch_threads(of_torch)
        found.append(values_and_gradients(lambda *a: KERNELS[recurrence]["c"](*a, **given), *arguments))
    for other in found[1:]:
        for got, first in zip(other, found[0], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(got, first, strict=True))


@pytest.mark.parametrize("lengths", [None, [3, 1, 0, 2]])
@pytest.mark.parametrize("recurrence", CELLS)
def test_threads_that_share_the_units_change_no_bit(recurrence, lengths, monkeypatch):
    """Few rows, and weights of more than a megabyte."""
    arguments, found = single(scaled(recurrence, 4, 3, 5, 530)), []
    given = {} if lengths is None else {"lengths": torch.tensor(lengths)}
    for threads in (1, 2, 3, 40):
        monkeypatch.setattr(loops, "threads_for", lambda weight, steps, threads=threads: threads)
        found.append(values_and_gradients(lambda *a: KERNELS[recurrence]["c"](*a, **given), *arguments))
    for other in found[1:]:
        for got, first in zip(other, found[0], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(got, first, strict=True))


def test_several_teams_at_once(monkeypatch):
    monkeypatch.setattr(loops, "threads_for", lambda weight, steps: 3)
    arguments = [single(scaled("gru", 1, 40, 5, 64 + place)) for place in range(4)]
    expected = [KERNELS["gru"]["c"](*one)[0] for one in arguments]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            found = list(pool.map(lambda one: KERNELS["gru"]["c"](*one)[0], arguments))
            assert all(torch.equal(y, other) for y, other in zip(found, expected, strict=True))


def test_a_team_that_gets_fewer_threads_than_it_asked_for_goes_on():
    program = """
import torch
import seqwise.nn
from seqwise.kernels.c import loops
layer, x = seqwise.nn.LSTM(8, 64), torch.randn(3, 1, 8)
with torch.no_grad():
    alone = layer(x)[0]
    loops.threads_for = lambda weight, steps: 4
    print(torch.equal(layer(x)[0], alone))
"""
    settings = os.environ | {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=settings, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("recurrence", CELLS)
def test_a_row_does_not_depend_on_those_beside_it(recurrence):
    x, state, *weights = single(scaled(recurrence, 14, 5, 8, 40))
    together, _ = KERNELS[recurrence]["c"](x, state, *weights)
    for row in range(14):
        recurrent = [s[row : row + 1] for s in state]
        alone, _ = KERNELS[recurrence]["c"](x[row : row + 1], tuple(recurrent), *weights)
        torch.testing.assert_close(alone[0], together[row], rtol=1e-6, atol=1e-6)


@pytest.fixture
def poisoned(monkeypatch):
    """Memory that nobody has written to is NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(before)


@pytest.mark.parametrize("sizes", [(3, 4, 5, 17), (8, 3, 4, 64)], ids=str)
@pytest.mark.parametrize("recurrence", CELLS)
def test_nothing_unwritten_is_read(recurrence, sizes, poisoned):
    agree(recurrence, scaled(recurrence, *sizes))


@pytest.mark.parametrize("recurrence", CELLS)
def test_inputs_with_any_strides(recurrence):
    x, state, *weights = scaled(recurrence, 3, 4, 5, 6)
    expected = values_and_gradients(KERNELS[recurrence]["reference"], x, state, *weights)
    x, state, *weights = single((x, state, *weights))
    x = x.detach().transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()
    turned = [torch.stack((w.detach(), w.detach()), dim=-1)[..., 0].requires_grad_() for w in weights]
    found = values_and_gradients(KERNELS[recurrence]["c"], x, state, *turned)
    for got, exact in zip(found, expected, strict=True):
        assert_close(got, exact)


@pytest.mark.parametrize("recurrence", CELLS)
def test_a_state_that_is_one_row_for_all(recurrence):
    x, state, *weights = single(scaled(recurrence, 3, 4, 5, 6))
    shared = tuple(s.detach()[:1].expand(3, 6) for s in state)
    expected, _ = KERNELS[recurrence]["reference"](x, shared, *weights)
    got, _ = KERNELS[recurrence]["c"](x, shared, *weights)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("recurrence", CELLS)
def test_only_the_final_state_is_used(recurrence):
    exact = scaled(recurrence, 2, 4, 3, 3)
    gradients = []
    for run, (x, state, *weights) in ((KERNELS[recurrence]["reference"], exact), (KERNELS[recurrence]["c"], single(exact))):
        _, final = run(x, state, *weights)
        gradients.append(torch.autograd.grad(final[-1].sum(), [x, *weights]))
    assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize("recurrence", CELLS)
def test_a_frozen_input_needs_no_gradient(recurrence):
    x, state, *weights = single(scaled(recurrence, 2, 4, 3, 3))
    expected = torch.autograd.grad(KERNELS[recurrence]["reference"](x, state, *weights)[0].sum(), weights)
    y, _ = KERNELS[recurrence]["c"](x.detach(), tuple(s.detach() for s in state), *weights)
    assert_close(torch.autograd.grad(y.sum(), weights), expected)


@pytest.mark.parametrize("recurrence", CELLS)
def test_a_graph_that_is_kept_gives_the_same_gradients_again(recurrence):
    x, state, *weights = single(scaled(recurrence, 4, 5, 6, 7))
    y, _ = KERNELS[recurrence]["c"](x, state, *weights)
    first = torch.autograd.grad(y.square().sum(), [x, *weights], retain_graph=True)
    second = torch.autograd.grad(y.square().sum(), [x, *weights])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("recurrence", CELLS)
@pytest.mark.parametrize("loss", [torch.Tensor.mean, lambda y: y.square().sum()], ids=["constant", "own"])
def test_gradients_of_second_order_are_refused(recurrence, loss):
    """Also where the incoming gradient has no history, for which torch's own check says nothing."""
    x, state, *weights = single(scaled(recurrence, 2, 3, 4, 5))
    y, _ = KERNELS[recurrence]["c"](x, state, *weights)
    with pytest.raises(RuntimeError, match="no gradients of gradients"):
        torch.autograd.grad(loss(y), x, create_graph=True)


@pytest.mark.parametrize("recurrence", CELLS)
def test_wrong_shapes_and_numbers_reach_no_loop(recurrence):
    x, state, *weights = single(scaled(recurrence, 5, 3, 4, 16))
    narrow = [weights[0], weights[1][:, :4].contiguous(), *weights[2:]]
    short = tuple(s[:1] for s in state)
    for arguments in ((x, state, *narrow), (x, short, *weights)):
        with pytest.raises(RuntimeError, match=r"loops in C expect|the state has|must match|size"):
            KERNELS[recurrence]["c"](*arguments)
    with pytest.raises(UserError, match="float32 on a CPU"):
        KERNELS[recurrence]["c"](x, state, weights[0], weights[1].double(), *weights[2:])


@pytest.mark.parametrize("recurrence", CELLS)
def test_no_two_gradients_share_memory(recurrence):
    x, state, *weights = single(scaled(recurrence, 2, 3, 4, 5))
    found = torch.autograd.grad(KERNELS[recurrence]["c"](x, state, *weights)[0].sum(), [x, *weights])
    assert len({g.data_ptr() for g in found}) == len(found)


def test_a_recorder_of_operations_sees_those_of_torch():
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False):
        assert fastest("gru", torch.zeros(2, 20, 1)) != "c"


@pytest.mark.parametrize("recurrence", CELLS)
def test_writing_into_the_output_spoils_no_gradient_silently(recurrence):
    x, state, *weights = single(scaled(recurrence, 2, 4, 3, 3))
    y, _ = KERNELS[recurrence]["c"](x, state, *weights)
    with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
        y.mul_(2).sum().backward()


def test_rows_without_any_step_leave_the_state():
    x, state, *weights = single(inputs("lstm", 2, 3, 4, 5))
    y, final = KERNELS["lstm"]["c"](x, state, *weights, lengths=torch.zeros(2, dtype=torch.long))
    assert not y.any()
    assert all(torch.equal(a, b) for a, b in zip(final, state, strict=True))


@pytest.mark.parametrize(("batch", "length"), [(0, 3), (2, 0)])
@pytest.mark.parametrize("recurrence", CELLS)
def test_no_rows_or_no_steps(recurrence, batch, length):
    x, state, *weights = single(inputs(recurrence, max(batch, 1), max(length, 1), 4, 5))
    state = tuple(s[:batch] for s in state)
    y, final = KERNELS[recurrence]["c"](x[:batch, :length], state, *weights)
    assert y.shape == (batch, length, 5)
    assert all(torch.equal(a, b) for a, b in zip(final, state, strict=True))


def test_denormals_are_as_before_afterwards():
    KERNELS["gru"]["c"](*single(inputs("gru", 1, 2, 3, 4)))
    assert 5e-324 * 1.0 > 0
    assert torch.tensor(1e-40) * 1 > 0


@pytest.mark.parametrize("rows", [1, 4])
def test_a_fork_after_threads_does_not_hang(rows, monkeypatch):
    """The engine of comparisons forks; a thread that is gone must not be waited for."""
    monkeypatch.setattr(loops, "threads_for", lambda weight, steps: 2)
    arguments = single(scaled("lstm", rows, 3, 5, 40))
    KERNELS["lstm"]["c"](*arguments)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        torch.set_num_threads(1)  # its own pool would hang: that of libgomp is gone in a child
        with torch.no_grad():
            KERNELS["lstm"]["c"](*arguments)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_named_backend_is_obeyed_or_refused(monkeypatch):
    x, state, *weights = inputs("gru", 1, 2, 3, 4)
    with backend("c"), pytest.raises(UserError, match="float32 on a CPU"):
        kernel("gru", x)(x, state, *weights)
    monkeypatch.setattr(library, "_loaded", lambda: (None, "not compiled"))
    with backend("c"), pytest.raises(UserError, match="not there"):
        kernel("gru", x)(*single((x, state, *weights)))


def test_automatic_falls_back(monkeypatch):
    x = torch.zeros(2, 20, 1)
    assert fastest("gru", x) == "c"
    assert fastest("gru", x.double()) != "c"
    assert fastest("gru", x.bfloat16()) != "c"
    assert fastest("gru", x.to("meta")) != "c"
    with torch.autocast("cpu"):
        assert fastest("gru", x) != "c"
    torch.func.vmap(lambda row: [row, pytest.fail("C under vmap") if fastest("gru", row) == "c" else None][0])(x)
    with torch.autograd.forward_ad.dual_level():
        assert fastest("gru", x) != "c"
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert fastest("gru", x) != "c"
    monkeypatch.undo()
    monkeypatch.setattr(seqwise.kernels, "available", lambda: False)
    assert fastest("gru", x) == "batched"


def test_an_unknown_instruction_set():
    with pytest.raises(UserError, match="no instruction set 'sse9'"), library.instructions("sse9"):
        pass


def test_the_loops_are_compiled_where_there_is_a_compiler():
    if shutil.which("cc") or shutil.which("gcc"):
        assert library.available(), library.reason()
    assert SETS[-1] == "generic"
