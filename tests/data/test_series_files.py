"""Files of series: what is read is what was written, and whatever cannot be learned from is named by file, series and step."""

import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.series_files import read_series
from seqwise.data.series_format import SeriesColumns

HEAD = "@problemName made here\n@timeStamps false\n@classLabel true a b\n@data\n"
TABLE = "id,time,x,y,label\n"
VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)
LABELS = st.text("abc XYZ019_-é雪", min_size=1, max_size=8).map(str.strip).filter(bool)


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,time,x,label\n,0,1,p\na,1,2,p\n", "column 'id' is empty in data row 1"),
        ("id,time,x,label\na,0,1,p\na,,2,p\n", "column 'time' is empty in data row 2"),
        ("id,time,x,label\na,0,1_0,p\na,1,2,p\n", "'1_0' is no number"),
        ("id,time,x,label\na,0,1e39,p\na,1,2,p\n", "missing or infinite"),
        ("id,time,x,label\na,today,1,p\na,1990-01-01,2,p\n", "holds no times"),
    ],
)
def test_what_a_long_table_must_not_hold(put, text, said):
    with pytest.raises(UserError, match=said):
        read(put("s.csv", text))


def test_zones_and_far_dates_and_large_whole_numbers_are_times(put):
    rows = ["2400-01-01", "1500-01-01T00:00Z", "2016-07-01 13:00+02:00"]
    file = read(put("s.csv", "id,time,x,label\n" + "".join(f"a,{time},{n},p\n" for n, time in enumerate(rows))))
    assert file.series[0].ravel().tolist() == [1, 2, 0]
    rows = ["1467331200000000001", "1467331200000000000"]
    file = read(put("t.csv", "id,time,x,label\n" + "".join(f"a,{time},{n},p\n" for n, time in enumerate(rows))))
    assert file.series[0].ravel().tolist() == [1, 0]


def test_the_label_is_guessed_among_columns_that_are_constant_in_each_series(put):
    file = read(put("s.csv", "id,time,on,kind\na,0,0,p\na,1,1,p\nb,0,1,q\nb,1,0,q\n"))
    assert (file.target, file.labels, file.channels) == ("kind", ["p", "q"], ("on",))


def test_a_series_without_a_group_is_its_own(put):
    file = read(put("s.csv", "id,time,x,who,label\na,0,1,,p\na,1,1,,p\nb,0,1,,q\nb,1,1,,q\n"), group="who")
    assert len(set(file.groups)) == 2


def test_headers_without_a_value_are_read(put):
    assert read(put("s.ts", "@\n@timeStamps\n@classLabel\n@data\n1,2:a\n")).labels == ["a"]
    assert read(put("u.TS.GZ", gzip.compress(b"@classLabel false\n@data\n1,2\n")), labelled=False).series[0].shape == (2, 1)


@pytest.mark.parametrize(
    "arrays",
    [
        {"X": np.float64(1), "y": np.zeros(1)},
        {"X": np.zeros((2, 3)), "y": np.eye(2)},
        {"X": np.zeros((2, 3, 0)), "y": np.zeros(2)},
        {"X": np.zeros((2, 3)), "y": np.zeros(2), "lengths": np.array(["2", "3"])},
        {"X": np.zeros((2, 3)), "y": np.zeros(2), "lengths": np.array([2.5, 3])},
    ],
    ids=["a number", "one-hot labels", "no channels", "lengths in words", "half a step"],
)
def test_arrays_of_another_shape_or_kind_are_a_user_error(put_npz, arrays):
    with pytest.raises(UserError, match=r"holds x |without a channel"):
        read(put_npz(**arrays))


@pytest.fixture
def put_npz(put):
    def write(**arrays):
        file = io.BytesIO()
        np.savez(file, **arrays)
        return put("s.npz", file.getvalue())

    return write


def read(source, labelled=True, **columns):
    return read_series(source, SeriesColumns(**columns), labelled=labelled)


def ts_text(series, labels):
    lines = [":".join(",".join(map(str, channel)) for channel in values.T.tolist()) for values in series]
    return HEAD + "".join(f"{line}:{label}\n" for line, label in zip(lines, labels, strict=True))


@st.composite
def labelled_series(draw):
    """Series of the same number of channels, and their labels."""
    channels, lengths = draw(st.integers(1, 4)), draw(st.lists(st.integers(2, 9), min_size=1, max_size=5))
    row = st.lists(VALUES, min_size=channels, max_size=channels)
    series = [np.array(draw(st.lists(row, min_size=length, max_size=length)), np.float32) for length in lengths]
    return series, draw(st.lists(LABELS, min_size=len(series), max_size=len(series)))


def assert_holds(file, series, labels):
    assert file.labels == labels
    assert len(file.series) == len(series)
    for found, written in zip(file.series, series, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, written)


@settings(max_examples=60, deadline=None)
@given(labelled_series())
def test_a_ts_file_is_read_as_written(written):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.ts"
        path.write_text(ts_text(*written), encoding="utf-8")
        file = read(str(path))
    assert_holds(file, *written)
    assert file.channels == tuple(f"channel {n + 1}" for n in range(written[0][0].shape[1]))


@settings(max_examples=60, deadline=None)
@given(labelled_series(), st.sampled_from([np.float32, np.float64]))
def test_an_npz_file_is_read_as_written(written, kind):
    series, labels = written
    lengths = np.array([len(values) for values in series])
    padded = np.full((len(series), lengths.max(), series[0].shape[1]), np.nan, kind)
    for row, values in zip(padded, series, strict=True):
        row[: len(values)] = values
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.npz"
        np.savez(path, X=padded, y=np.array(labels), lengths=lengths)
        assert_holds(read(str(path)), series, labels)


@settings(max_examples=60, deadline=None)
@given(labelled_series(), st.randoms(use_true_random=False), st.booleans())
def test_a_long_table_is_read_as_written_in_whatever_order_its_rows_stand(written, random, timed):
    series, labels = written
    rows = [
        (f"s{n}", step, *values.tolist(), f"l {label}")
        for n, (one, label) in enumerate(zip(series, labels, strict=True))
        for step, values in enumerate(one)
    ]
    if timed:
        random.shuffle(rows)
    columns = ["id", *(["time"] if timed else []), *(f"v{n}" for n in range(series[0].shape[1])), "label"]
    lines = [",".join(map(str, row if timed else (row[0], *row[2:]))) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.csv"
        path.write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")
        file = read(str(path))
    order = list(dict.fromkeys(int(row[0][1:]) for row in rows))
    assert_holds(file, [series[n] for n in order], [f"l {labels[n]}" for n in order])
    assert file.channels == tuple(columns[2 if timed else 1 : -1])


def test_a_ts_file_of_one_channel(put):
    file = read(put("s.ts", HEAD + "1,2.5,-3e2:a\n4, 5 ,6: b \n"))
    assert_holds(file, [np.array([[1], [2.5], [-300]]), np.array([[4], [5], [6]])], ["a", "b"])
    assert (file.channels, file.given, file.groups, file.target) == (("channel 1",), None, None, "label")


def test_channels_of_a_ts_file_are_separated_by_colons(put):
    file = read(put("s.ts", HEAD + "1,2,3:4,5,6:a\n7,8:9,10:b\n"))
    assert_holds(file, [np.array([[1, 4], [2, 5], [3, 6]]), np.array([[7, 9], [8, 10]])], ["a", "b"])


def test_comments_blank_lines_and_capitals_change_nothing(put):
    plain = read(put("s.ts", HEAD + "1,2:a\n3,4:b\n"))
    odd = read(
        put("ODD.TS", "#made by hand\r\n\r\n@TIMESTAMPS False\r\n@ClassLabel TRUE a b\r\n@Data\r\n# first\r\n1,2:a\r\n\r\n 3,4:b\r\n")
    )
    assert_holds(odd, plain.series, plain.labels)
    assert odd.sha256 != plain.sha256


def test_a_header_that_says_nothing_of_labels_and_times_is_enough(put):
    assert read(put("s.ts", "@data\n1,2:a\n")).labels == ["a"]


def test_packed_files_are_unpacked(put):
    plain, packed = put("s.ts", HEAD + "1,2:a\n3,4:b\n"), put("p.ts.gz", gzip.compress((HEAD + "1,2:a\n3,4:b\n").encode()))
    assert_holds(read(packed), read(plain).series, ["a", "b"])
    table = put("t.csv.gz", gzip.compress((TABLE + "a,0,1,2,p\na,1,3,4,p\n").encode()))
    assert_holds(read(table), [np.array([[1, 2], [3, 4]])], ["p"])


def test_a_packed_file_that_is_cut_short_is_a_user_error(put):
    whole = gzip.compress((HEAD + "1,2:a\n" * 50).encode())
    with pytest.raises(UserError, match=r"s\.ts\.gz is not a whole gzip file.*\n.*download it again"):
        read(put("s.ts.gz", whole[:-9]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2:a\n" + HEAD, r"s\.ts, line 1 stands before @data"),
        ("@classLabel true a\n1,2:a\n", r"s\.ts, line 2 stands before @data"),
        ("@classLabel true a\n", r"s\.ts has no @data line\n.*\.ts format of the UEA archive"),
        ("", r"s\.ts has no @data line"),
        (HEAD, r"s\.ts holds no series"),
        ("@timeStamps true\n@data\n(0,1),(1,2):a\n", r"s\.ts has time stamps.*\n.*@timeStamps false"),
        ("@classLabel false\n@data\n1,2\n", r"s\.ts has no class labels \(@classLabel false\)\n.*@classLabel true"),
        (HEAD + "1,2:a\n3,4\n", r"s\.ts, line 6 has no ':'\n.*values, a colon, and the label"),
        (HEAD + "1,2,3:4,5:a\n", r"s\.ts, line 5: the channels have 3, 2 values\n.*as many in every channel"),
        (HEAD + "1,2:3,4:a\n1,2:3,?:a\n", r"s\.ts, series 2: the value of channel 2 at step 2 is missing or infinite\n.*\n.*fill the gaps"),
        (HEAD + "1,2:a\n1,2,NaN,4:a\n", r"s\.ts, series 2: the value of channel 1 at step 3 is missing"),
        (HEAD + "1,2,:a\n", r"s\.ts, series 1: the value of channel 1 at step 3 is missing"),
        (HEAD + "1,-inf:a\n", r"s\.ts, series 1: the value of channel 1 at step 2 is missing or infinite"),
        (HEAD + "# a comment\n1,2:a\n1,two:a\n", r"s\.ts, line 7: 'two' is no number\n.*numbers"),
        (HEAD + "1,2:3,4:a\n1,2:a\n", r"s\.ts, series 2 has 1 channels, the first one has 2"),
        (HEAD + "1,2:a\n3:b\n", r"s\.ts, series 2 has 1 step\n.*two or more"),
        (HEAD + "1,2:a\n3,4:\n", r"s\.ts, series 2 has no label"),
        (HEAD.encode() + b"1,2:caf\xe9\n", r"s\.ts is not UTF-8 text: byte 0xe9 in line 5"),
    ],
)
def test_a_ts_file_that_cannot_be_learned_from_says_where(put, text, said):
    with pytest.raises(UserError, match=said):
        read(put("s.ts", text))


def test_series_without_labels_are_read_where_none_are_asked_for(put):
    path = put("s.ts", HEAD + "1,2:a\n3,4:\n")
    assert read(path, labelled=False).labels == ["a", ""]


@pytest.mark.parametrize(("labels", "read_as"), [(["up", "down", "up"], ["up", "down", "up"]), ([2, 0, 2], ["2", "0", "2"])])
def test_an_npz_file_of_one_channel_and_of_several(put_npz, labels, read_as):
    flat = np.arange(12).reshape(3, 4)
    assert_holds(read(put_npz(X=flat, y=np.array(labels))), flat[:, :, None], read_as)
    file = read(put_npz(X=flat.reshape(3, 2, 2), y=np.array(labels)))
    assert_holds(file, flat.reshape(3, 2, 2), read_as)
    assert file.channels == ("channel 1", "channel 2")


def test_the_steps_behind_a_length_are_not_looked_at(put_npz):
    values = np.array([[1, 2, np.nan], [4, 5, 6]])
    assert_holds(read(put_npz(X=values, y=[0, 1], lengths=[2, 3])), [values[0, :2, None], values[1, :, None]], ["0", "1"])
    with pytest.raises(UserError, match="series 1: the value of channel 1 at step 3 is missing"):
        read(put_npz(X=values, y=[0, 1]))


def test_an_npz_file_without_labels_serves_where_none_are_asked_for(put_npz):
    path = put_npz(X=np.ones((3, 4)))
    assert read(path, labelled=False).labels == [""] * 3
    with pytest.raises(UserError, match="series 1 has no label"):
        read(path)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"values": np.ones((3, 4)), "y": [0, 1, 0]}, r"s\.npz holds values, y\n.*arrays X"),
        ({}, r"s\.npz holds nothing\n.*arrays X"),
        ({"X": np.ones(3), "y": [0, 1, 0]}, r"s\.npz holds x \(3,\) of float64.*\n.*X \(series, steps, channels\)"),
        ({"X": np.ones((3, 4, 1, 1)), "y": [0, 1, 0]}, r"x \(3, 4, 1, 1\)"),
        ({"X": np.full((3, 4), "a"), "y": [0, 1, 0]}, r"x \(3, 4\) of <U1.*\n.*of numbers"),
        ({"X": np.ones((3, 4)), "y": [0, 1]}, r"x \(3, 4\) of float64, y \(2,\)"),
        ({"X": np.ones((3, 4)), "y": [0, 1, 0], "lengths": [4, 4]}, r"lengths \(2,\)"),
        ({"X": np.ones((3, 4)), "y": [0, 1, 0], "lengths": [2, 5, 3]}, r"s\.npz: lengths go from 2 to 5\n.*at most 4, the steps of X"),
        ({"X": np.ones((3, 4)), "y": [0, 1, 0], "lengths": [2, -1, 3]}, r"lengths go from -1 to 3"),
        ({"X": np.ones((3, 4)), "y": [0, 1, 0], "lengths": [2, 1, 3]}, r"s\.npz, series 2 has 1 step"),
        ({"X": np.ones((3, 1)), "y": [0, 1, 0]}, r"s\.npz, series 1 has 1 step"),
        ({"X": np.ones((0, 4)), "y": []}, r"s\.npz holds no series"),
        ({"X": np.ones((3, 4)), "y": [0, np.nan, 1]}, r"s\.npz, series 2 has no label"),
    ],
)
def test_an_npz_file_of_something_else_says_what_it_holds(put_npz, arrays, said):
    with pytest.raises(UserError, match=said):
        read(put_npz(**arrays))


class Pickled:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["X", "y"])
def test_pickled_objects_are_refused_and_not_run(put_npz, tmp_path, name):
    arrays = {"X": np.ones((2, 4)), "y": np.array([0, 1])} | {name: np.array([Pickled(tmp_path / "run"), 1], object)}
    with pytest.raises(UserError, match=r"s\.npz cannot be read \(Object arrays cannot be loaded"):
        read(put_npz(**arrays))
    assert not (tmp_path / "run").exists()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_an_npz_file_cut_short_anywhere_is_a_user_error(data):
    file = io.BytesIO()
    np.savez(file, X=np.arange(12.0).reshape(3, 4), y=[0, 1, 0])
    whole = file.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.npz"
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(UserError, match=r"s\.npz cannot be read"):
            read(str(path))


def test_a_bare_array_is_no_npz_file(put):
    file = io.BytesIO()
    np.save(file, np.ones((3, 4)))
    with pytest.raises(UserError, match=r"s\.npz cannot be read.*\n.*as numpy\.savez writes"):
        read(put("s.npz", file.getvalue()))


def test_columns_of_a_long_table_are_guessed_by_name(put):
    file = read(put("s.csv", "Label,height,Unique_ID,width,ds\nup,1,k,2,0\nup,3,k,4,1\ndown,5,j,6,0\ndown,7,j,8,1\n"))
    assert_holds(file, [np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]])], ["up", "down"])
    assert (file.channels, file.target) == (("height", "width"), "Label")
    for said in (
        "series are those of column 'Unique_ID'",
        "target is column 'Label'",
        "channels: height, width",
        "steps follow column 'ds'",
    ):
        assert any(said in note for note in file.notes)


def test_columns_of_a_long_table_can_be_given(put):
    path = put("s.csv", "who,when,x,mood\na,2,1,p\na,1,2,p\nb,1,3,q\nb,2,4,q\n")
    assert_holds(read(path, id="who", time="when", target="mood"), [np.array([[2], [1]]), np.array([[3], [4]])], ["p", "q"])


def test_without_a_column_of_times_the_rows_stand_in_order(put):
    file = read(put("s.csv", "id,x,label\na,3,p\nb,9,q\na,1,p\nb,8,q\n"))
    assert_holds(file, [np.array([[3], [1]]), np.array([[9], [8]])], ["p", "q"])
    assert "steps stand in the order of the rows" in file.notes


def test_times_are_numbers_and_not_words(put):
    assert_holds(read(put("s.csv", "id,t,x,label\na,10,3,p\na,9,2,p\na,-1.5,1,p\n")), [np.array([[1], [2], [3]])], ["p"])


@pytest.mark.parametrize(
    "times", [("2016-07-01 13:00", "2016-07-01 02:00", "2015-12-31 23:59"), ("2016-07-02", "2016-07-01", "2016-06-30T23:00:01")]
)
def test_times_are_dates(put, times):
    body = "".join(f"a,{time},{value},p\n" for value, time in zip((3, 2, 1), times, strict=True))
    assert_holds(read(put("s.csv", "id,date,x,label\n" + body)), [np.array([[1], [2], [3]])], ["p"])


def test_a_long_table_may_be_of_other_kinds(put):
    body = "id\ttime\tx\tlabel\na\t1\t2\tp\na\t0\t1\tp\n"
    assert_holds(read(put("s.tsv", body)), [np.array([[1], [2]])], ["p"])
    lines = '{"id": 7, "t": 1, "x": 2, "label": 1.0}\n{"id": 7, "t": 0, "x": 1.5, "label": 1}\n'
    assert_holds(read(put("s.jsonl", lines)), [np.array([[1.5], [2]])], ["1"])


def test_a_split_column_and_a_group_column_are_no_channels(put):
    rows = [("a", "train", "p"), ("b", "Dev", "q"), ("c", "TEST", "p"), ("d", "train", "q")]
    body = "".join(f"{name},{t},{t},{label},{split},u{name in 'ab'}\n" for name, split, label in rows for t in range(2))
    file = read(put("s.csv", "id,time,x,label,split,user\n" + body), group="user")
    assert file.given == ["train", "validation", "test", "train"]
    assert file.groups == ["uTrue", "uTrue", "uFalse", "uFalse"]
    assert file.channels == ("x",)


def test_a_long_table_without_labels_serves_where_none_are_asked_for(put):
    file = read(put("s.csv", "id,time,x,y2\na,0,1,2\na,1,3,4\n"), labelled=False)
    assert_holds(file, [np.array([[1, 2], [3, 4]])], [""])
    assert (file.channels, file.given, file.groups) == (("x", "y2"), None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLE + "a,1,1,1,p\na,1,2,2,p\n", r"s\.csv: series 'a' has the time 1 more than once\n.*\n.*--id"),
        ("id,date,x,label\na,2016-07-01,1,p\na,2016-07-01,2,p\n", r"series 'a' has the time 2016-07-01\S* more than once"),
        (TABLE + "a,0,1,1,p\na,1,2,2,q\n", r"s\.csv has no column that looks like a label\n.*one value in each series"),
        (TABLE + "a,0,1,1,p\na,1,2,high,p\n", r"s\.csv, column 'y', data row 2: 'high' is no number"),
        (TABLE + "a,0,1,1,p\na,1,2,,p\n", r"s\.csv, series a: the value of channel 2 at step 2 is missing"),
        (TABLE + "a,noon,1,1,p\na,dusk,2,2,p\n", r"s\.csv, column 'time', series 'a' holds no times.*\n.*2016-07-01 13:00"),
        (TABLE + "a,0,1,1,p\nb,0,2,2,q\nb,1,2,2,q\n", r"s\.csv, series a has 1 step\n.*two or more"),
        (TABLE + "a,0,1,1,\na,1,2,2,\nb,0,1,1,q\nb,1,2,2,q\n", r"s\.csv, series a has no label"),
        ("time,x,label\n0,1,p\n1,2,p\n", r"s\.csv has no column that names the series\n.*unique_id, id.*\n.*--id"),
        ("id,time,label\na,0,p\na,1,p\n", r"s\.csv has no column of values\n.*a column of numbers per channel"),
        ("id,time,x,v\na,0,1.5,2.5\na,1,3.5,4.5\n", r"s\.csv has no column that looks like a label\n.*\n.*--target"),
        ("", r"s\.csv is empty"),
        (TABLE.encode() + b"a,0,1,1,caf\xe9\n", r"s\.csv is not UTF-8 text: byte 0xe9 in line 2"),
    ],
)
def test_a_long_table_that_cannot_be_learned_from_says_where(put, text, said):
    with pytest.raises(UserError, match=said):
        read(put("s.csv", text))


@pytest.mark.parametrize("option", ["id", "time", "target", "group"])
def test_an_unknown_column_is_answered_with_the_nearest_one(put, option):
    with pytest.raises(UserError, match=r"no column 'lable'\n.*did you mean 'label'"):
        read(put("s.csv", TABLE + "a,0,1,1,p\na,1,2,2,p\nb,0,1,1,q\nb,1,2,2,q\n"), **{option: "lable"})


def test_a_series_that_changes_its_split_or_group_is_a_user_error(put):
    with pytest.raises(UserError, match="series 'a' has 'test' and 'train' in column 'split'"):
        read(put("s.csv", "id,time,x,label,split\na,0,1,p,train\na,1,2,p,test\n"))
    with pytest.raises(UserError, match="series 'a' has 'u' and 'v' in column 'user'"):
        read(put("g.csv", "id,time,x,label,user\na,0,1,p,u\na,1,2,p,v\n"), group="user")


@pytest.mark.parametrize("name", ["s.xlsx", "s.xlsx.gz", "series", "demo:unheard"])
def test_an_unknown_kind_of_file_is_answered_with_the_known_ones(name):
    with pytest.raises(UserError, match=rf"{name} has no known kind of series.*\n.*\.ts \.npz \.csv"):
        read(name)


@pytest.mark.parametrize("suffix", [".ts", ".ts.gz", ".npz", ".csv"])
def test_a_missing_file_is_answered_with_one_of_a_similar_name(put, tmp_path, suffix):
    put(f"gestures{suffix}", "")
    with pytest.raises(UserError, match=rf"there is no file .*gesture{suffix}.*\n.*did you mean gestures{suffix}"):
        read(str(tmp_path / f"gesture{suffix}"))


def test_the_digits_are_series_of_eight_rows():
    file = read("demo:digits")
    assert len(file.series) == len(file.labels) == 1797
    assert {values.shape for values in file.series} == {(8, 8)}
    assert sorted(set(file.labels)) == list("0123456789")
    assert len(file.channels) == 8
    assert file.sha256 == read("demo:digits").sha256
