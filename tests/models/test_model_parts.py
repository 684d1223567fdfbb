"""Positions, initialisation and padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.config import SeqwiseConfig
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.models.initialization import EMBEDDING_STD
from seqwise.models.padding import Padding
from seqwise.models.positions import rotary_angles, rotate, sinusoids


def test_rotary_scores_depend_on_the_distance_alone():
    query, key = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)

    def score(i, j):
        turned = [rotate(x, rotary_angles(torch.tensor([[p]]), 8, 100.0).double()) for x, p in ((query, i), (key, j))]
        return (turned[0] * turned[1]).sum()

    torch.testing.assert_close(score(5, 2), score(13, 10), rtol=1e-5, atol=1e-6)
    assert not torch.isclose(score(5, 2), score(5, 4))


def test_sinusoids_have_unit_mean_square_and_differ():
    table = sinusoids(torch.arange(50), 16)
    torch.testing.assert_close(table.square().mean(-1), torch.ones(50))
    assert torch.unique(table, dim=0).shape[0] == 50


def test_beyond_the_learned_positions_is_an_error():
    model = SeqwiseModel(SeqwiseConfig(position_embedding="learned", max_position_embeddings=4)).eval()
    cache = model(torch.ones(1, 4, dtype=torch.long), use_cache=True).past_key_values
    for arguments in (
        {"input_ids": torch.ones(1, 5, dtype=torch.long)},
        {"input_ids": torch.ones(1, 1, dtype=torch.long), "past_key_values": cache},
    ):
        with pytest.raises(UserError, match="position 4 is beyond the 4 learned positions"):
            model(**arguments)


def test_both_or_neither_input_is_an_error():
    with pytest.raises(UserError, match="got no input"):
        SeqwiseModel(SeqwiseConfig())()


def test_the_initialisation_law():
    torch.manual_seed(0)
    config = SeqwiseConfig(hidden_size=64, layer_types=["lstm", "attention"], bidirectional=True, forget_bias=2.0, vocab_size=500)
    model = SeqwiseForSequenceClassification(config).model
    lstm, attention = model.layers[0].mixer, model.layers[1].mixer
    for gate in lstm.weight_hh_l0_reverse.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(32), rtol=0, atol=1e-5)
    assert lstm.bias_ih_l0.tolist() == [0.0] * 32 + [2.0] * 32 + [0.0] * 64
    assert not lstm.bias_hh_l0.any()
    assert model.embed_tokens.weight.std().item() == pytest.approx(EMBEDDING_STD, rel=0.05)
    assert attention.q_proj.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert attention.o_proj.weight.std().item() == pytest.approx(1 / 16, rel=0.05)
    assert torch.equal(model.norm.weight, torch.ones(64))


def test_the_forget_gate_of_minlstm_starts_like_that_of_the_lstm():
    torch.manual_seed(0)
    config = SeqwiseConfig(hidden_size=64, layer_types=["minlstm", "mingru"], bidirectional=True, forget_bias=2.0)
    minlstm, mingru = (layer.mixer for layer in SeqwiseModel(config).layers)
    assert minlstm.bias_ih_l0_reverse.tolist() == [0.0] * 32 + [2.0] * 32 + [0.0] * 32
    assert not mingru.bias_ih_l0.any()
    assert minlstm.weight_ih_l0.std().item() == pytest.approx(1 / 8, rel=0.05)


@pytest.mark.parametrize("mixers", [["lstm", "gru"], ["minlstm", "mingru"]])
def test_loading_initialises_nothing_anew(tmp_path, mixers):
    model = SeqwiseForSequenceClassification(SeqwiseConfig(layer_types=mixers))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    model.save_pretrained(tmp_path)
    loaded = SeqwiseForSequenceClassification.from_pretrained(tmp_path)
    for name, parameter in model.named_parameters():
        assert torch.equal(loaded.get_parameter(name), parameter), name


def test_a_new_head_on_a_loaded_backbone_keeps_the_backbone(tmp_path):
    model = SeqwiseModel(SeqwiseConfig(layer_types=["lstm", "rnn"]))
    model.save_pretrained(tmp_path)
    loaded = SeqwiseForSequenceClassification.from_pretrained(tmp_path, num_labels=5)
    assert loaded.score.weight.shape == (5, 64)
    assert 0 < loaded.score.weight.std() < 1
    for name, parameter in model.named_parameters():
        assert torch.equal(loaded.model.get_parameter(name), parameter), name


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=4))
def test_packing_and_unpacking_keeps_every_real_token_in_its_place(rows):
    mask = torch.tensor(rows)
    x = torch.arange(1.0, 1 + mask.numel() * 2).reshape(*mask.shape, 2)
    padding = Padding.of(mask.long(), 7)
    packed = padding.pack(x)
    assert packed.shape[1] == max(int(mask.sum(1).max()), 1)
    assert torch.equal(padding.unpack(packed), x * mask.unsqueeze(-1))
    expected = torch.stack([r[m].mean(0) if m.any() else torch.zeros(2) for r, m in zip(x, mask, strict=True)])
    torch.testing.assert_close(padding.mean(packed), expected)


def test_without_padding_nothing_is_copied():
    x = torch.zeros(2, 3, 4)
    padding = Padding.of(torch.ones(2, 3), 3)
    assert padding.pack(x) is x
    assert padding.unpack(x) is x
