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


def test_a_month_alone_is_its_first_day_and_zones_become_utc():
    assert parse_times(["1949-01", "1949-02"], "x") == [datetime.datetime(1949, 1, 1), datetime.datetime(1949, 2, 1)]
    assert parse_times(["2020-01-01T02:00+02:00"], "x") == [datetime.datetime(2020, 1, 1)]
    assert parse_times(["3", "4"], "x") == [3, 4]
    with pytest.raises(UserError, match="x holds no times"):
        parse_times(["yesterday"], "x")


def test_the_last_day_of_a_month_stays_the_last():
    january = datetime.datetime(2023, 1, 31)
    later = Frequency("month").after(january, 3)
    assert [time.day for time in later] == [28, 31, 30]
