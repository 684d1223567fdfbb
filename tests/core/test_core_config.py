"""Settings are frozen and complete; a fingerprint depends on values and on nothing else."""

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.config import Config, canonical_json, fingerprint
from seqwise.core.errors import UserError, did_you_mean

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example(Config):
    width: int = 8
    name: str = "a"


@given(st.dictionaries(st.text(), values, min_size=2))
def test_fingerprint_ignores_the_order_of_keys(value):
    assert fingerprint(dict(reversed(value.items()))) == fingerprint(value)


@given(values, values)
def test_fingerprints_differ_where_values_do(a, b):
    assert (fingerprint(a) == fingerprint(b)) == (canonical_json(a) == canonical_json(b))


def test_fingerprint_is_the_same_in_another_process():
    value = {"b": [1, 2.5, None], "a": "ü"}
    code = f"from seqwise.core.config import fingerprint; print(fingerprint({value!r}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert said.stdout.strip() == fingerprint(value)


def test_fingerprint_refuses_what_is_no_number():
    with pytest.raises(ValueError, match="Out of range"):
        fingerprint({"loss": float("nan")})


def test_config_round_trip():
    config = Example(width=3)
    assert Example.from_dict(config.to_dict()) == config
    assert config.replace(name="b") == Example(width=3, name="b")


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Example().width = 4


def test_config_refuses_an_unknown_key_and_names_the_nearest():
    with pytest.raises(UserError, match="no setting 'widht'") as error:
        Example.from_dict({"widht": 3})
    assert "did you mean 'width'" in error.value.fix


def test_user_error_says_what_was_expected_and_how_to_fix_it():
    error = UserError("what", expected="that", fix="so")
    assert str(error) == "what\n  expected: that\n  fix: so"
    assert str(UserError("what")) == "what"


def test_user_error_survives_the_way_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(UserError("what", expected="that", fix="so")))
    assert (str(error), error.message, error.fix) == ("what\n  expected: that\n  fix: so", "what", "so")


def test_did_you_mean_lists_everything_where_nothing_is_near():
    assert did_you_mean("lstn", ["rnn", "lstm"]) == "did you mean 'lstm'? (one of rnn, lstm)"
    assert did_you_mean("zzz", ["rnn", "lstm"]) == "one of rnn, lstm"
