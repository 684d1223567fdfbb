"""What a user asks for is checked before anything is read or written."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.comparison.options import Options, parse_budget, parse_bytes, parse_latency, parse_size
from seqwise.core.errors import UserError

counts = st.integers(1, 10**6)


@given(counts, st.sampled_from("smh"), st.sampled_from(["", " "]))
def test_budget_round_trip(count, unit, space):
    seconds = count * {"s": 1, "m": 60, "h": 3600}[unit]
    assert parse_budget(f"{count}{space}{unit}") == parse_budget(f" {count}{space}{unit.upper()} ") == seconds


@pytest.mark.parametrize(("text", "seconds"), [("quick", 180), ("standard", 900), ("thorough", 7200), ("1.5h", 5400)])
def test_budgets(text, seconds):
    assert parse_budget(text) == seconds


@given(st.text(max_size=8))
def test_a_budget_is_seconds_or_a_user_error(text):
    with contextlib.suppress(UserError):
        assert parse_budget(text) > 0


@pytest.mark.parametrize("text", ["-5m", "0s", "0.0h", "5", "m", "5d", "five minutes", "", "1e3s", "nan s"])
def test_no_budget(text):
    with pytest.raises(UserError, match="--budget"):
        parse_budget(text)


@given(st.integers(1_000, 10**9))
def test_size_round_trip(value):
    assert parse_size(str(value)) == value


@pytest.mark.parametrize(("text", "value"), [("30k", 30_000), ("1M", 1_000_000), ("0.3m", 300_000), ("1.5k", 1_500), (" 100k ", 100_000)])
def test_sizes(text, value):
    assert parse_size(text) == value


@pytest.mark.parametrize("text", ["999", "0", "-30k", "k", "30g", "", "nan", "1e6", "inf"])
def test_no_size(text):
    with pytest.raises(UserError, match="--size"):
        Options(source="x", size=text)


@pytest.mark.parametrize(("text", "value"), [("5ms", 5), ("0.1s", 100), ("2.5 MS", 2.5)])
def test_latencies(text, value):
    assert parse_latency(text) == value


@pytest.mark.parametrize("text", ["5", "ms", "-5ms", "0ms", "0.0s", "5us", ""])
def test_no_latency(text):
    with pytest.raises(UserError, match="--max-latency"):
        parse_latency(text)


@pytest.mark.parametrize(("text", "value"), [("5MB", 5_000_000), ("300kB", 300_000), ("12", 12), ("1.5 gb", 1_500_000_000)])
def test_bytes(text, value):
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["MB", "-5MB", "0", "0MB", "5TB", "", "0.1"])
def test_no_bytes(text):
    with pytest.raises(UserError, match="--max-bytes"):
        parse_bytes(text)


@pytest.mark.parametrize("name", ["replicates", "configurations", "layers", "width", "batch", "context", "workers"])
@pytest.mark.parametrize("value", [0, -3])
def test_counts_are_one_or_more(name, value):
    with pytest.raises(UserError, match=f"--{name} {value}"):
        Options(source="x", **{name: value})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"match_size": "parameter"}, "did you mean 'parameters'"),
        ({"match_training": "time"}, "--match-training"),
        ({"tokenizer": "byte"}, "did you mean 'bytes'"),
        ({"device": "gpu0"}, "--device"),
        ({"seed": -1}, "--seed"),
        ({"steps": "100"}, "--size"),
    ],
)
def test_other_values_that_are_not_possible(values, said):
    with pytest.raises(UserError, match=said):
        Options(source="x", **values)


names = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), min_size=1, max_size=4, unique=True)


@given(names, st.data())
def test_steps_for_each_model(found, data):
    steps = {name: data.draw(counts) for name in found}
    options = Options(source="x", size="30k", steps=",".join(f"{name}={count}" for name, count in steps.items()))
    assert options.steps_of(found) == steps


@given(names, counts)
def test_steps_for_all_models(found, count):
    assert Options(source="x", size="30k", steps=str(count)).steps_of(found) == dict.fromkeys(found, count)


@pytest.mark.parametrize("steps", ["0", "-1", "many", "rnn=", "rnn=0", "rnn=1,lstm", "1.5", "", "rnn=1,,"])
def test_no_steps(steps):
    with pytest.raises(UserError, match="--steps"):
        Options(source="x", size="30k", steps=steps)


def test_steps_that_leave_a_model_out():
    with pytest.raises(UserError, match="no steps for 'lstm'"):
        Options(source="x", size="30k", steps="rnn=5").steps_of(["rnn", "lstm"])


def test_a_request_is_what_decides_the_numbers():
    base = Options(source="x")
    for change in ({"workers": 7}, {"max_latency_ms": 1.0}, {"max_bytes": 5}, {"samples": False}):
        assert base.replace(**change).request() == base.request()
    for change in ({"seed": 1}, {"budget_seconds": 1.0}, {"models": ("rnn",)}, {"text": "t"}, {"tokenizer": "bytes"}, {"device": "cpu"}):
        assert base.replace(**change).request() != base.request()


def test_a_language_model_cannot_be_told_to_see_both_sides():
    assert Options(source="x", causal=False).causal is False
    with pytest.raises(UserError, match="--no-causal is not possible for text-generation"):
        Options(source="x", task="text-generation", causal=False)
