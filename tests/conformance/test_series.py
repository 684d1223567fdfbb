"""Sequences of numbers: padding, batching, state and saving change no answer, for every mixer and body; parameters are those counted."""

import pytest
import torch
from cases import SHAPES, STACKS, config, label
from transformers import AutoModel, AutoModelForSequenceClassification

from seqwise.core.errors import UserError
from seqwise.models.accounting import count_of_model, count_parameters, forward_flops
from seqwise.models.backbone import SeqwiseModel
from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.heads import SeqwiseForSequenceClassification

CHANNELS = 3
STANDARD = {"num_input_channels": CHANNELS, "input_mean": [1.0, -2.0, 30.0], "input_std": [0.5, 2.0, 10.0]}


def classifier(stack, body="modern", dtype=torch.float64, **changes):
    torch.manual_seed(0)
    settings = {"bidirectional": True, "num_labels": 4} | STANDARD | changes
    return SeqwiseForSequenceClassification(config(stack, body, **settings)).to(dtype).eval()


def series(lengths=(7, 4, 1), seed=2):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(length, CHANNELS, generator=generator, dtype=torch.float64) * 5 + 3 for length in lengths]


def padded(rows, width, side):
    values, mask = torch.full((len(rows), width, CHANNELS), 1e3, dtype=torch.float64), torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        start = 0 if side == "right" else width - len(row) if side == "left" else (width - len(row)) // 2
        values[i, start : start + len(row)], mask[i, start : start + len(row)] = row, 1
    return {"input_features": values, "attention_mask": mask}


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@pytest.mark.parametrize("side", ["right", "left", "middle"])
@torch.no_grad()
def test_padding_and_batching_change_no_answer(stack, body, side):
    model, rows = classifier(stack, body), series()
    alone = torch.cat([model(input_features=row.unsqueeze(0)).logits for row in rows])
    torch.testing.assert_close(model(**padded(rows, 9, side)).logits, alone)
    assert not torch.allclose(alone[0], alone[1])


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_values_are_standardised_by_the_models_own_settings(stack, body):
    raw, plain = classifier(stack, body), classifier(stack, body, input_mean=None, input_std=None)
    plain.load_state_dict(raw.state_dict())
    (row,) = series((6,))
    standard = (row - torch.tensor(STANDARD["input_mean"])) / torch.tensor(STANDARD["input_std"])
    torch.testing.assert_close(raw(input_features=row.unsqueeze(0)).logits, plain(input_features=standard.unsqueeze(0)).logits)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_chunks_with_the_state_carried_give_the_same_as_the_whole(stack, body):
    torch.manual_seed(0)
    model = SeqwiseModel(config(stack, body, **STANDARD)).double().eval()
    (row,) = series((8,))
    whole = model(input_features=row.unsqueeze(0)).last_hidden_state
    cache, parts = None, []
    for part in row.split([3, 1, 4]):
        output = model(input_features=part.unsqueeze(0), past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        parts.append(output.last_hidden_state)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_saving_and_loading_keeps_every_answer(stack, body, tmp_path):
    model = classifier(stack, body, torch.float32)
    model.save_pretrained(tmp_path)
    inputs = {name: value.float() if value.is_floating_point() else value for name, value in padded(series(), 7, "right").items()}
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded(**inputs).logits, model(**inputs).logits)
    assert AutoModel.from_pretrained(tmp_path).config.input_mean == STANDARD["input_mean"]


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_parameters_and_flops_are_those_counted(stack, body):
    from torch.utils.flop_counter import FlopCounterMode

    model = classifier(stack, body, torch.float32)
    count = count_parameters(model.config, num_labels=4)
    assert count.total == sum(parameter.numel() for parameter in model.parameters()) == count_of_model(model).total
    assert count.embedding == count_of_model(model).embedding == 0
    wider = classifier(stack, body, torch.float32, num_input_channels=7, input_mean=None, input_std=None)
    difference = forward_flops(wider.config, 5) - forward_flops(model.config, 5)
    assert difference == 2 * 5 * 4 * model.config.projection_size
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        model.model.feature_projection(torch.zeros(1, 5, CHANNELS))
    assert counted.get_total_flops() == 2 * 5 * CHANNELS * model.config.projection_size


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_every_weight_learns(stack):
    model = classifier(stack, dtype=torch.float32).train()
    inputs = {name: value.float() if value.is_floating_point() else value for name, value in padded(series(), 7, "right").items()}
    model(**inputs, labels=torch.tensor([0, 1, 2])).loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


def test_what_is_no_series_is_a_user_error():
    model = classifier(["lstm"])
    with pytest.raises(UserError, match=r"got input_ids\n  expected: input_features alone"):
        model(input_ids=torch.ones(1, 3, dtype=torch.long))
    with pytest.raises(UserError, match="3 channels"):
        model(input_features=torch.zeros(1, 5, 2))
    with pytest.raises(UserError, match="got no input"):
        model()
    with pytest.raises(UserError, match="no tokens to predict"):
        SeqwiseForCausalLM(config(["lstm"], **STANDARD))
    for changes in ({"num_input_channels": 0}, {"input_mean": [1.0]}, {"input_std": None}, {"input_std": [1.0, 0.0, 1.0]}):
        with pytest.raises(UserError):
            config(["lstm"], **STANDARD | changes)
