"""The language model's loss, its head and its tied table; what it refuses."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from seqwise.core.errors import UserError
from seqwise.models import causal_lm
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.models.initialization import EMBEDDING_STD


def model_of(**changes) -> SeqwiseForCausalLM:
    torch.manual_seed(0)
    sizes = {"vocab_size": 30, "embedding_size": 6, "hidden_size": 16, "intermediate_size": 24, "layer_types": ["lstm", "attention"]}
    return SeqwiseForCausalLM(SeqwiseConfig(**sizes | changes)).eval()


def ids(rows=3, columns=8) -> torch.Tensor:
    return torch.randint(1, 30, (rows, columns), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_loss_is_the_cross_entropy_of_the_next_token():
    model, tokens = model_of(), ids()
    labels = tokens.clone()
    labels[0, 3], labels[1, 5:] = -100, -100
    logits = model(tokens).logits
    kept = [(row, column) for row in range(3) for column in range(1, 8) if labels[row, column] != -100]
    expected = torch.stack([-logits[row, column - 1].log_softmax(-1)[tokens[row, column]] for row, column in kept])
    torch.testing.assert_close(model(tokens, labels=labels).loss, expected.mean())
    torch.testing.assert_close(model(tokens, labels=labels, num_items_in_batch=torch.tensor(5)).loss, expected.sum() / 5)


@torch.no_grad()
def test_labels_that_are_shifted_already():
    model, tokens = model_of(), ids()
    shifted = torch.cat((tokens[:, 1:], torch.full((3, 1), -100)), dim=1)
    output = model(tokens, shift_labels=shifted)
    torch.testing.assert_close(output.loss, cross_entropy(output.logits.flatten(0, 1), shifted.flatten(), ignore_index=-100))
    torch.testing.assert_close(output.loss, model(tokens, labels=tokens).loss)
    assert model(tokens).loss is None


@pytest.mark.parametrize("given", ["labels", "shift_labels"])
@pytest.mark.parametrize("items", [None, 5])
@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (3, 8), (5, 71)])
def test_the_loss_in_parts_is_the_loss_and_so_are_its_gradients(given, items, rows, columns, monkeypatch):
    monkeypatch.setattr(causal_lm, "FEWEST_ROWS", 7)
    monkeypatch.setattr(causal_lm, "LOGITS_AT_ONCE", 1)
    model, tokens = model_of().double().train(), ids(rows, columns)
    labels = tokens.clone()
    labels[0, 0], labels[-1, columns // 2 + 1 :] = -100, -100
    kwargs = {given: labels, "num_items_in_batch": items}
    whole = model(tokens, skip_logits=False, **kwargs)
    targets = labels if given == "shift_labels" else torch.cat((labels[:, 1:], torch.full((rows, 1), -100)), dim=1)
    # the library takes its loss in float32
    exact = cross_entropy(whole.logits.flatten(0, 1), targets.flatten(), reduction="sum") / (items or (targets != -100).sum())
    parts = model(tokens, **kwargs)
    assert parts.logits is None
    torch.testing.assert_close(parts.loss, exact)
    assert parts.loss.item() == pytest.approx(whole.loss.item(), rel=1e-6)
    weights = list(model.parameters())
    torch.testing.assert_close(torch.autograd.grad(parts.loss, weights), torch.autograd.grad(exact, weights))


def test_logits_are_left_out_only_in_training_with_labels_and_a_vocabulary_that_is_worth_it():
    tokens = ids()
    model = model_of().train()
    assert model(tokens).logits is not None
    assert model(tokens, labels=tokens).logits is None
    assert model.eval()(tokens, labels=tokens).logits is not None
    assert model(tokens, labels=tokens, skip_logits=True).logits is None
    small = model_of(vocab_size=30, embedding_size=12).train()
    assert small(tokens, labels=tokens).logits is not None


@torch.no_grad()
def test_padding_without_labels_changes_no_loss():
    model, tokens, lengths = model_of().double(), ids(), (8, 5, 2)
    rows = [row[:length].unsqueeze(0) for row, length in zip(tokens, lengths, strict=True)]
    alone = [model(row, labels=row).loss * (row.shape[1] - 1) for row in rows]
    expected = (sum(alone) / (7 + 4 + 1)).item()
    for side in ("right", "left"):
        padded, mask, labels = torch.zeros_like(tokens), torch.zeros_like(tokens), torch.full_like(tokens, -100)
        for row, length in enumerate(lengths):
            start = 0 if side == "right" else 8 - length
            place = slice(start, start + length)
            padded[row, place], mask[row, place] = tokens[row, :length], 1
            labels[row, start + 1 : start + length] = tokens[row, 1:length]
        assert model(padded, mask, labels=labels).loss.item() == pytest.approx(expected, rel=1e-6)


@torch.no_grad()
def test_only_the_logits_asked_for_are_computed():
    model, tokens, columns = model_of(), ids(), []
    whole = model(tokens).logits
    model.lm_head.register_forward_pre_hook(lambda _, inputs: columns.append(inputs[0].shape[1]))
    torch.testing.assert_close(model(tokens, logits_to_keep=1).logits, whole[:, -1:])
    torch.testing.assert_close(model(tokens, logits_to_keep=3).logits, whole[:, -3:])
    torch.testing.assert_close(model(tokens, logits_to_keep=torch.tensor([0, 5])).logits, whole[:, [0, 5]])
    assert columns == [1, 3, 2]


def test_the_initialisation_law_holds_for_the_head():
    model = model_of(vocab_size=2000, embedding_size=64, hidden_size=128)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model.lm_head.weight.std().item() == pytest.approx(EMBEDDING_STD, rel=0.05)
    assert model.head_projection.weight.std().item() == pytest.approx(128**-0.5, rel=0.05)
    loss = model(ids(8, 50), labels=ids(8, 50)).loss.item()
    assert loss == pytest.approx(torch.tensor(2000.0).log().item(), rel=0.02)


def test_the_table_has_a_gradient_from_both_ends():
    model, tokens = model_of(), ids()
    model(tokens, labels=tokens).loss.backward()
    assert model.model.embed_tokens.weight.grad.abs().sum(1).gt(0).all()
    assert sum("weight" in name and parameter.shape == (30, 6) for name, parameter in model.named_parameters()) == 1


def test_resizing_keeps_the_table_tied():
    model, tokens = model_of(), ids()
    before = model(tokens).logits
    model.resize_token_embeddings(37)
    assert model.config.vocab_size == 37
    assert model.lm_head.weight is model.model.embed_tokens.weight
    torch.testing.assert_close(model(tokens).logits[..., :30], before)
    assert model.generate(tokens, max_new_tokens=2).shape == (3, 10)


@pytest.mark.parametrize("tied", [True, False])
def test_saving_and_loading_keeps_the_tying(tied, tmp_path):
    model = model_of(tie_word_embeddings=tied)
    model.save_pretrained(tmp_path)
    loaded, info = SeqwiseForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert (loaded.lm_head.weight is loaded.model.embed_tokens.weight) == tied
    assert torch.equal(loaded(ids()).logits, model(ids()).logits)


def test_a_new_head_on_a_loaded_backbone(tmp_path):
    backbone = model_of().model
    backbone.save_pretrained(tmp_path)
    loaded = SeqwiseForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(loaded.lm_head.weight, backbone.embed_tokens.weight)
    assert torch.equal(loaded.model(ids()).last_hidden_state, backbone(ids()).last_hidden_state)
    assert 0 < loaded.head_projection.weight.std() < 1


def test_a_bidirectional_model_is_refused():
    with pytest.raises(UserError, match="has seen the token that it is to predict"):
        model_of(bidirectional=True)


@torch.no_grad()
def test_a_state_that_does_not_fit_is_refused():
    model, tokens = model_of(), ids()
    state = model(tokens).past_key_values
    with pytest.raises(UserError, match="has read 8 tokens, all that are to be continued"):
        model.generate(tokens, past_key_values=state, max_new_tokens=2)
    with pytest.raises(UserError, match=r"holds 3 rows, the input has 6\n.*\n.*batch_repeat_interleave"):
        model.generate(ids(3, 9), past_key_values=state, max_new_tokens=2, num_beams=2)
    with pytest.raises(UserError, match="past_key_values would be ignored"):
        model(tokens, past_key_values=state, use_cache=False)
    backwards = SeqwiseModel(SeqwiseConfig(layer_types=["lstm", "attention"], bidirectional=True))
    with pytest.raises(UserError, match="past_key_values would be ignored"):
        backwards(tokens, past_key_values=state)
    state.batch_repeat_interleave(2)
    assert model.generate(ids(3, 9), past_key_values=state, max_new_tokens=2, num_beams=2).shape == (3, 11)


def test_generation_that_must_go_back_is_refused():
    with pytest.raises(ValueError, match="not supported with stateful models"):
        model_of().generate(ids(1), prompt_lookup_num_tokens=2, max_new_tokens=2)
