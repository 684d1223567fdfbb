"""What a configuration accepts, and what it fills in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.models.config import SeqwiseConfig, default_heads

BAD = [
    ({"layer_types": ["lstm", "ltsm"]}, "unknown mixer 'ltsm'.*\n.*did you mean 'lstm'"),
    ({"layer_types": ["lstm"]}, "names 1 layers, num_hidden_layers is 2"),
    ({"hidden_size": 0}, "hidden_size is 0"),
    ({"hidden_size": "64"}, "hidden_size is '64'"),
    ({"hidden_size": 15, "bidirectional": True}, "hidden_size 15 is odd"),
    ({"body": "modem"}, "unknown body 'modem'.*\n.*did you mean 'modern'"),
    ({"position_embedding": "rotery"}, "unknown position_embedding 'rotery'"),
    ({"projection_size": 32}, "projection_size 32 differs from hidden_size 64"),
    ({"layer_types": ["attention"] * 2, "num_attention_heads": 5}, "5 attention heads do not divide hidden_size 64"),
    ({"layer_types": ["attention"] * 2, "hidden_size": 9}, "odd size"),
    ({"hidden_dropout": 1.0}, "hidden_dropout is 1.0"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_mistakes_are_named(changes, message):
    with pytest.raises(UserError, match=message):
        SeqwiseConfig(**changes)


def test_defaults_are_filled_in():
    config = SeqwiseConfig(hidden_size=48, layer_types=["lstm", "attention"])
    assert config.projection_size == 48
    assert config.num_attention_heads == 3
    assert SeqwiseConfig(num_hidden_layers=3).layer_types == ["lstm"] * 3
    assert SeqwiseConfig(body="classic", projection_size=32).input_size(0) == 32


@given(st.integers(1, 100).map(lambda n: 8 * n))
def test_heads_divide_the_width_and_are_at_least_two(width):
    heads = default_heads(width)
    assert width % heads == 0
    assert heads >= 2 or width == 8
    assert width // heads in (8, 16, 32, 64)


def test_a_configuration_survives_json_and_dictionaries(tmp_path):
    config = SeqwiseConfig(layer_types=["attention", "gru"], bidirectional=True, rope_theta=500.0, num_labels=4, hidden_dropout=0.1)
    config.save_pretrained(tmp_path)
    assert SeqwiseConfig.from_pretrained(tmp_path).to_diff_dict() == config.to_diff_dict()
    assert SeqwiseConfig.from_dict(config.to_dict()).layer_types == ["attention", "gru"]
