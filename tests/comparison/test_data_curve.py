"""Power laws of the error against the amount of data: planted ones are found, and no crossing is told that the fits do not support."""

import json

import numpy as np
import pytest
from rich.console import Console

import seqwise
from seqwise.comparison.data_curve import crossing, data_curve, fit
from seqwise.comparison.options import Options
from seqwise.comparison.page_data import data_amount
from seqwise.comparison.wording import primary
from seqwise.core.errors import UserError
from seqwise.data.batching import SequenceSet

SIZES = np.array([100.0, 300.0, 1000.0])


def errors(scale, exponent, noise=0.01, replicates=5, seed=0):
    rng = np.random.default_rng(seed)
    return scale * SIZES**-exponent * np.exp(noise * rng.standard_normal((replicates, 3)))


def entry(name, values):
    means, rows = values.mean(0), values.T
    by_data = [
        {"fraction": size / 1000, "mean": mean, "ci95": None, "per_replicate": row.tolist()}
        for size, mean, row in zip(SIZES, means, rows, strict=True)
    ]
    return {"name": name, "by_data": by_data}


def test_a_planted_exponent_is_found_and_lies_in_its_interval():
    found = data_curve([entry("a", errors(5, 0.3))], 1000, perfect=None)["fits"]["a"]
    assert found["exponent"] == pytest.approx(0.3, abs=0.02)
    assert found["exponent_ci95"][0] < 0.3 < found["exponent_ci95"][1]


def test_accuracies_are_turned_into_errors():
    values = 1 - errors(5, 0.3)
    assert data_curve([entry("a", values)], 1000, perfect=1.0)["fits"]["a"]["exponent"] == pytest.approx(0.3, abs=0.02)


def test_a_planted_crossing_beyond_the_data_is_told():
    # equal where 2 n^-0.2 = 6 n^-0.35, at n = 3^(1/0.15) = 1,517
    curve = data_curve([entry("a", errors(2, 0.2, seed=1)), entry("b", errors(6, 0.35, seed=2))], 1000, perfect=None)
    (found,) = curve["crossings"]
    assert (found["a"], found["b"], found["extrapolated"]) == ("a", "b", True)
    assert found["at"] == pytest.approx(3 ** (1 / 0.15), rel=0.15)
    assert found["low"] <= found["at"] <= found["high"]


def test_no_crossing_is_told_of_slopes_that_do_not_differ_or_of_one_behind():
    one = fit(errors(2, 0.2, seed=1), SIZES)
    assert crossing(one, fit(errors(2.2, 0.2, noise=0.05, seed=2), SIZES), 1000) is None
    assert crossing(one, fit(errors(1.0, 0.35, seed=2), SIZES), 1000) is None, "they met before the data ended"
    assert crossing(one, fit(errors(100.0, 0.3, seed=2), SIZES), 1000) is None, "further than 100 times the data"


@pytest.mark.parametrize("values", [errors(2, 0.2)[:, :2], errors(2, 0.2, replicates=2), np.zeros((3, 3))])
def test_too_little_is_not_fitted(values):
    assert fit(values, SIZES[: values.shape[1]]) is None


def test_nothing_is_told_without_parts():
    assert data_curve([{"name": "a", "by_data": []}], 10, perfect=1.0) is None


@pytest.mark.parametrize(("text", "shares"), [(None, ()), ("1", ()), ("0.3,0.1,1", (0.1, 0.3)), ("0.5", (0.5,))])
def test_shares_are_read(text, shares):
    assert Options(source="x", data_fractions=text).fractions == shares


@pytest.mark.parametrize("text", ["0", "1.5", "-0.1", "a", "nan", "0.1;0.2"])
def test_impossible_shares_are_user_errors(text):
    with pytest.raises(UserError, match="--data-fractions"):
        Options(source="x", data_fractions=text)


def test_a_smaller_part_lies_in_a_larger_one():
    whole = SequenceSet.from_lists([[i] for i in range(100)], list(range(100)))
    parts = [set(whole.part(share, 3).labels.tolist()) for share in (0.1, 0.3, 1.0)]
    assert parts[0] < parts[1] < parts[2]
    assert [len(part) for part in parts] == [10, 30, 100]
    assert whole.part(0.3, 4).labels.tolist() != whole.part(0.3, 3).labels.tolist()


@pytest.fixture(scope="module")
def run(tiny_csv, tmp_path_factory):
    settings = {
        "size": "30k",
        "steps": 24,
        "replicates": 3,
        "configurations": 1,
        "models": "rnn,transformer",
        "device": "cpu",
        "workers": 2,
    }
    out = tmp_path_factory.mktemp("amount") / "run"
    return seqwise.compare(str(tiny_csv), out=out, console=Console(quiet=True), data_fractions="0.2,0.5,1", **settings)


def test_every_model_is_trained_on_every_share_in_every_replicate(run):
    for model in run.result["models"]:
        expected = [0.2, 0.5, 1.0] if model["kind"] == "trained" else []
        assert [row["fraction"] for row in model["by_data"]] == expected
        assert all(len(row["per_replicate"]) == 3 for row in model["by_data"])
    assert run.result["data_curve"]["size"] == run.result["data"]["examples"]["train"]
    assert "Less and more data" in (run.path / "report.html").read_text()
    assert "--data-fractions 0.2,0.5,1" in run.result["environment"]["reproduce"]


def test_the_setting_and_the_steps_are_those_of_the_whole(run):
    records = [json.loads(path.read_text()) for path in (run.path / "trials").glob("*/record.json")]
    finals = {record["job"]["fingerprint"]: record for record in records if record["job"]["kind"] == "final"}
    parts = [record for record in records if record["job"]["kind"] == "fraction"]
    assert len(parts) == 12
    for part in parts:
        final = finals[part["job"]["after"][0]]
        assert (part["steps"], part["job"]["hyperparameters"]) == (final["steps"], final["job"]["hyperparameters"])
        assert part["tokens"] != final["tokens"] or part["curve"] != final["curve"]


def test_the_page_shows_shares_that_only_some_models_have(run):
    result = json.loads(json.dumps(run.result))
    first, second = [model for model in result["models"] if model["by_data"]]
    first["by_data"].pop(0)
    figure = data_amount(result).blocks[0]
    place = [column.title for column in figure.table.columns].index(first["name"])
    with_both, without = figure.table.rows[1], figure.table.rows[0]
    assert [row[0].split()[0].rstrip("%\u202f\xa0") for row in figure.table.rows] == ["20", "50", "100"]
    assert without[place] == primary(result).score(None) != with_both[place]
    assert without[3 - place] == primary(result).score(second["by_data"][0])
