"""Names of contenders and what they stand for."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.comparison.contenders import Contender, known_names, parse_contenders
from seqwise.core.errors import UserError
from seqwise.models.mixers import MIXERS


def test_the_four_families():
    found = parse_contenders(("rnn", "lstm", "gru", "transformer"))
    assert [(c.name, c.mixers, c.family) for c in found] == [
        ("rnn", ("rnn",), "recurrent"),
        ("lstm", ("lstm",), "recurrent"),
        ("gru", ("gru",), "recurrent"),
        ("transformer", ("attention",), "attention"),
    ]


def test_a_name_of_ones_own_and_a_hybrid():
    found = parse_contenders(("a=lstm", " b=lstm+attention ", "gru+transformer"))
    assert [(c.name, c.mixers, c.family) for c in found] == [
        ("a", ("lstm",), "recurrent"),
        ("b", ("lstm", "attention"), "hybrid"),
        ("gru+transformer", ("gru", "attention"), "hybrid"),
    ]


@given(st.lists(st.sampled_from(known_names()), min_size=1, max_size=3), st.integers(1, 9))
def test_mixers_are_repeated_over_the_layers(parts, layers):
    (found,) = parse_contenders(("+".join(parts),))
    types = found.layer_types(layers)
    assert len(types) == layers
    assert all(types[i] == found.mixers[i % len(parts)] for i in range(layers))
    assert set(types) <= set(MIXERS)


def test_every_mixer_can_compete():
    assert {c.mixers for c in parse_contenders(tuple(known_names()))} == {(name,) for name in MIXERS}


def test_the_classic_body_is_a_thing_of_recurrent_models():
    assert Contender("x", ("lstm", "gru")).bodies == ("modern", "classic")
    assert Contender("x", ("attention",)).bodies == Contender("x", ("lstm", "attention")).bodies == ("modern",)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (("lstn",), "did you mean 'lstm'"),
        (("lstm+atention",), "unknown model 'atention'"),
        (("a=",), "unknown model ''"),
        (("lstm+",), "unknown model ''"),
        ((), "names no model"),
        (("", " "), "names no model"),
        (("rnn", "rnn"), "two models are called 'rnn'"),
        (("a=rnn", "a=lstm"), "two models are called 'a'"),
        (("a/b=rnn",), "cannot name a model"),
        (("=rnn",), "cannot name a model"),
        (("a b=rnn",), "cannot name a model"),
    ],
)
def test_what_cannot_compete(models, said):
    with pytest.raises(UserError, match=said):
        parse_contenders(models)


@given(st.text(max_size=20))
def test_any_text_is_contenders_or_a_user_error(text):
    with contextlib.suppress(UserError):
        assert parse_contenders(tuple(text.split(",")))
