"""What another match changes is told pair by pair, whichever way round the pair was written."""

import shutil

import pytest
from rich.console import Console

import seqwise
from seqwise.comparison.flips import check_other, flips, read_other
from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json


def made(decision, winners, pairs, training="steps"):
    rows = [{"a": a, "b": b, "decision": said} for a, b, said in pairs]
    verdict = {"decision": decision, "winners": winners, "candidates": ["a", "b"]}
    return {
        "task": "t",
        "data": {"sha256": "0"},
        "models": [{"name": name, "family": "recurrent"} for name in ("a", "b")],
        "protocol": {"match_size": "parameters", "match_training": training, "steps": {"a": 60, "b": 60}},
        "verdict": verdict,
        "pairwise": rows,
    }


def test_nothing_is_told_where_both_agree():
    one, other = made("winner", ["a"], [("a", "b", "better")]), made("winner", ["a"], [("b", "a", "worse")], "seconds")
    assert flips(one, other) == []


def test_a_changed_winner_and_the_pair_that_turned_are_told():
    one, other = made("winner", ["a"], [("a", "b", "better")]), made("winner", ["b"], [("b", "a", "better")], "seconds")
    verdict, pair = flips(one, other)
    assert verdict["text"] == "matched by parameters and training steps: winner (a); matched by parameters and training seconds: winner (b)"
    assert (pair["now"], pair["then"]) == ("better", "worse")


def test_what_else_differs_is_told_with_it():
    one, other = made("winner", ["a"], [("a", "b", "better")]), made("winner", ["b"], [("b", "a", "better")])
    other["protocol"] |= {"match_size": "flops", "steps": {"a": 24, "b": 24}, "batch_size": 8}
    other["models"].append({"name": "c", "family": "recurrent"})
    said = flips(one, other)[0]["text"]
    assert "(the runs also differ in batch size, their models, a, b here and a, b, c there, steps)" in said


def test_pairs_that_only_one_of_them_has_are_left_out():
    assert flips(made("undecided", [], [("a", "b", "undecided")]), made("undecided", [], [("a", "c", "better")], "flops")) == []


def test_another_question_or_no_result_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="holds no finished comparison"):
        read_other(str(tmp_path))
    with pytest.raises(UserError, match="another data"):
        check_other(made("tie", [], []), path="x", task="t", sha256="1", match=("parameters", "flops"))
    with pytest.raises(UserError, match="in the same way"):
        check_other(made("tie", [], []), path="x", task="t", sha256="0", match=("parameters", "steps"))
    with pytest.raises(UserError, match="another task"):
        check_other(made("tie", [], []), path="x", task="u", sha256="0", match=("parameters", "flops"))


def test_a_finished_run_is_shown_beside_another(finished, tiny_csv, tmp_path):
    own, other = (shutil.copytree(finished.path, tmp_path / name) for name in ("own", "other"))
    stored = read_json(other / "comparison.json")
    stored["protocol"]["match_training"] = "seconds"
    for row in stored["pairwise"]:
        row["decision"] = "equivalent"
    write_json(other / "comparison.json", stored)
    from tiny import CONFIGURATIONS, REPLICATES, STEPS

    settings = {"size": "30k", "steps": STEPS, "replicates": REPLICATES, "configurations": CONFIGURATIONS, "device": "cpu"}
    found = seqwise.compare(str(tiny_csv), out=own, console=Console(quiet=True), beside=str(other), **settings)
    told = found.result["verdict"]["flips"]
    assert len([flip for flip in told if "a" in flip]) == sum(row["decision"] != "equivalent" for row in finished.result["pairwise"])
    assert "training seconds" in (own / "report.html").read_text()
    again = seqwise.compare(str(tiny_csv), out=own, console=Console(quiet=True), **settings)
    assert again.result["verdict"]["flips"] == []


def test_what_else_differs_is_told():
    one, other = made("winner", ["a"], []), made("winner", ["b"], [], "seconds")
    one["protocol"]["replicates"], other["protocol"]["replicates"] = 6, 3
    assert "(the runs also differ in replicates)" in flips(one, other)[0]["text"]


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_a_damaged_other_result_is_a_user_error(tmp_path, content):
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(UserError, match="is damaged"):
        read_other(str(tmp_path))
