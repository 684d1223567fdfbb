"""The search tries the same points for every family and selects on validation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.comparison.budget import SEARCH_SHARE
from seqwise.comparison.contenders import Contender, parse_contenders
from seqwise.comparison.search import FORGETTING, Dimension, hyperparameters, points, select, shared, space
from seqwise.core.errors import UserError
from seqwise.data.splits import Split
from seqwise.models.config import POSITIONS
from seqwise.models.mixers import MIXERS
from seqwise.tasks.text_classification import TextClassification

CONTENDERS = parse_contenders(("rnn", "lstm", "gru", "transformer", "lstm+attention", "rnn+attention", "minlstm", "mingru"))
TASK = TextClassification()
SHARED = shared(TASK)
shares = st.floats(0, 1, exclude_max=True)


def record(accuracy, loss=1.0, status="ok"):
    return {"status": status, "best": {"accuracy": accuracy, "log_loss": loss}}


def test_every_family_has_as_many_dimensions_and_the_shared_ones():
    assert {len(space(contender, TASK)) for contender in CONTENDERS} == {len(SHARED) + 2}
    assert all(space(contender, TASK)[: len(SHARED)] == SHARED for contender in CONTENDERS)
    assert all(len({dimension.name for dimension in space(contender, TASK)}) == len(SHARED) + 2 for contender in CONTENDERS)


@given(st.integers(1, 40), st.integers(0, 2**31))
def test_points_are_a_function_of_the_seed_and_lie_in_the_cube(count, seed):
    found = points(count, seed)
    assert len(found) == count
    assert found == points(count, seed)
    assert all(len(point) == len(SHARED) + 2 and all(0 <= share < 1 for share in point) for point in found)


def test_the_forget_bias_is_searched_where_there_is_a_forget_gate():
    assert {name for name in MIXERS if name != "attention" and MIXERS[name].cell.forget_gate is not None} == FORGETTING
    searched = {contender.name for contender in CONTENDERS if any(d.name == "forget_bias" for d in space(contender, TASK))}
    assert searched == {"lstm", "lstm+attention", "minlstm"}


def outside(**told):
    return {dimension.name: dimension for dimension in space(Contender("x", source="hf:x", **told), TASK)}


def test_large_models_are_tried_at_smaller_rates_from_scratch_too():
    assert outside(fresh=True, small=True)["learning_rate"] == SHARED[0]
    for fresh in (True, False):
        large, small = (outside(fresh=fresh, small=size)["learning_rate"] for size in (False, True))
        assert large.low < small.low
        assert large.high < small.high


def test_every_layer_learns_for_half_of_a_search():
    assert outside()["unfreezing"].high <= SEARCH_SHARE / 2


def test_other_seeds_other_points():
    assert points(4, 0) != points(4, 1)


def test_four_points_fill_every_quarter_of_every_dimension():
    for values in zip(*points(4, 0), strict=True):
        assert sorted(int(value * 4) for value in values) == [0, 1, 2, 3]


def test_the_shared_values_are_the_same_for_every_family():
    for point in points(4, 7):
        values = [hyperparameters(contender, point, TASK)[0] for contender in CONTENDERS]
        assert len({tuple(value[dimension.name] for dimension in SHARED) for value in values}) == 1


@given(st.lists(shares, min_size=5, max_size=5), st.sampled_from(CONTENDERS))
def test_values_lie_in_their_ranges(point, contender):
    values, edges = hyperparameters(contender, point, TASK)
    for dimension, share in zip(space(contender, TASK), point, strict=True):
        value = values[dimension.name]
        if dimension.choices:
            assert value in dimension.choices
            assert dimension.name not in edges
        else:
            assert dimension.low * 0.9999 <= value <= dimension.high * 1.0001
            assert (dimension.name in edges) == (share < 0.1 or share > 0.9)


def test_a_logarithmic_range_has_its_geometric_mean_in_the_middle():
    assert Dimension("x", 1e-3, 1e-1, log=True).at(0.5) == 0.01
    assert Dimension("x", 0.1, 0.5).at(0.5) == 0.3


def test_positions_of_the_space_exist():
    found = {choice for c in CONTENDERS for d in space(c, TASK) if d.name == "position_embedding" for choice in d.choices}
    assert found <= set(POSITIONS)
    assert len(found) > 1


@given(st.lists(st.tuples(shares, shares), min_size=1))
def test_the_best_on_validation_is_selected(scores):
    records = [record(accuracy, loss) for accuracy, loss in scores]
    chosen = select(records, TASK, Split.VALIDATION)["best"]
    best = max(accuracy for accuracy, _ in scores)
    assert chosen["accuracy"] == best
    assert chosen["log_loss"] == min(loss for accuracy, loss in scores if accuracy == best)


@pytest.mark.parametrize("split", [Split.TEST, Split.TRAIN])
def test_selection_on_anything_else_is_refused(split):
    with pytest.raises(UserError, match=f"cannot select on {split}"):
        select([record(0.5)], TASK, split)


def test_what_diverged_or_failed_is_not_selected():
    failed = {"status": "failed", "best": None}
    assert select([record(0.9, status="diverged"), failed, record(0.1)], TASK, Split.VALIDATION) == record(0.1)
    assert select([record(0.9, status="diverged"), failed], TASK, Split.VALIDATION) is None
    assert select([], TASK, Split.VALIDATION) is None
