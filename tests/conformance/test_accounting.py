"""What the configuration promises is what the model does."""

import itertools

import pytest
import torch
from cases import BODIES, SHAPES, STACKS, classifier, config, label, language_model, tokens
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from seqwise.kernels import backend
from seqwise.models.accounting import count_parameters, flops_per_token, forward_flops, state_bytes, training_flops
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.heads import SeqwiseForSequenceClassification


@settings(max_examples=30, deadline=None)
@given(
    stack=st.sampled_from(STACKS), body=st.sampled_from(BODIES), bidirectional=st.booleans(), learned=st.booleans(),
    width=st.sampled_from([8, 16, 24, 40]), embedding=st.integers(1, 9), inner=st.integers(1, 30), labels=st.integers(1, 5),
)  # fmt: skip
def test_parameters(stack, body, bidirectional, learned, width, embedding, inner, labels):
    settings_ = config(
        stack, body, bidirectional=bidirectional, position_embedding="learned" if learned else "rotary", hidden_size=width,
        projection_size=11 if body == "classic" else None, embedding_size=embedding, intermediate_size=inner, num_labels=labels,
    )  # fmt: skip
    with torch.device("meta"):
        model = SeqwiseForSequenceClassification(settings_)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    count = count_parameters(settings_, labels)
    assert count.total == sum(sizes.values())
    assert count.embedding == sum(size for name, size in sizes.items() if "embed_tokens" in name or "positions" in name)
    assert count_parameters(settings_).total == sum(p.numel() for p in model.model.parameters())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_parameters_of_a_language_model(stack, body, tied):
    settings_ = config(stack, body, position_embedding="learned", tie_word_embeddings=tied)
    model = SeqwiseForCausalLM(settings_)
    count = count_parameters(settings_, vocabulary_head=True)
    assert count.total == sum(parameter.numel() for parameter in model.parameters())
    assert count.non_embedding - count_parameters(settings_).non_embedding == model.head_projection.weight.numel() == 16 * 6


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_flops_of_a_language_model(stack, body):
    model = language_model(stack, body, torch.float32)
    for length in (1, 7):
        with backend("reference"), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(tokens(1, length), use_cache=False)
        assert forward_flops(model.config, length, vocabulary_head=True) == counter.get_total_flops()
    assert training_flops(model.config, 7, vocabulary_head=True) == 3 * forward_flops(model.config, 7, vocabulary_head=True)
    assert flops_per_token(model.config, [7], vocabulary_head=True) == training_flops(model.config, 7, vocabulary_head=True) / 7


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_flops_are_those_that_torch_counts(stack, body, bidirectional):
    model = classifier(stack, body, torch.float32, bidirectional=bidirectional).model
    for length in (1, 7):
        with backend("reference"), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(tokens(1, length), use_cache=False)
        assert forward_flops(model.config, length) == counter.get_total_flops()


def test_training_flops_are_close_to_what_torch_counts():
    model = classifier(["gru", "gru"], dtype=torch.float32).model
    with backend("reference"), FlopCounterMode(display=False) as counter:
        model(inputs_embeds=torch.randn(1, 20, 6, requires_grad=True)).last_hidden_state.sum().backward()
    assert training_flops(model.config, 20) == pytest.approx(counter.get_total_flops(), rel=0.03)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_state_bytes_are_those_of_the_carried_tensors(stack, body):
    model = SeqwiseModel(config(stack, body)).eval()
    for length in (1, 7):
        states = itertools.chain(*model(tokens(1, length), use_cache=True).past_key_values.states)
        carried = sum(tensor.numel() * 4 for tensor in states if tensor.is_floating_point())
        assert state_bytes(model.config, length) == carried


def test_flops_per_token_weighs_sequences_by_their_length():
    settings_ = config(["attention"])
    assert flops_per_token(settings_, [5]) == training_flops(settings_, 5) / 5
    assert flops_per_token(settings_, [1, 9]) == (training_flops(settings_, 1) + training_flops(settings_, 9)) / 10
    assert flops_per_token(config(["lstm"]), [3]) == flops_per_token(config(["lstm"]), [3, 50])
