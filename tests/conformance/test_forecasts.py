"""Forecasts: what else is in a batch, other variables, a longer past and the unit of measurement change none, for every mixer and body."""

import pytest
import torch
from cases import SHAPES, STACKS, config, label
from transformers import AutoModelForTimeSeriesPrediction, Trainer, TrainingArguments

from seqwise.core.errors import UserError
from seqwise.models.accounting import count_of_model
from seqwise.models.prediction import SeqwiseForPrediction
from seqwise.tasks import TASKS

LENGTHS = {"context_length": 11, "prediction_length": 7, "patch_length": 4, "num_input_channels": 4, "quantile_levels": [0.1, 0.5, 0.9]}


def forecaster(stack, body="modern", dtype=torch.float64, **changes):
    torch.manual_seed(0)
    model = SeqwiseForPrediction(config(stack, body, **(LENGTHS | changes))).to(dtype).eval()
    torch.nn.init.normal_(model.future)
    return model


def pasts(rows=3, steps=11, variables=2):
    return torch.randn(rows, steps, variables, generator=torch.Generator().manual_seed(1), dtype=torch.float64).cumsum(1)


def both(found):
    return torch.cat([found.prediction_outputs.unsqueeze(-1), found.quantile_outputs], -1)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_batching_and_other_variables_change_no_forecast(stack, body):
    model, past = forecaster(stack, body), pasts()
    found = both(model(past_values=past))
    assert found.shape == (3, 7, 2, 4)
    for row in range(3):
        for variable in range(2):
            alone = both(model(past_values=past[row : row + 1, :, variable : variable + 1]))
            torch.testing.assert_close(found[row : row + 1, :, variable : variable + 1], alone)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_only_the_context_is_read_and_a_shorter_past_is_led_in(stack, body):
    model, past = forecaster(stack, body), pasts(steps=30)
    torch.testing.assert_close(both(model(past_values=past)), both(model(past_values=past[:, -11:])))
    short = past[:, -6:]
    led_in = torch.cat([short[:, :1].expand(-1, 5, -1), short], dim=1)
    torch.testing.assert_close(both(model(past_values=short)), both(model(past_values=led_in)))
    assert not torch.allclose(both(model(past_values=past)), both(model(past_values=led_in)))


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@pytest.mark.parametrize(("factor", "offset"), [(250.0, -4000.0), (1e-4, 2e-3)])
@torch.no_grad()
def test_the_unit_of_measurement_changes_no_forecast(stack, body, factor, offset):
    model, past = forecaster(stack, body), pasts()
    torch.testing.assert_close(both(model(past_values=factor * past + offset)), factor * both(model(past_values=past)) + offset)


@pytest.mark.parametrize("stack", STACKS, ids=label)
@torch.no_grad()
def test_every_value_of_the_past_matters(stack):
    model = forecaster(stack)
    past = pasts(1, 11, 1)
    found = both(model(past_values=past))
    for step in range(11):
        other = past.clone()
        other[0, step] += 0.5
        assert not torch.allclose(both(model(past_values=other)), found), f"step {step} does not matter"


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_quantiles_rise_and_every_parameter_learns(stack, body):
    model = forecaster(stack, body).train()
    found = model(past_values=pasts(), future_values=pasts(3, 7, 2))
    assert (found.quantile_outputs.diff(dim=-1) >= 0).all()
    found.loss.backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@torch.no_grad()
def test_the_loss_is_squared_error_and_twice_the_quantile_loss():
    model, past, future = forecaster(["gru"] * 2), pasts(), pasts(3, 7, 2) + 1
    model.head.weight.zero_()
    model.head.bias.copy_(torch.tensor([0.3, -1.0, 0.1, 0.9]).repeat(4))  # ascending, so that sorting changes nothing
    found = model(past_values=past, future_values=future)
    squared = ((found.prediction_outputs - future) ** 2).mean()
    missed = future.unsqueeze(-1) - found.quantile_outputs
    levels = torch.tensor(LENGTHS["quantile_levels"], dtype=torch.float64)
    pinball = torch.where(missed > 0, levels * missed, (levels - 1) * missed).mean()
    torch.testing.assert_close(found.loss, squared + 2 * pinball)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
def test_parameters_are_those_counted(stack, body):
    model = forecaster(stack, body)
    assert TASKS["time-series-forecasting"]().parameters(model.config) == count_of_model(model)


@pytest.mark.parametrize(("stack", "body"), SHAPES, ids=label)
@torch.no_grad()
def test_a_saved_model_forecasts_the_same(stack, body, tmp_path):
    model = forecaster(stack, body, torch.float32)
    model.save_pretrained(tmp_path)
    again = AutoModelForTimeSeriesPrediction.from_pretrained(tmp_path).eval()
    past = pasts().float()
    assert torch.equal(both(again(past_values=past)), both(model(past_values=past)))


@torch.no_grad()
def test_a_past_that_never_changes_goes_on_unchanged():
    for value in (0.0, 0.1, 3e6):
        found = both(forecaster(["lstm"] * 2)(past_values=torch.full((1, 11, 1), value, dtype=torch.float64)))
        torch.testing.assert_close(found, torch.full_like(found, value))


@pytest.mark.parametrize(
    "changes", [{"patch_length": None}, {"num_input_channels": 3}, {"quantile_levels": None}, {"context_length": None}]
)
def test_a_configuration_that_says_too_little_is_refused(changes):
    with pytest.raises(UserError, match="no forecasts with"):
        forecaster(["lstm"] * 2, **changes)


@pytest.mark.parametrize("changes", [{"quantile_levels": [0.5, 0.1]}, {"quantile_levels": [0.0, 0.5]}, {"prediction_length": 0}])
def test_impossible_settings_are_refused(changes):
    with pytest.raises(UserError):
        config(["lstm"] * 2, **(LENGTHS | changes))


@pytest.mark.parametrize("stack", STACKS, ids=label)
def test_the_trainer_of_transformers_trains_it(stack, tmp_path):
    generator = torch.Generator().manual_seed(0)
    waves = torch.sin(torch.arange(18) / 2 + 6 * torch.rand(32, 1, generator=generator)).unsqueeze(-1)
    rows = [{"past_values": wave[:11], "future_values": wave[11:]} for wave in waves]
    model = forecaster(stack, dtype=torch.float32)
    with torch.no_grad():
        before = model(past_values=waves[:, :11], future_values=waves[:, 11:]).loss
    arguments = TrainingArguments(tmp_path, max_steps=20, per_device_train_batch_size=16, learning_rate=1e-2, report_to=[], use_cpu=True)
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    trainer.train()
    with torch.no_grad():
        after = model.eval()(past_values=waves[:, :11], future_values=waves[:, 11:]).loss
    assert after < 0.7 * before
