"""Wide and long tables of series: what is guessed is said, what is wrong is named."""

import gzip

import numpy as np
import pandas as pd
import pytest

from seqwise.api import guess_task
from seqwise.core.errors import UserError
from seqwise.data.figures import airline, sunspots
from seqwise.data.panels import load_panel, named_as_forecasts
from seqwise.data.panels import written as time_as_text
from seqwise.data.series_format import SeriesColumns


def wide(count=30, freq="h"):
    times = pd.date_range("2020-01-01", periods=count, freq=freq)
    return pd.DataFrame({"date": times.astype(str), "load": np.arange(count) * 1.5, "temperature": np.sin(np.arange(count))})


def long():
    rows = [(name, str(day.date()), begin + place) for name, begin in (("a", 10), ("b", 200)) for place, day in enumerate(days(begin))]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "y"])


def days(begin):
    return pd.date_range("2021-03-01", periods=begin // 10 + 12, freq="D")


def written(frame, path, name="data.csv"):
    frame.to_csv(path / name, index=False)
    return str(path / name)


def test_a_wide_table(tmp_path):
    panel = load_panel(written(wide(), tmp_path))
    assert (panel.names, panel.together, str(panel.frequency)) == (("load", "temperature"), True, "every hour")
    np.testing.assert_array_equal(panel.values[0], np.arange(30) * 1.5)
    assert "times are those of column 'date', every hour" in panel.notes


def test_one_variable_of_a_wide_table(tmp_path):
    frame = wide().assign(remark="fine")
    panel = load_panel(written(frame, tmp_path), SeriesColumns(target="load"))
    assert panel.names == ("load",)
    panel = load_panel(written(frame, tmp_path))
    assert panel.names == ("load", "temperature")
    assert "left out, as they hold no numbers: remark" in panel.notes


def test_rows_may_stand_in_any_order(tmp_path):
    frame = wide()
    one, other = load_panel(written(frame, tmp_path)), load_panel(written(frame.sample(frac=1, random_state=0), tmp_path, "mixed.csv"))
    np.testing.assert_array_equal(one.values, other.values)
    assert one.times[0] == other.times[0]


def test_a_long_table(tmp_path):
    panel = load_panel(written(long(), tmp_path))
    assert (panel.names, panel.together, str(panel.frequency)) == (("a", "b"), False, "every day")
    assert [len(values) for values in panel.values] == [13, 32]
    other = load_panel(written(long().rename(columns={"unique_id": "shop", "y": "sold"}), tmp_path, "b.csv"), SeriesColumns(id="shop"))
    np.testing.assert_array_equal(other.values[1], panel.values[1])


def test_a_table_without_times(tmp_path):
    panel = load_panel(written(wide().drop(columns="date"), tmp_path))
    assert (panel.times[0][:3], str(panel.frequency), panel.frequency.season) == ([0, 1, 2], "every step", 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(index=7), "a gap: 1 time missing between 2020-01-01 06:00:00 and 2020-01-01 08:00:00"),
        (lambda f: pd.concat([f, f.iloc[[4]]]), "the time 2020-01-01 04:00:00 more than once"),
        (lambda f: f.assign(load=f.load.where(f.index != 5)), "'load' has no value at 2020-01-01 05:00:00"),
        (lambda f: f.assign(load=f.load.replace(1.5, np.inf)), "'load' is inf at 2020-01-01 01:00:00"),
        (lambda f: f.assign(load=f.load.replace(1.5, 1e300)), "'load' is 1e+300 at 2020-01-01 01:00:00"),
        (lambda f: f.assign(date=f.date.where(f.index != 2)), "column 'date' is empty in data row 3"),
        (lambda f: f.assign(load=f.load.astype(str).where(f.index != 4, "much")), "'much' is no number"),
        (lambda f: f.assign(load=f.load.astype(str).str.replace(".", ",")), "no number"),
        (lambda f: f[["date"]], "has no column of numbers"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(date=[float("inf"), *range(29)]), "a time that is not finite"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, words):
    with pytest.raises(UserError) as caught:
        load_panel(written(change(wide()), tmp_path))
    assert words in str(caught.value)


def test_an_unknown_column_and_no_column_of_values(tmp_path):
    with pytest.raises(UserError, match="no column 'lod'"):
        load_panel(written(wide(), tmp_path), SeriesColumns(target="lod"))
    with pytest.raises(UserError, match="2 columns that could hold the values"):
        load_panel(written(long().assign(z=1).rename(columns={"y": "sold"}), tmp_path, "b.csv"))


def test_published_figures():
    passengers, spots = (
        [float(value) for value in table().columns[name]] for table, name in ((airline, "passengers"), (sunspots, "sunspots"))
    )
    assert (len(passengers), sum(passengers), passengers[0], passengers[-1], max(passengers)) == (144, 40363, 112, 432, 622)
    assert (len(spots), spots[0], spots[-1], max(spots)) == (289, 5, 100.2, 190.2)
    assert load_panel("demo:airline").frequency.season == 12
    assert str(load_panel("demo:sunspots").frequency) == "every year"


def test_airline_is_as_others_have_it(real_data):
    known = pd.read_csv(next(real_data("airline").glob("*.csv")))
    np.testing.assert_array_equal(known["Passengers"], [float(value) for value in airline().columns["passengers"]])


def test_a_long_table_whose_series_have_an_unusual_name_is_asked_for_with_id(tmp_path):
    frame = pd.DataFrame([(day, store, 3.0 * store) for day in pd.date_range("2020-01-01", periods=9) for store in (1, 2)])
    source = written(frame.set_axis(["date", "store", "sales"], axis=1), tmp_path)
    with pytest.raises(UserError, match=r"2020-01-01 more than once[\s\S]*--id"):
        load_panel(source)
    panel = load_panel(source, SeriesColumns(id="store"))
    assert (panel.names, str(panel.frequency)) == (("1", "2"), "every day")


def test_times_of_different_kinds_in_one_column_are_refused(tmp_path):
    frame = pd.DataFrame({"unique_id": list("aabb"), "ds": ["2020-01-01", "2020-01-02", "1", "2"], "y": [1, 2, 3, 4]})
    with pytest.raises(UserError, match="holds no times"):
        load_panel(written(frame, tmp_path))


@pytest.mark.parametrize("name", ["year", "n", "column 1"])
def test_a_first_column_that_counts_is_the_time(tmp_path, name):
    panel = load_panel(written(pd.DataFrame({name: range(1990, 2010), "y": np.arange(20) ** 2}), tmp_path))
    assert (panel.names, panel.times[0][:2]) == (("y",), [1990, 1991])


def test_numbers_of_rows_name_no_series(tmp_path):
    panel = load_panel(written(wide().assign(id=range(30)), tmp_path))
    assert panel.together
    assert "id" in panel.names


def test_steps_may_follow_the_rows_whatever_their_times(tmp_path):
    frame = wide().drop(index=[3, 4, 9])
    panel = load_panel(written(frame, tmp_path), SeriesColumns(time="none"))
    assert (panel.names, str(panel.frequency), len(panel.values[0])) == (("load", "temperature"), "every step", 27)


@pytest.mark.parametrize(
    ("name", "head", "forecasts"),
    [
        ("a.csv", "unique_id,ds,y", True),
        ("a.tsv", "ds\ty", True),
        ("a.csv", '"DS";"Y"', True),
        ("a.csv.gz", "ds,y", True),
        ("a.csv", "text,label", False),
        ("a.csv", "date,y", False),
        ("a.jsonl", "ds,y", False),
    ],
)
def test_tables_for_forecasts_are_known_by_their_columns(tmp_path, name, head, forecasts):
    data = (head + "\n1,2\n").encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert named_as_forecasts(str(tmp_path / name)) == forecasts
    assert (guess_task(str(tmp_path / name)) == "time-series-forecasting") == forecasts


def test_times_are_written_so_that_they_can_be_read_back():
    assert [time_as_text(time) for time in (1680510000, 0.1 + 0.2, pd.Timestamp("2020-01-01"))] == ["1680510000", "0.3", "2020-01-01"]
