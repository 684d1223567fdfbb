"""The report, the terminal summary and the model card say what the record says, whatever is missing in it."""

import copy
import importlib.util
import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.comparison.card import model_card
from seqwise.comparison.page import comparison_document, render_report
from seqwise.comparison.summary import text_summary
from seqwise.core.errors import UserError
from seqwise.report.document import Callout, Figure, Row, Section

_place = Path(__file__).parents[1] / "report" / "fixtures.py"
_spec = importlib.util.spec_from_file_location("report_fixtures", _place)
fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fixtures)

VARIANTS = fixtures.VARIANTS
OPTIONAL = (
    "task_results",
    "best",
    "hyperparameters",
    "trials",
    "learning_curve",
    "by_length",
    "bytes_on_disk",
    "hidden",
    "card",
    "columns",
)


def section(result, name: str) -> Section:
    return next(found for found in comparison_document(result).sections if found.id == name)


def words(page: str) -> str:
    """What a reader sees."""
    body = page.partition("<body>")[2].partition("<script>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body).replace("\u00a0", " "))


@pytest.mark.parametrize("name", VARIANTS)
def test_made_up_results_keep_the_schema(name):
    schema = json.loads(files("seqwise.core").joinpath("schemas/comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(VARIANTS[name](), schema)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_result_makes_a_small_page(name):
    page = render_report(VARIANTS[name]())
    assert len(page.encode()) < 400_000
    assert page.count("<script>") == 1
    assert not re.search(r"\bNone\b|\bnan\b|\binf\b", words(page))


def test_answer_comes_first():
    answer = comparison_document(fixtures.result()).sections[0]
    row, chart = answer.blocks
    assert isinstance(row, Row)
    assert [block.headline for block in row.blocks] == ["Use lstm", "The winner is lstm"]
    assert isinstance(chart, Figure)
    assert "At worst lstm is 0.4 points of accuracy behind any alternative" in row.blocks[0].text


def test_all_sections_are_there():
    found = [section.id for section in comparison_document(fixtures.result()).sections]
    wanted = "answer data scores cost pairs learning length classes mistakes trials protocol environment"
    assert found == wanted.split()


def test_numbers_are_those_of_the_record():
    result = fixtures.result()
    page = words(render_report(result))
    for model in result["models"]:
        score = model["scores"]["accuracy"]
        low, high = score["ci95"]
        assert f"{100 * score['mean']:.1f} % ({100 * low:.1f} to {100 * high:.1f})" in page
        assert f"{model['parameters']['total']:,}" in page
    assert result["environment"]["reproduce"] in page


def test_a_baseline_ahead_is_said_first():
    first = comparison_document(fixtures.undecided()).sections[0].blocks[0]
    assert isinstance(first, Callout)
    assert first.kind == "warning"
    assert "tfidf-linear is ahead" in first.headline
    assert "1.2 points (−0.4 to 2.8) of accuracy, which may be chance" in first.text


def test_partial_and_missing_models_are_said():
    page = words(render_report(fixtures.partial()))
    assert "The run ended before everything planned was done" in page
    assert "transformer was not finished and has no part in the verdict" in page
    page = words(render_report(fixtures.failed_model()))
    assert "rnn failed and has no part in the verdict" in page
    assert "Out of memory &lt;at step 3&gt;." in page
    assert "2 of 6 replicates diverged" in page


def test_failed_trials_are_shown_with_their_error():
    result = fixtures.result()
    trials = section(result, "trials")
    failed = trials.blocks[1]
    assert trials.blocks[0].text == "96 trials, of which 1 failed."
    assert len(failed.rows) == 1
    assert "the loss is not a number at step 212" in failed.rows[0][-1]
    assert len(trials.blocks[-1].blocks[0].rows) == 96


def test_pairs_are_shown_from_both_sides():
    result = fixtures.result()
    svg = section(result, "pairs").blocks[0].svg
    for row in result["pairwise"]:
        gap = 100 * row["difference"]
        for sign in (1, -1):
            assert f"{sign * gap:+.1f}".replace("-", "−") in svg


def test_samples_are_kept_out_when_told():
    result = fixtures.result()
    secret = result["task_results"]["mistakes"][0]["text"][:30]
    assert secret in render_report(result)
    result["task_results"] |= {"mistakes": None, "disagreements": None}
    page = render_report(result)
    assert secret not in page
    assert "No texts are shown" in page


def test_the_users_text_is_never_markup():
    page = render_report(fixtures.many_classes())
    assert '<script>alert("x")' not in page
    assert "&lt;script&gt;alert(&quot;x&quot;)" in page


def test_confusion_of_many_classes_shows_the_most_confused():
    result = fixtures.result(tuple(f"class {number}" for number in range(60)))
    figure = section(result, "classes").blocks[0]
    assert "24 classes with the most mistakes of 60" in figure.caption
    assert figure.svg.count("<rect") == 24 * 24


def test_a_lower_metric_can_be_better():
    result = fixtures.result()
    result["protocol"] |= {"metric": "log_loss", "higher_is_better": False}
    for row in result["pairwise"]:
        row["metric"] = "log_loss"
    page = words(render_report(result))
    assert "Better is down, cheaper is left" in page
    assert page.index("lstm 0.") < page.index("rnn 0.")


def test_an_unknown_task_and_metric_still_make_a_page():
    result = fixtures.result()
    result |= {"task": "time-series-forecasting"}
    result["protocol"]["metric"] = "mean_absolute_error"
    for model in result["models"]:
        model["scores"] = {"mean_absolute_error": model["scores"]["log_loss"]}
    found = comparison_document(result)
    assert "classes" not in [section.id for section in found.sections]
    assert "Mean absolute error on the test data" in words(render_report(result))


def _without(value, dropped: set[int], counter: list[int]):
    """The record with its droppable parts replaced by None, those whose number is in ``dropped``."""
    if type(value) is list:
        return [_without(one, dropped, counter) for one in value]
    if type(value) is not dict:
        return value
    kept = {}
    for key, one in value.items():
        droppable = key in OPTIONAL or key.endswith(("_ms", "_seconds", "_bytes", "_utilisation", "_second", "_by_length"))
        counter[0] += droppable
        kept[key] = None if droppable and counter[0] in dropped else _without(one, dropped, counter)
    return kept


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(1, 150), max_size=90), st.sampled_from(list(VARIANTS)))
def test_any_missing_measurement_is_survived(dropped, name):
    result = _without(VARIANTS[name](), dropped, [0])
    page = render_report(result)
    assert not re.search(r"\bNone\b", words(page))
    assert text_summary(result)
    assert model_card(result, result["models"][0]["name"])


def test_the_record_is_left_as_it_was():
    result = fixtures.result()
    before = copy.deepcopy(result)
    render_report(result)
    model_card(result, "lstm")
    assert result == before


@pytest.mark.parametrize("name", VARIANTS)
def test_summary_names_every_model(name):
    result = VARIANTS[name]()
    text = text_summary(result)
    assert text.startswith("Partial" if name == "partial" else "Verdict: ")
    assert "Recommendation: " in text
    for model in result["models"]:
        assert model["name"] in text
    assert max(map(len, text.splitlines())) <= 110


def test_summary_prints_brackets_as_they_are():
    result = fixtures.result()
    result["verdict"]["text"] = "[bold]lstm[/nonsense] wins."
    assert "[bold]lstm[/nonsense] wins." in text_summary(result)


@pytest.mark.parametrize("variant", VARIANTS)
def test_card_front_matter_is_yaml(variant):
    result = VARIANTS[variant]()
    for model in result["models"]:
        _, head, body = model_card(result, model["name"]).split("---\n", 2)
        front = yaml.safe_load(head)
        assert front["library_name"] == "transformers"
        assert front["pipeline_tag"] == "text-classification"
        assert {"seqwise", model["name"]} <= set(front["tags"])
        assert "None" not in body


def test_card_has_the_checkpoints_own_scores():
    result = fixtures.result()
    card = model_card(result, "lstm")
    front = yaml.safe_load(card.split("---\n", 2)[1])
    metrics = {row["type"]: row["value"] for row in front["model-index"][0]["results"][0]["metrics"]}
    assert metrics == result["best"]["scores"]
    assert "| accuracy | 85.8 % |" in card
    assert "AutoModelForSequenceClassification.from_pretrained" in card
    averages = yaml.safe_load(model_card(result, "gru").split("---\n", 2)[1])["model-index"][0]["results"][0]["metrics"]
    assert averages[0]["value"] == pytest.approx(result["models"][2]["scores"]["accuracy"]["mean"], abs=1e-6)


def test_card_of_an_unknown_model_helps():
    with pytest.raises(UserError, match="did you mean 'lstm'"):
        model_card(fixtures.result(), "lstn")
