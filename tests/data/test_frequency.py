"""Frequencies are found from times as people write them; what is not regular is named."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.frequency import Frequency, check_regular, infer_frequency, parse_times, places

BEGIN = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2050, 1, 1)).map(lambda t: t.replace(microsecond=0))
PANDAS = {"s": "second", "min": "minute", "h": "hour", "D": "day", "B": "business day", "W": "week", "MS": "month", "ME": "month"}
PANDAS |= {"QS": "quarter", "YS": "year", "YE": "year"}


@pytest.mark.parametrize(("code", "unit"), PANDAS.items())
@given(begin=BEGIN, count=st.integers(9, 40))
def test_what_pandas_counts_is_recognised_and_continued(code, unit, begin, count):
    times = list(pd.date_range(begin, periods=count + 5, freq=code).to_pydatetime())
    found = infer_frequency([times[:count]])
    assert found == Frequency(unit)
    np.testing.assert_allclose(places(times, found), np.arange(len(times)))
    check_regular(times, found, "x")
    assert found.after(times[count - 1], 5) == times[count:]


@pytest.mark.parametrize(("code", "unit", "count", "season"), [("15min", "minute", 15, 96), ("6h", "hour", 6, 4), ("2D", "day", 2, 1)])
def test_several_units_make_a_step(code, unit, count, season):
    found = infer_frequency([list(pd.date_range("2020-01-01", periods=20, freq=code).to_pydatetime())])
    assert (found.unit, found.count, found.season) == (unit, count, season)


@pytest.mark.parametrize(
    ("code", "season"), [("h", 24), ("min", 60), ("D", 7), ("B", 5), ("W", 52), ("MS", 12), ("QS", 4), ("YS", 1), ("s", 1)]
)
def test_seasons(code, season):
    assert infer_frequency([list(pd.date_range("2020-01-01", periods=30, freq=code).to_pydatetime())]).season == season


@given(start=st.integers(-100, 100), step=st.integers(1, 9), count=st.integers(3, 20))
def test_plain_numbers(start, step, count):
    times = [start + step * place for place in range(count)]
    found = infer_frequency([times])
    assert found == Frequency("step", step)
    assert found.after(times[-1], 2) == [times[-1] + step, times[-1] + 2 * step]


@pytest.mark.parametrize(
    ("dropped", "doubled", "words"),
    [
        ([4], [], "a gap: 1 time missing between 2020-01-01 03:00:00 and 2020-01-01 05:00:00"),
        ([4, 5, 9], [], "2 times missing between 2020-01-01 03:00:00 and 2020-01-01 06:00:00; 2 such places in all"),
        ([], [3], "the time 2020-01-01 03:00:00 more than once"),
    ],
)
def test_gaps_and_repeated_times_are_named(dropped, doubled, words):
    times = list(pd.date_range("2020-01-01", periods=20, freq="h").to_pydatetime())
    kept = sorted([time for place, time in enumerate(times) if place not in dropped] + [times[place] for place in doubled])
    with pytest.raises(UserError, match="data") as caught:
        check_regular(kept, infer_frequency([kept]), "data")
    assert words in str(caught.value)


def test_a_time_between_two_steps_is_named():
    times = list(pd.date_range("2020-01-01", periods=9, freq="h").to_pydatetime())
    times[5] += datetime.timedelta(minutes=30)
    with pytest.raises(UserError, match=r"not regular: 2020-01-01 04:00:00 is followed by 2020-01-01 05:30:00"):
        check_regular(times, infer_frequency([times]), "x")


@pytest.mark.parametrize(
    ("texts", "times", "utc"),
    [
        (["1949-01", "1949-02"], [(1949, 1, 1), (1949, 2, 1)], False),
        (["2000Q1", "2000-Q4"], [(2000, 1, 1), (2000, 10, 1)], False),
        (["20200131", "20200201"], [(2020, 1, 31), (2020, 2, 1)], False),
        (["2020-01-01T02:00+02:00", "2020-01-01T03:00+02:00"], [(2020, 1, 1, 0), (2020, 1, 1, 1)], True),
        (["2020-03-29T00:00+01:00", "2020-03-30T00:00+02:00"], [(2020, 3, 29), (2020, 3, 30)], False),  # midnight stays midnight
    ],
)
def test_dates_as_people_write_them(texts, times, utc):
    assert parse_times(texts, "x") == ([datetime.datetime(*time) for time in times], utc)


@pytest.mark.parametrize(
    ("texts", "words"), [(["yesterday"], "x holds no times"), (["1", "inf"], "not finite"), (["1", "2020-01-01"], "no times")]
)
def test_what_is_no_time(texts, words):
    with pytest.raises(UserError, match=words):
        parse_times(texts, "x")


def test_whole_numbers_stay_whole():
    times, _ = parse_times(["1680500000", "1680503600", "1680507200"], "x")
    later = infer_frequency([times]).after(times[-1], 2)
    assert later == [1680510800, 1680514400]
    assert all(type(time) is int for time in later)


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        (pd.date_range("2020-01-01", periods=9, freq="2MS"), "every 2 months"),
        (pd.date_range("2020-01-01", periods=9, freq="6MS"), "every 2 quarters"),
        (pd.date_range("2020-01-01", periods=9, freq="30D"), "every 30 days"),
        (pd.date_range("2020-01-01", periods=5, freq="QS"), "every quarter"),
        (pd.date_range("2020-01-31", periods=5, freq="2YE"), "every 2 years"),
        (pd.date_range("2020-01-01", periods=9, freq="28D"), "every 4 weeks"),
    ],
)
def test_steps_of_a_month_or_more(times, shown):
    times = list(times.to_pydatetime())
    found = infer_frequency([times[:-2]])
    assert str(found) == shown
    check_regular(times, found, "x")
    assert found.after(times[-3], 2) == times[-2:]


def test_a_repeated_time_gives_no_step_of_zero():
    times = sorted([datetime.datetime(2020, 1, day) for day in range(1, 9)] * 3)
    found = infer_frequency([times])
    assert found == Frequency("day")
    with pytest.raises(UserError, match=r"2020-01-01 00:00:00 more than once"):
        check_regular(times, found, "x")


def test_the_last_day_of_a_month_stays_the_last():
    january = datetime.datetime(2023, 1, 31)
    later = Frequency("month").after(january, 3)
    assert [time.day for time in later] == [28, 31, 30]
