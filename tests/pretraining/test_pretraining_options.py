"""What can be asked of a pretraining, and what is refused before anything is read."""

import os
from pathlib import Path

import pytest

from seqwise.core.errors import UserError
from seqwise.pretraining import contents
from seqwise.pretraining.build import steps_in
from seqwise.pretraining.contents import contents_of
from seqwise.pretraining.options import PretrainOptions


@pytest.mark.parametrize(
    ("budget", "tokens", "seconds"),
    [("30m", None, 1800.0), ("quick", None, 180.0), ("100Mtokens", 10**8, None), ("2.5k tokens", 2500, None), ("7 tokens", 7, None)],
)
def test_a_budget_is_a_time_or_a_number_of_tokens(budget, tokens, seconds):
    found = PretrainOptions(source="a.txt", budget=budget)
    assert (found.tokens, found.seconds) == (tokens, seconds)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"budget": "0tokens"}, "--budget '0tokens' is no training"),
        ({"budget": "0.4 tokens"}, "1 token or more"),
        ({"budget": "much"}, "neither a time nor a number of tokens"),
        ({"objective": "causal"}, "did you mean 'causal-lm'"),
        ({"model": "lstn"}, "did you mean 'lstm'"),
        ({"model": "lstm,gru"}, "expected: one model"),
        ({"model": "hf:bert"}, "expected: one model"),
        ({"tokenizer": "words"}, "--tokenizer words is not possible"),
        ({"tokenizer": "bpe:20"}, "--tokenizer bpe:20 is not possible"),
        ({"batch": 6, "accumulation": 4}, "cannot be divided into --accumulation 4"),
        ({"context": 0}, "--context 0 is not possible"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0 is not possible"),
        ({"dropout": 1.0}, "--dropout 1.0 is not possible"),
        ({"stateful": True, "model": "transformer"}, "a recurrent model"),
        ({"stateful": True, "objective": "masked-lm"}, "causal-lm"),
        ({"stateful": True, "accumulation": 2}, "exclude each other"),
        ({"size": "big"}, "--size 'big' is no number of parameters"),
        ({"precision": "fp16"}, "--precision fp16 is not possible"),
    ],
)
def test_impossible_requests(values, words):
    with pytest.raises(UserError) as caught:
        PretrainOptions(source="a.txt", **values)
    assert words in str(caught.value)


@pytest.mark.parametrize(("seconds", "steps"), [(100.0, 180), (24.0, 28), (20.0, 20), (19.9, 19), (3.0, 3), (0.1, 1)])
def test_the_steps_of_a_time_leave_room_for_their_evaluations(seconds, steps):
    found = steps_in(seconds, step=0.5, evaluation=0.5, evaluations=20)
    assert found == steps
    assert found == 1 or 0.5 * found + 0.5 * min(found, 20) <= seconds


def test_a_request_is_everything_but_where_it_is_reported():
    one = PretrainOptions(source="a.txt")
    assert one.request() == one.replace(report_to="wandb").request()
    assert one.request() != one.replace(seed=1).request()
    assert one.request() != one.replace(source="b.txt").request()


def test_a_tokenizer_is_trained_or_given_as_a_folder_or_by_the_name_of_a_model_of_the_package(made_zoo, tmp_path):
    sizes = {name: PretrainOptions(source="a.txt", tokenizer=name).tokenizer_size for name in ("bpe:500", str(tmp_path), "lstm-made")}
    assert list(sizes.values()) == [500, None, None]
    assert PretrainOptions(source="a.txt", tokenizer="lstm-made").tokenizer_folder == made_zoo / "lstm-made"


def test_what_a_pretraining_reads_is_known_by_its_content(tmp_path, monkeypatch):
    (tmp_path / "texts").mkdir()
    (tmp_path / "table").mkdir()
    for place in ("a.txt", "held.txt", "texts/b.txt", "table/c.parquet"):
        (tmp_path / place).write_text(place)
    monkeypatch.chdir(tmp_path)
    options = PretrainOptions(source="a.txt,texts,demo:docs,hf:table,hf:owner/name", validation="held.txt")
    before = contents_of(options)
    assert list(before) == ["a.txt", "texts", "demo:docs", "hf:table", "hf:owner/name", "held.txt"]
    for place, name in {"a.txt": "a.txt", "held.txt": "held.txt", "texts/b.txt": "texts", "table/c.parquet": "hf:table"}.items():
        Path(place).write_text("other")
        after = contents_of(options)
        assert [source for source in before if after[source] != before[source]] == [name]
        Path(place).write_text(place)
    assert contents_of(options) == before
    monkeypatch.setattr(contents, "LARGE", 1)
    large = contents_of(options)
    os.utime("a.txt", (0, 0))
    assert contents_of(options)["a.txt"] != large["a.txt"]
