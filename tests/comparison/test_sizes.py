"""Every contender gets the same count, within 1 %."""

import pytest
import torch

from seqwise.comparison.contenders import parse_contenders
from seqwise.comparison.options import SIZES
from seqwise.comparison.sizes import Shape, default_layers, embedding_size, solve
from seqwise.core.errors import UserError
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.tasks.text_classification import TextClassification
from seqwise.tasks.text_generation import TextGeneration

CONTENDERS = parse_contenders(("rnn", "lstm", "gru", "transformer", "lstm+attention", "attention+rnn+gru"))
LENGTHS = [3, 8, 20, 90]


def parameters(config) -> float:
    return float(TextClassification().parameters(config).non_embedding)


def parameters_of_language_model(config) -> float:
    return float(TextGeneration().parameters(config).non_embedding)


def flops(lengths):
    return lambda config: TextClassification().flops_per_token(config, lengths)


def shape(target: int, **changes) -> Shape:
    values = {"vocab_size": 2_000, "classes": 5, "context": 128, "bidirectional": True}
    return Shape(**{"embedding_size": embedding_size(target), "layers": default_layers(target), **values, **changes})


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda c: c.name)
@pytest.mark.parametrize("target", list(SIZES.values()), ids=list(SIZES))
def test_parameters_match_within_one_percent(contender, target):
    for body in contender.bodies:
        config = solve(contender, shape(target), body, parameters, float(target))
        assert abs(parameters(config) / target - 1) <= 0.01
        assert config.hidden_size % 8 == 0
        assert config.body == body
        assert config.embedding_size == embedding_size(target)


@pytest.mark.parametrize("target", [30_000, 300_000])
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda c: c.name)
def test_the_count_is_that_of_the_model_itself(contender, target):
    for body in contender.bodies:
        config = solve(contender, shape(target), body, parameters, float(target))
        with torch.device("meta"):
            model = SeqwiseForSequenceClassification(config)
        total = sum(parameter.numel() for parameter in model.parameters())
        embedding = model.model.embed_tokens.weight.numel()
        assert total - embedding == parameters(config)


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda c: c.name)
def test_language_models_match_with_their_head(contender):
    for body in contender.bodies:
        config = solve(contender, shape(100_000, classes=0, bidirectional=False), body, parameters_of_language_model, 100_000.0)
        with torch.device("meta"):
            model = SeqwiseForCausalLM(config)
        total = sum(parameter.numel() for parameter in model.parameters())
        assert total - model.model.embed_tokens.weight.numel() == parameters_of_language_model(config)
        assert abs(parameters_of_language_model(config) / 100_000 - 1) <= 0.01


@pytest.mark.parametrize("target", [30_000, 100_000, 1_000_000])
def test_flops_match_within_one_percent(target):
    measure = flops(LENGTHS)
    transformer = CONTENDERS[3]
    goal = measure(solve(transformer, shape(target), "modern", parameters, float(target)))
    for contender in CONTENDERS:
        for body in contender.bodies:
            assert abs(measure(solve(contender, shape(target), body, measure, goal)) / goal - 1) <= 0.01


@pytest.mark.parametrize("changes", [{"classes": 2}, {"classes": 150}, {"layers": 1}, {"layers": 4}, {"bidirectional": False}])
def test_other_shapes_match_too(changes):
    for contender in CONTENDERS:
        for body in contender.bodies:
            config = solve(contender, shape(100_000, **changes), body, parameters, 100_000.0)
            assert abs(parameters(config) / 100_000 - 1) <= 0.01


def test_a_given_width_is_kept():
    config = solve(CONTENDERS[1], shape(100_000, width=40), "modern", parameters, 100_000.0)
    assert config.hidden_size == 40
    assert abs(parameters(config) / 100_000 - 1) <= 0.01


def test_a_size_out_of_reach_is_a_user_error():
    with pytest.raises(UserError, match=r"lstm \(modern\) cannot be given 1,000") as error:
        solve(CONTENDERS[1], shape(1_000), "modern", parameters, 1_000.0)
    assert "--size" in error.value.fix


def test_a_width_that_is_too_large_is_a_user_error():
    with pytest.raises(UserError, match="cannot be given"):
        solve(CONTENDERS[1], shape(30_000, width=512), "modern", parameters, 30_000.0)


def test_proportions_are_the_usual_ones_where_the_size_allows():
    config = solve(CONTENDERS[3], shape(1_000_000), "modern", parameters, 1e6)
    assert 2 < config.intermediate_size / config.hidden_size < 3.5
