"""Forecasts, end to end: chronological splits, no value from the future, scores by hand, and what is delivered forecasts the same."""

import csv
import dataclasses
import io
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from rich.console import Console

import seqwise
from seqwise.core.errors import UserError
from seqwise.data.panels import load_panel
from seqwise.data.splits import Split
from seqwise.data.windows import WindowSet
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks import TASK_DATA, TASKS
from seqwise.tasks.forecast_baselines import RepeatLast, Ridge, SeasonalNaive
from seqwise.tasks.forecast_errors import COLUMNS, error_sums
from seqwise.tasks.series_forecasting import baseline_forecasts, forecasts_of
from seqwise.tasks.task_data import Request
from tiny import daily

TASK, DATA = TASKS["time-series-forecasting"](), TASK_DATA["time-series-forecasting"]()
ACCEPTANCE = Path(os.environ.get("SEQWISE_DATA", "../shared/data")).parent / "acceptance"
SPLIT = "110:20:30"


@pytest.fixture
def result(finished_forecasts):
    return finished_forecasts.result


def encoded(source, folder, split=SPLIT, horizon=5, context=21, season=None):
    corpus = DATA.read(Request(source=str(source), horizon=horizon, split=split, season=season))
    splits = DATA.split(corpus, replicates=1, seed=0).replicates[0]
    facts = DATA.encode(corpus, splits, DATA.choose_encoding(corpus, splits, tokenizer="auto", context=context), folder)
    return corpus, {part: WindowSet.load(folder / f"{part}.safetensors") for part in Split}, facts


def test_it_keeps_the_schema_and_no_model_failed(result):
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(result)
    assert (result["task"], result["status"], result["protocol"]["metric"]) == ("time-series-forecasting", "complete", "mse")
    names = ["lstm", "transformer", "lstm+attention", "repeat-last", "seasonal-naive", "ridge"]
    assert {model["name"]: model["status"] for model in result["models"]} == dict.fromkeys(names, "ok")


def test_it_passes_the_acceptance_check(finished_forecasts):
    program = ACCEPTANCE / "check_comparison.py"
    if not program.exists():
        pytest.skip(f"no {program}")
    words = [sys.executable, str(program), "--families", "lstm,transformer", str(finished_forecasts.path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(": well"), done.stdout + done.stderr


def test_changing_the_future_changes_no_past_forecast(tmp_path):
    """Neither what a window reads, nor how it is scaled, nor what training or selection see."""
    source, other = daily(tmp_path / "a.csv"), tmp_path / "b.csv"
    lines = source.read_text().splitlines()
    cut = 1 + 110 + 20 + 9  # nine steps into the test
    changed = [",".join([line.split(",")[0], "999", "-5"]) for line in lines[cut:]]
    other.write_text("\n".join(lines[:cut] + changed) + "\n")
    one, two = (encoded(path, tmp_path / path.stem)[1] for path in (source, other))
    for split in (Split.TRAIN, Split.VALIDATION):
        for field in dataclasses.fields(WindowSet):
            np.testing.assert_array_equal(getattr(one[split], field.name), getattr(two[split], field.name))
    rows = np.arange(len(one[Split.TEST]))
    origins = one[Split.TEST].windows[:, 1] - one[Split.TEST].first[0]
    before = rows[origins <= 9]
    np.testing.assert_array_equal(one[Split.TEST].pasts(before), two[Split.TEST].pasts(before))
    assert not np.array_equal(one[Split.TEST].pasts(rows), two[Split.TEST].pasts(rows))
    for kind in (RepeatLast, SeasonalNaive, Ridge):
        found = [kind.fit(parts[Split.TRAIN], parts[Split.VALIDATION], tmp_path / "a" / "preprocessor") for parts in (one, two)]
        forecasts = [model.predict(parts[Split.TEST].pasts(before)) for model, parts in zip(found, (one, two), strict=True)]
        np.testing.assert_array_equal(forecasts[0][0], forecasts[1][0])
        np.testing.assert_array_equal(forecasts[0][1], forecasts[1][1])


def test_parts_follow_each_other_in_time_and_foretell_only_themselves(tmp_path):
    corpus, parts, _ = encoded(daily(tmp_path / "a.csv"), tmp_path / "x")
    values, bounds = corpus.panel.values[0], {Split.TRAIN: (0, 110), Split.VALIDATION: (110, 130), Split.TEST: (130, 160)}
    for split, (low, high) in bounds.items():
        part = parts[split]
        own = part.flat[part.offsets[0] : part.offsets[1]] * part.scales[0, 1] + part.scales[0, 0]
        start = high - len(own)
        np.testing.assert_allclose(own, values[start:high], rtol=1e-4)
        assert start >= max(0, low - 21)
        origins = part.windows[part.windows[:, 0] == 0, 1] + start
        first = low if split != Split.TRAIN else 21
        np.testing.assert_array_equal(origins, np.arange(first, high - 5 + 1))
    np.testing.assert_allclose(parts[Split.TEST].scales[0, :2], [values[:110].mean(), values[:110].std()])


def test_metrics_are_those_computed_by_hand(tmp_path):
    _, parts, _ = encoded(daily(tmp_path / "a.csv"), tmp_path / "x")
    test, train = parts[Split.TEST], parts[Split.TRAIN]
    model = RepeatLast.fit(train, parts[Split.VALIDATION], tmp_path / "x" / "preprocessor")
    found = TASK.metrics(error_sums(test, baseline_forecasts(model, test)), test.truth)
    rows = np.arange(len(test))
    past, future = test.pasts(rows).astype(float), test.futures(rows).astype(float)
    mean, quantiles = model.predict(past)
    scales = test.scales[test.windows[:, 0]]
    mean_, spread, step = (scales[:, [column]] for column in range(3))
    raw, truth = quantiles[..., 1] * spread + mean_, future * spread + mean_
    np.testing.assert_array_equal(mean, np.repeat(past[:, -1:], 5, axis=1))
    assert found["mse"] == pytest.approx(((mean - future) ** 2).mean())
    assert found["mae"] == pytest.approx(np.abs(quantiles[..., 1] - future).mean())
    assert found["mase"] == pytest.approx((np.abs(raw - truth) / step).mean())
    assert found["smape"] == pytest.approx((2 * np.abs(raw - truth) / (np.abs(raw) + np.abs(truth))).mean())
    assert found["coverage"] == pytest.approx(((quantiles[..., 0] <= future) & (future <= quantiles[..., 2])).mean())
    pinball = [
        np.where(future > q, level * (future - q), (level - 1) * (future - q)).mean()
        for level, q in zip((0.1, 0.5, 0.9), np.moveaxis(quantiles, 2, 0), strict=True)
    ]
    assert found["quantile_loss"] == pytest.approx(np.mean(pinball))


def test_scores_of_units_average_to_the_metric(tmp_path):
    _, parts, _ = encoded(daily(tmp_path / "a.csv"), tmp_path / "x")
    test = parts[Split.TEST]
    model = SeasonalNaive.fit(parts[Split.TRAIN], parts[Split.VALIDATION], tmp_path / "x" / "preprocessor")
    outputs = error_sums(test, baseline_forecasts(model, test))
    metrics = TASK.metrics(outputs, test.truth)
    assert TASK.unit_scores(outputs, test.truth).mean() == pytest.approx(metrics["mse"])
    for name, scores in TASK.describing_scores(outputs, test.truth).items():
        assert scores.mean() == pytest.approx(metrics[name])
    assert outputs[:, len(COLUMNS) :].sum() == pytest.approx(outputs[:, COLUMNS["mse"]].sum())


def test_ridge_finds_a_linear_law(tmp_path):
    steps = np.arange(300)
    values = np.sin(0.3 * steps) + 0.5 * np.cos(0.11 * steps)
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(f"{value:.9f}" for value in values))
    _, parts, _ = encoded(tmp_path / "a.csv", tmp_path / "x", split="200:40:60", horizon=4, context=12)
    model = Ridge.fit(parts[Split.TRAIN], parts[Split.VALIDATION], tmp_path / "x" / "preprocessor")
    test = parts[Split.TEST]
    assert TASK.metrics(error_sums(test, baseline_forecasts(model, test)), test.truth)["mse"] < 1e-3


def test_published_errors_of_naive_and_linear_forecasts(tmp_path, real_data):
    """Repeat-last 1.294, linear models .374 to .386 at a horizon of 96 (Zeng et al. 2022)."""
    source = real_data("etth1") / "ETTh1.csv.gz"
    _, parts, _ = encoded(source, tmp_path / "x", split="8640:2880:2880", horizon=96, context=96)
    assert len(parts[Split.TEST]) == 7 * (2880 - 96 + 1)
    found = {}
    for name in ("repeat-last", "seasonal-naive", "ridge"):
        model = TASK.baselines[name].fit(parts[Split.TRAIN], parts[Split.VALIDATION], tmp_path / "x" / "preprocessor")
        found[name] = TASK.metrics(error_sums(parts[Split.TEST], baseline_forecasts(model, parts[Split.TEST])), parts[Split.TEST].truth)[
            "mse"
        ]
    assert found["repeat-last"] == pytest.approx(1.294, abs=5e-4)
    assert 0.374 <= found["ridge"] <= 0.386
    assert found["seasonal-naive"] == pytest.approx(0.512, abs=5e-4)


def test_a_model_loaded_in_another_process_scores_as_it_did(finished_forecasts):
    record = next(r for r in records(finished_forecasts, "final") if r["job"]["model"] == "lstm")
    folder = finished_forecasts.path / "trials" / record["job"]["fingerprint"] / "model"
    program = (
        "import sys, csv, numpy as np, torch, seqwise\n"
        "from transformers import AutoModelForTimeSeriesPrediction as Auto\n"
        "model = Auto.from_pretrained(sys.argv[1]).eval()\n"
        "rows = np.array([[float(x) for x in row[1:]] for row in list(csv.reader(open(sys.argv[2])))[1:]])\n"
        "rows = (rows - rows[:110].mean(0)) / rows[:110].std(0)\n"
        "past = np.stack([rows[o - 21 : o] for o in range(130, 156)])\n"
        "future = np.stack([rows[o : o + 5] for o in range(130, 156)])\n"
        "with torch.no_grad(): found = model(past_values=torch.tensor(past, dtype=torch.float32)).prediction_outputs.numpy()\n"
        "print(((found - future) ** 2).mean())"
    )
    words = [sys.executable, "-c", program, str(folder), finished_forecasts.result["data"]["source"]]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(record["test"]["mse"], rel=1e-4)


def records(run, kind):
    found = [json.loads(path.read_text()) for path in (run.path / "trials").glob("*/record.json")]
    return [record for record in found if record["job"]["kind"] == kind]


@pytest.mark.parametrize("place", ["best", "baseline"])
def test_evaluate_says_of_the_test_part_what_the_comparison_said(finished_forecasts, place):
    run = finished_forecasts
    found = seqwise.evaluate(run.path / place, run.result["data"]["source"], split=SPLIT)
    if place == "best":
        told = run.result["best"]["scores"]
    else:
        name = json.loads((run.path / place / "baseline.json").read_text())["name"]
        told = {metric: score["mean"] for metric, score in next(m for m in run.result["models"] if m["name"] == name)["scores"].items()}
    for name, score in found["scores"].items():
        assert score["value"] == pytest.approx(told[name], rel=1e-4), name
    assert (found["examples"], found["counted"]) == (2 * 26, "forecasts")


@pytest.mark.parametrize("place", ["best", "baseline"])
def test_predict_goes_on_from_the_end(finished_forecasts, run_cli, place):
    source = finished_forecasts.result["data"]["source"]
    code, out, err = run_cli("predict", finished_forecasts.path / place, source)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, list(rows[0])) == (0, "", ["series", "time", "mean", "0.1", "0.5", "0.9"])
    days = [str(np.datetime64("2021-01-01") + 160 + step) for step in range(5)]
    assert [(row["series"], row["time"]) for row in rows] == [(name, day) for name in ("visits", "money") for day in days]
    values = load_panel(source).values
    answers = seqwise.predict(finished_forecasts.path / place, list(values))
    np.testing.assert_allclose([float(row["mean"]) for row in rows], np.concatenate([answer["mean"] for answer in answers]), rtol=1e-4)
    for answer, own in zip(answers, values, strict=True):
        assert own.min() - 3 * own.std() < min(answer["mean"]) < max(answer["mean"]) < own.max() + 3 * own.std()
        assert np.all(np.diff([answer["quantiles"][level] for level in ("0.1", "0.5", "0.9")], axis=0) >= 0)


def test_the_report_draws_forecasts_and_keeps_them_out_where_asked(finished_forecasts, tmp_path):
    page = (finished_forecasts.path / "report.html").read_text()
    for words in ("Forecasts over the truth", "Error by steps ahead", "every day", "by time: the past for training"):
        assert words in page
    settings = {"models": "lstm", "size": "30k", "steps": 12, "replicates": 1, "configurations": 1, "device": "cpu", "horizon": 5}
    quiet = seqwise.compare(
        finished_forecasts.result["data"]["source"], **settings, samples=False, out=tmp_path / "run", console=Console(quiet=True)
    )
    assert quiet.result["task_results"] == {"forecasts": None}
    assert "No forecasts are shown" in (quiet.path / "report.html").read_text()


def test_the_command_that_repeats_it_says_horizon_context_and_split(result):
    words = result["environment"]["reproduce"]
    assert all(part in words for part in ("--task time-series-forecasting", "--horizon 5", "--context 21", f"--split {SPLIT}"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizon": 200}, "--horizon 200 is not possible\n  expected: a whole number from 1 to 40"),
        ({"horizon": 0}, "--horizon 0 is not possible"),
        ({"season": 90}, "--season 90 is not possible"),
        ({"context": 110}, "--context 110 and a forecast of 7 steps need 117 steps"),
        ({"split": "100:20"}, "--split '100:20' is not possible"),
        ({"split": "100:0:20"}, "--split '100:0:20' is not possible"),
        ({"split": "150:20:20"}, "needs 190 steps"),
        ({"split": "140:15:5", "horizon": 5}, "holds one forecast of 5 steps"),
        ({"split": "140:4:16", "horizon": 5}, "the validation part"),
        ({"season": 0}, "--season 0 is not possible"),
    ],
)
def test_impossible_requests_are_user_errors(tmp_path, options, words):
    with pytest.raises(UserError) as caught:
        encoded(daily(tmp_path / "a.csv"), tmp_path / "x", **{"split": None, "horizon": None, "context": None} | options)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["text", "header", "group", "validation", "test"])
def test_options_of_other_tasks_are_refused(name):
    with pytest.raises(UserError, match=f"--{name} has no meaning for forecasts"):
        DATA.check(Request(source="a.csv", **{name: "x"}))


@pytest.mark.parametrize("name", ["horizon", "split", "season"])
def test_other_tasks_refuse_what_only_forecasts_know(name):
    with pytest.raises(UserError, match=f"--{name} is for forecasts"):
        TASK_DATA["text-classification"]().check(Request(source="a.csv", **{name: 3}))


def test_too_few_steps_for_three_parts(tmp_path):
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(map(str, [1, 3, 2, 5, 4, 6, 8, 7])))
    with pytest.raises(UserError, match="8 steps cannot be divided"):
        encoded(tmp_path / "a.csv", tmp_path / "x", split=None, horizon=2, context=None)


def test_a_one_point_series_and_one_with_a_hole(tmp_path):
    (tmp_path / "one.csv").write_text("ds,y\n2020-01-01,3\n")
    with pytest.raises(UserError, match=r"the longest series of .* has 1 value\n  expected: 8 or more"):
        DATA.read(Request(source=str(tmp_path / "one.csv"), horizon=1))
    (tmp_path / "hole.csv").write_text("ds,y\n2020-01-01,3\n2020-01-02,\n2020-01-03,4\n")
    with pytest.raises(UserError, match="'y' has no value at 2020-01-02"):
        DATA.read(Request(source=str(tmp_path / "hole.csv"), horizon=1))


def test_a_panel_of_series_of_unequal_length(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["unique_id,ds,y"]
    for name, begin, count in (("old", 0, 90), ("whole", 0, 120), ("late", 70, 50), ("new", 117, 3)):
        rows += [f"{name},{begin + step},{10 + rng.standard_normal():.4f}" for step in range(count)]
    (tmp_path / "panel.csv").write_text("\n".join(rows) + "\n")
    settings = {"models": "gru", "size": "30k", "steps": 12, "replicates": 1, "configurations": 1, "device": "cpu", "horizon": 3}
    run = seqwise.compare(str(tmp_path / "panel.csv"), split="84:12:24", out=tmp_path / "run", console=Console(quiet=True), **settings)
    assert {model["status"] for model in run.result["models"]} == {"ok"}
    rows = seqwise.predict(run.path / "best", [np.arange(5.0), np.arange(200.0)])
    assert [len(row["mean"]) for row in rows] == [3, 3]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((3, 2)), r"series 1 has the shape \(3, 2\)"),
        ([], r"series 1 has the shape \(0,\)"),
        ([1.0, float("nan"), 2.0], "no number at step 2"),
        ("data.csv", "series 1 is 'data.csv'"),
    ],
)
def test_what_is_no_series_is_a_user_error(finished_forecasts, values, words):
    with pytest.raises(UserError, match=words):
        seqwise.predict(finished_forecasts.path / "best", [values])


@pytest.mark.parametrize("place", ["best", "baseline"])
def test_what_is_scored_is_what_is_served(finished_forecasts, place):
    """In any unit, of a past that never changes too, and of one far from zero."""
    folder = finished_forecasts.path / place
    rng = np.random.default_rng(0)
    past = np.cumsum(rng.standard_normal(40))
    plain = seqwise.predict(folder, [past])[0]
    for factor, offset in ((1e-7, 0.0), (250.0, -4e4), (1.0, 1e8)):
        moved = seqwise.predict(folder, [factor * past + offset])[0]
        np.testing.assert_allclose((np.array(moved["mean"]) - offset) / factor, plain["mean"], rtol=1e-4, atol=1e-4)
        for level in ("0.1", "0.9"):
            np.testing.assert_allclose(
                (np.array(moved["quantiles"][level]) - offset) / factor, plain["quantiles"][level], rtol=1e-4, atol=1e-4
            )
    for value in (0.0, 0.1, 5.0, 3e6):
        constant = seqwise.predict(folder, [np.full(72, value)])[0]
        np.testing.assert_allclose(constant["mean"], value)
        np.testing.assert_allclose(constant["quantiles"]["0.9"], value)


def test_a_constant_past_is_scored_as_it_is_served(tmp_path):
    values = np.concatenate([np.sin(np.arange(150)), np.full(60, 0.25), np.sin(np.arange(30))])
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(f"{value:.9f}" for value in values))
    _, parts, _ = encoded(tmp_path / "a.csv", tmp_path / "x", split="150:20:70", horizon=5, context=21)
    test = parts[Split.TEST]
    flat = [row for row in range(len(test)) if np.ptp(test.pasts([row])) == 0]
    assert flat
    torch.manual_seed(0)
    model = TASK.build(
        SeqwiseConfig(
            **{"num_input_channels": 3, "patch_length": 3, "context_length": 21, "prediction_length": 5, "quantile_levels": [0.1, 0.5, 0.9]}
        )
    )
    ridge = Ridge.fit(parts[Split.TRAIN], parts[Split.VALIDATION], tmp_path / "x" / "preprocessor")
    for found in (next(forecasts_of(model.eval(), test)), next(baseline_forecasts(ridge, test))):
        np.testing.assert_allclose(found[1][flat], np.repeat(test.pasts(flat)[:, -1:], 5, axis=1), rtol=1e-6)
        np.testing.assert_allclose(found[2][flat][..., 0], np.repeat(test.pasts(flat)[:, -1:], 5, axis=1), rtol=1e-6)


def test_series_that_begin_after_training_or_never_change_there_take_part_in_nothing(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["unique_id,ds,y"] + [f"a,{step},{10 + rng.standard_normal():.4f}" for step in range(160)]
    rows += [f"late,{step},{1e6 * rng.standard_normal():.4f}" for step in range(120, 160)]
    rows += [f"flat,{step},{0 if step < 120 else 5e4}" for step in range(160)]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    corpus, parts, facts = encoded(tmp_path / "a.csv", tmp_path / "x")
    assert [len(part.first) for part in parts.values()] == [1, 1, 1]
    assert facts.typical < 20
    plan = DATA.split(corpus, replicates=1, seed=0)
    told = DATA.card(corpus, plan)["notes"]
    assert "left out, with fewer than 5 values in the training part or always the same one: late and flat" in told
    rows = [row for row in rows if not row.startswith("a,")]
    (tmp_path / "b.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(UserError, match=r"no series of .* has 5 values"):
        encoded(tmp_path / "b.csv", tmp_path / "y", split="60:40:60")


def test_evaluate_scores_the_same_windows_where_series_begin_at_different_times(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["unique_id,ds,y"]
    for name, begin in (("a", 0), ("b", 40), ("c", 80)):
        rows += [f"{name},{step},{10 + np.sin(step) + 0.3 * rng.standard_normal():.4f}" for step in range(begin, 240)]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    settings = {"models": "gru", "size": "30k", "steps": 12, "replicates": 1, "configurations": 1, "device": "cpu", "horizon": 5}
    run = seqwise.compare(str(tmp_path / "a.csv"), split="150:40:50", out=tmp_path / "run", console=Console(quiet=True), **settings)
    found = seqwise.evaluate(run.path / "best", str(tmp_path / "a.csv"), split="150:40:50")
    assert found["scores"]["mse"]["value"] == pytest.approx(run.result["best"]["scores"]["mse"], rel=1e-5)
    assert found["note"] is None


def test_another_frequency_is_a_user_error(finished_forecasts, tmp_path):
    hours = np.datetime64("2021-01-01T00") + np.arange(60)
    (tmp_path / "hours.csv").write_text("day,visits\n" + "\n".join(f"{hour},{place % 7}" for place, hour in enumerate(hours)))
    with pytest.raises(UserError, match=r"has a value every hour\n  expected: a value every day"):
        seqwise.evaluate(finished_forecasts.path / "best", str(tmp_path / "hours.csv"))
