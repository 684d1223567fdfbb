"""Windows: every origin once, nothing from after it in the past, units of neighbouring origins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.windows import WindowSet, scales_of, windows_of


@st.composite
def window_sets(draw):
    lengths = draw(st.lists(st.integers(4, 40), min_size=1, max_size=4))
    context, horizon = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    first = [draw(st.integers(0, length)) for length in lengths]
    series = [1000.0 * number + np.arange(length) for number, length in enumerate(lengths)]
    scales = np.tile([0.0, 1.0, 1.0], (len(lengths), 1))
    most = draw(st.sampled_from([3, 10, 10**6]))
    starts = [draw(st.integers(0, 30)) for _ in lengths]
    together = draw(st.booleans())
    return series, first, windows_of(series, scales, first, starts, context=context, horizon=horizon, together=together, most=most), most


@given(window_sets())
def test_a_past_ends_where_its_future_begins(case):
    series, first, found, _ = case
    rows = np.arange(len(found))
    for (owner, origin), past, future in zip(found.windows, found.pasts(rows), found.futures(rows), strict=True):
        assert origin >= max(first[owner], 2)
        np.testing.assert_array_equal(future, series[owner][origin : origin + found.horizon])
        own = series[owner][max(0, origin - found.context) : origin]
        np.testing.assert_array_equal(past, np.concatenate([np.full(found.context - len(own), own[0]), own]))


@given(window_sets())
def test_origins_are_all_there_unless_there_are_too_many(case):
    series, first, found, most = case
    every = sum(max(0, len(values) - found.horizon + 1 - max(begin, 2)) for values, begin in zip(series, first, strict=True))
    assert len(found) == every if every <= most else len(found) <= most + len(series)


@given(window_sets())
def test_a_unit_is_a_stretch_of_time_of_all_series_or_of_one(case):
    _, _, found, _ = case
    if not len(found):
        return
    assert sorted(set(found.unit_of)) == list(range(found.units))
    np.testing.assert_array_equal(found.truth[:, 0], np.bincount(found.unit_of) * found.horizon)
    owners, origins = found.windows.T
    times = found.starts[owners] + origins
    groups = [np.ones(len(found), bool)] if found.by_time else [owners == owner for owner in set(owners)]
    for group in groups:
        order = np.argsort(times[group], kind="stable")
        units, when = found.unit_of[group][order], times[group][order]
        assert (np.diff(units) >= 0).all()
        if not found.by_time:
            assert not set(units) & set(found.unit_of[~group])
        for unit in set(units):
            own = when[units == unit]
            assert own.max() - own.min() < 2 * found.block
            assert unit == units.max() or own.max() - own.min() < found.block


@pytest.mark.parametrize(
    ("steps", "together", "units", "block"),
    [
        (4 + 200 + 4, True, 20, 10),  # blocks of two horizons, where there are ten
        (4 + 90 + 4, True, 18, 5),
        (4 + 12 + 4, True, 2, 5),
        (4 + 6 + 4, True, 2, 3),  # two units at any price
        (4 + 200 + 4, False, 20, 10),  # series of a long table share their times too
        (4 + 45 + 4, False, 2 * 9, 5),  # unless there are too few
    ],
)
def test_how_many_units_there_are(steps, together, units, block):
    series, scales = [np.arange(float(steps))] * 2, np.tile([0.0, 1.0, 1.0], (2, 1))
    found = windows_of(series, scales, [4, 4], [0, 0], context=4, horizon=5, together=together, most=1000)
    assert (len(found), found.units, found.block) == (2 * (steps - 8), units, block)


def test_copies_of_a_series_are_no_more_units():
    one = windows_of([np.arange(300.0)], np.ones((1, 3)), [4], [0], context=4, horizon=5, together=False, most=10**6)
    ten = windows_of([np.arange(300.0)] * 10, np.ones((10, 3)), [4] * 10, [0] * 10, context=4, horizon=5, together=False, most=10**6)
    assert one.units == ten.units


def test_scales_are_those_of_the_values_given():
    values = np.array([1.0, 5.0, 3.0, 9.0, 5.0, 13.0])
    (row,) = scales_of([values], season=2)
    np.testing.assert_allclose(row, [values.mean(), values.std(), np.mean([2, 4, 2, 4])])
    np.testing.assert_array_equal(scales_of([np.full(5, 0.1), np.full(9, 1e9)], 1), [[0.1, 1, 1], [1e9, 1, 1]])


def test_a_share_is_the_latest_windows():
    found = windows_of([np.arange(50.0)], np.array([[0.0, 1, 1]]), [10], [0], context=10, horizon=5, together=False, most=100)
    small, large = found.part(0.25, 0), found.part(0.5, 0)
    assert (len(found), len(large), len(small)) == (36, 18, 9)
    np.testing.assert_array_equal(found.windows[-9:], small.windows)
    with pytest.raises(UserError, match="leaves no window"):
        windows_of([np.arange(9.0)], np.array([[0.0, 1, 1]]), [8], [0], context=2, horizon=5, together=False, most=9).part(0.5, 0)


def test_a_file_gives_the_same_windows(tmp_path):
    found = windows_of([np.arange(50.0)], np.array([[3.0, 2, 1]]), [10], [0], context=10, horizon=5, together=False, most=100)
    found.save(tmp_path / "x.safetensors")
    again = WindowSet.load(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(again.pasts([3, 7]), found.pasts([3, 7]))
    assert again.units == found.units
