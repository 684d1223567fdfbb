"""The table of what pretraining is worth says what the records say."""

import pytest


@pytest.fixture(scope="module")
def labels(benchmark):
    return benchmark("labels")


def row(family, count=100, **told):
    return {"labels": count, "family": family, "scratch": {"mean": 0.5}, "fine-tuned": {"mean": 0.456}, **told}


def test_a_cell_has_both_scores_and_the_gain_with_its_interval(labels):
    measured = [row(family, gain=-0.044, ci95=[-0.05, 0.012]) for family in ("rnn", "lstm", "gru")]
    measured += [row("transformer", gain=None, ci95=None), row("rnn", 2000, gain=-0.044, ci95=None)]
    *_, few, many = labels.table({"trec": measured}).splitlines()
    assert few == "| trec | 100 | " + "50.0 → 45.6, −4.4 (−5.0 to +1.2) | " * 3 + "failed |"
    assert many == "| trec | 2,000 | 50.0 → 45.6, −4.4 |"


@pytest.mark.parametrize(("first", "second"), [("lstm-tiny", "lstm-tiny-scratch"), ("lstm-tiny-scratch", "lstm-tiny")])
def test_a_gain_is_what_fine_tuning_is_ahead_by(labels, first, second):
    scores = {"lstm-tiny": 0.7, "lstm-tiny-scratch": 0.6}
    told = scores[first] - scores[second]
    result = {
        "protocol": {"metric": "accuracy"},
        "models": [{"name": name, "scores": {"accuracy": {"mean": score}}} for name, score in scores.items()],
        "pairwise": [{"a": first, "b": second, "difference": told, "ci95": sorted((told * 0.5, told * 2))}],
    }
    found = labels.gain(result, "lstm-tiny")
    assert found["gain"] == pytest.approx(0.1)
    assert found["ci95"] == pytest.approx((0.05, 0.2))


def test_a_model_that_failed_has_no_gain(labels):
    models = [{"name": "rnn-tiny", "scores": {}}, {"name": "rnn-tiny-scratch", "scores": {"accuracy": {"mean": 0.5}}}]
    found = labels.gain({"protocol": {"metric": "accuracy"}, "models": models, "pairwise": []}, "rnn-tiny")
    assert found["gain"] is None
    assert labels.table({"trec": [{"labels": 100, "family": "rnn"} | found]}).endswith("| failed |\n")


def test_without_records_nothing_is_shown(labels):
    assert "no data set" in labels.table({}).lower()
    assert "|" not in labels.table({})


def test_the_page_is_what_was_recorded(labels):
    page = labels.PAGE.read_text(encoding="utf-8")
    assert labels.filled(page, "labels", labels.table(labels.recorded())) == page, "run python benchmarks/labels.py"
