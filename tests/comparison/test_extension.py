"""A kept setting on the edge of the space makes every model of its replicate try one more, beyond the edge."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import seqwise
from seqwise.comparison.extension import BEYOND, extended, reached_ends
from seqwise.comparison.search import shared
from seqwise.tasks import TASKS

SHARED = shared(TASKS["text-classification"]())
shares = st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5)


def test_an_end_is_reached_on_its_edge_only():
    assert reached_ends([[0.5, 0.5, 0.5, 0.0, 0.99]], SHARED) == set()
    assert reached_ends([[0.05, 0.5, 0.95, 0.5, 0.5], [0.5, 0.5, 0.02, 0.5, 0.5]], SHARED) == {(0, -BEYOND), (2, 1 + BEYOND), (2, -BEYOND)}


@given(shares, st.lists(shares, min_size=1, max_size=4))
def test_a_point_moves_in_the_reached_dimensions_only_and_to_the_nearer_end(point, kept):
    ends = reached_ends(kept, SHARED)
    moved, dimensions = extended(point, ends), {index for index, _ in ends}
    for index, (old, new) in enumerate(zip(point, moved, strict=True)):
        if index not in dimensions:
            assert new == old
            continue
        assert (index, new) in ends
        others = [abs(share - old) for i, share in ends if i == index]
        assert abs(new - old) == min(others)


def test_nothing_lies_below_a_rate_of_zero():
    dimensions = shared(TASKS["text-generation"]())
    assert dimensions[1].low == 0
    assert reached_ends([[0.5, 0.01, 0.5, 0.5, 0.5]], dimensions) == set()
    assert reached_ends([[0.5, 0.99, 0.5, 0.5, 0.5]], dimensions) == {(1, 1 + BEYOND)}


def test_values_beyond_the_space_are_possible_ones():
    for dimension in SHARED:
        low, high = dimension.at(-BEYOND), dimension.at(1 + BEYOND)
        assert 0 <= low < dimension.low < dimension.high < high
    assert SHARED[1].name == "dropout"
    assert SHARED[1].at(1 + BEYOND) < 1


@pytest.mark.parametrize(("seed", "on_edge"), [(0, True), (2, False)], ids=["every point on an edge", "no point on an edge"])
def test_a_comparison_with_room_tries_one_more_where_an_edge_was_kept(tiny_csv, tmp_path, seed, on_edge):
    out = tmp_path / "run"
    settings = {
        "size": "30k",
        "steps": 24,
        "replicates": 2,
        "configurations": 2,
        "models": "rnn,transformer",
        "device": "cpu",
        "seed": seed,
    }
    found = seqwise.compare(str(tiny_csv), out=out, console=Console(quiet=True), extend_search=True, **settings)
    jobs = json.loads((out / "plan.json").read_text())["trials"]
    records = [json.loads((out / "trials" / job["fingerprint"] / "record.json").read_text()) for job in jobs]
    assert "--extend-search" in found.result["environment"]["reproduce"]
    for replicate in range(2):
        mine = [record for record in records if record["job"]["replicate"] == replicate]
        beyond = [record for record in mine if record["job"]["kind"] == "extension"]
        assert {record["status"] for record in beyond} == ({"ok"} if on_edge else {"skipped"})
        for record in beyond if on_edge else []:
            values = record["job"]["hyperparameters"]
            assert any(not d.low <= values[d.name] <= d.high for d in SHARED)
    for model in found.result["models"]:
        if model["kind"] == "trained":
            assert (len(model["trials"]), len(model["extension_trials"])) == (4, 2 if on_edge else 0)
            assert sum(trial["chosen"] for trial in model["trials"] + model["extension_trials"]) == 2
