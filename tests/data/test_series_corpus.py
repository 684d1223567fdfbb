"""A corpus of series: which file is which split, what does not go together, and by what data are told apart."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.series import SeriesCorpus, load_series_corpus
from seqwise.data.series_format import SeriesColumns


def ts(count, label=lambda n: n % 2, channels=1, shift=0):
    rows = [":".join(f"{n + shift},{channel},{n}.5" for channel in range(channels)) + f":{label(n)}\n" for n in range(count)]
    return "@timeStamps false\n@classLabel true 0 1\n@data\n" + "".join(rows)


def table(count, split=None, label=lambda n: "pq"[n % 2]):
    """A long table of series of two steps."""
    rows = [[f"s{n}", t, n + t, label(n), *([split(n)] if split else [])] for n in range(count) for t in range(2)]
    return "id,time,x,label" + (",split" if split else "") + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


@pytest.fixture
def put(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_one_file_leaves_the_splits_open(put):
    corpus = load_series_corpus(put("s.ts", ts(12)))
    assert len(corpus) == len(corpus.series) == len(corpus.labels) == 12
    assert corpus.given == ("",) * 12
    assert corpus.classes == ("0", "1")
    assert corpus.channels == ("channel 1",)
    assert corpus.groups is None
    assert corpus.target_column == "label"
    assert not any("official" in note for note in corpus.notes)


@pytest.mark.parametrize("validation", [False, True])
def test_the_official_test_file_beside_the_training_file_is_the_test(put, validation):
    train, official = put("Made_TRAIN.ts", ts(12)), put("Made_TEST.ts", ts(4, shift=100))
    more = {"validation": put("other.ts", ts(2, shift=50))} if validation else {}
    corpus = load_series_corpus(train, **more)
    assert corpus.given == ("train",) * 12 + ("validation",) * 2 * validation + ("test",) * 4
    assert [values[0, 0] for values in corpus.series[-4:]] == [100, 101, 102, 103]
    assert any("official" in note and "Made_TEST.ts" in note for note in corpus.notes)
    assert corpus.sha256 == load_series_corpus(train, test=official, **more).sha256


def test_the_official_test_file_gives_way_to_the_one_that_is_named(put):
    train = put("Made_TRAIN.ts", ts(12))
    put("Made_TEST.ts", ts(4))
    corpus = load_series_corpus(train, test=put("mine.ts", ts(3, shift=200)))
    assert corpus.given == ("train",) * 12 + ("test",) * 3
    assert corpus.series[-3][0, 0] == 200
    assert not any("official" in note for note in corpus.notes)


def test_the_official_test_file_is_left_alone_outside_training(put):
    train = put("Made_TRAIN.ts", ts(12))
    put("Made_TEST.ts", ts(4))
    assert len(load_series_corpus(train, for_training=False)) == 12


@pytest.mark.parametrize(
    ("name", "beside"), [("Made_TRAIN.ts", "Made_TEST.ts.gz"), ("TRAINING_SET.ts", "TESTING_SET.ts"), ("A_TRAIN_1.ts", "A_TEST_1.ts")]
)
def test_no_other_file_is_taken_for_the_official_test(put, name, beside):
    put(beside, "not read")
    assert len(load_series_corpus(put(name, ts(12)))) == 12


def test_separate_files_come_in_order(put):
    train, dev, test = put("s.ts", ts(12)), put("d.ts", ts(2, shift=50)), put("t.ts", ts(3, shift=90))
    corpus = load_series_corpus(train, test=test, validation=dev)
    assert corpus.given == ("train",) * 12 + ("validation",) * 2 + ("test",) * 3
    assert [values[0, 0] for values in corpus.series[12:]] == [50, 51, 90, 91, 92]
    hashes = [load_series_corpus(train, **more).sha256 for more in ({}, {"test": test}, {"test": dev}, {"test": test, "validation": dev})]
    assert len(set(hashes)) == 4


def test_files_of_different_kinds_go_together(put, tmp_path):
    np.savez(tmp_path / "t.npz", X=np.ones((2, 5)), y=[1, 0])
    corpus = load_series_corpus(put("s.ts", ts(12)), test=str(tmp_path / "t.npz"))
    assert corpus.labels[-2:] == ("1", "0")
    assert {len(values) for values in corpus.series} == {3, 5}


@pytest.mark.parametrize("option", ["validation", "test"])
def test_another_number_of_channels_in_another_file_is_a_user_error(put, option):
    with pytest.raises(UserError, match=r"wide\.ts has 3 channels\n.*2, as in .*s\.ts"):
        load_series_corpus(put("s.ts", ts(12, channels=2)), **{option: put("wide.ts", ts(4, channels=3))})


@pytest.mark.parametrize("option", ["validation", "test"])
def test_a_label_unknown_in_training_is_a_user_error(put, option):
    with pytest.raises(UserError, match=r"odd\.ts, .* 3: label 'new' does not occur in the training examples of .*s\.ts"):
        load_series_corpus(put("s.ts", ts(12)), **{option: put("odd.ts", ts(4, label=lambda n: "new" if n == 2 else 0))})


def test_a_label_unknown_in_training_is_a_user_error_in_the_official_test_too(put):
    put("Made_TEST.ts", ts(4, label=lambda n: "new"))
    with pytest.raises(UserError, match=r"Made_TEST\.ts, .* 1: label 'new' does not occur"):
        load_series_corpus(put("Made_TRAIN.ts", ts(12)))


def test_a_split_column_fixes_the_splits(put):
    path = put("s.csv", table(18, split=lambda n: ("train", "val", "test")[0 if n < 12 else n % 3]))
    corpus = load_series_corpus(path)
    assert [corpus.given.count(split) for split in ("train", "validation", "test")] == [14, 2, 2]
    assert corpus.channels == ("x",)


@pytest.mark.parametrize("option", ["validation", "test"])
def test_a_split_column_beside_a_separate_file_is_a_user_error(put, option):
    path = put("s.csv", table(18, split=lambda n: "train" if n < 12 else "test"))
    with pytest.raises(UserError, match=rf"s\.csv has splits of its own in a column\n.*leave out --{option}"):
        load_series_corpus(path, **{option: put("t.csv", table(2))})


def test_classes_are_those_of_training(put):
    path = put("s.csv", table(18, split=lambda n: "train" if n < 12 else "test", label=lambda n: "new" if n == 17 else "pq"[n % 2]))
    with pytest.raises(UserError, match="label 'new' does not occur in the training"):
        load_series_corpus(path)
    assert load_series_corpus(path, for_training=False).classes == ("p", "q")


def test_groups_are_read_and_change_the_hash(put):
    body = "".join(f"s{n},{t},{n + t},{'pq'[n % 2]},u{n // 3}\n" for n in range(12) for t in range(2))
    path = put("s.csv", "id,time,x,label,user\n" + body)
    corpus = load_series_corpus(path, columns=SeriesColumns(group="user"))
    assert corpus.groups == tuple(f"u{n // 3}" for n in range(12))
    assert corpus.sha256 != load_series_corpus(path, columns=SeriesColumns(group="user", target="label")).sha256


def test_too_few_series_are_a_user_error(put):
    path = put("s.ts", ts(9))
    with pytest.raises(UserError, match=r"s\.ts has 9 training examples\n.*10 or more"):
        load_series_corpus(path)
    assert len(load_series_corpus(path, for_training=False)) == 9
    with pytest.raises(UserError, match="has 9 training examples"):
        load_series_corpus(path, test=put("t.ts", ts(20)))


def test_one_class_is_a_user_error(put):
    path = put("s.ts", ts(12, label=lambda n: "same"))
    with pytest.raises(UserError, match=r"s\.ts: .*has one class only, 'same'\n.*two or more classes"):
        load_series_corpus(path)
    assert load_series_corpus(path, for_training=False).classes == ("same",)


def test_labels_that_never_repeat_are_a_user_error(put):
    with pytest.raises(UserError, match="every value of the label is different"):
        load_series_corpus(put("s.ts", ts(12, label=str)))


def test_a_class_of_one_series_is_noted(put):
    corpus = load_series_corpus(put("s.ts", ts(12, label=lambda n: "rare" if n == 5 else n % 2)))
    assert any("single example: rare" in note for note in corpus.notes)


def test_the_same_data_have_the_same_hash_wherever_they_lie(put):
    first = load_series_corpus(put("s.ts", ts(12)))
    assert first.sha256 == load_series_corpus(first.source).sha256 == load_series_corpus(put("copy.ts", ts(12))).sha256
    assert len(first.sha256) == 64


@pytest.mark.parametrize("changed", [ts(13), ts(12, shift=1), ts(12, label=lambda n: n % 2 + (n == 11)), ts(12, channels=2)])
def test_changed_data_have_another_hash(put, changed):
    assert load_series_corpus(put("s.ts", ts(12))).sha256 != load_series_corpus(put("changed.ts", changed)).sha256


def corpus_of(series):
    names = [field.name for field in dataclasses.fields(SeriesCorpus) if field.name not in ("series", "notes")]
    return SeriesCorpus(series=tuple(series), **dict.fromkeys(names, ()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([(0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 2), (3, 2, 1, 0)]), min_size=1, max_size=6), st.data())
def test_keys_are_equal_where_values_and_shape_are(rows, data):
    series = []
    for row in rows:
        wide = len(row) % 2 == 0 and data.draw(st.booleans())
        series.append(np.array(row, np.float32).reshape(-1, 2 if wide else 1))
    keys = corpus_of(series).keys
    for one, key in zip(series, keys, strict=True):
        for other, another in zip(series, keys, strict=True):
            assert (key == another) == (one.shape == other.shape and bool((one == other).all()))


def test_keys_find_a_series_that_stands_in_training_and_test(put):
    corpus = load_series_corpus(put("s.ts", ts(12)), test=put("t.ts", ts(4, shift=9)))
    assert set(corpus.keys[12:]).isdisjoint(corpus.keys[:12])
    corpus = load_series_corpus(put("s.ts", ts(12)), test=put("t.ts", ts(14)))
    assert corpus.keys[12:24] == corpus.keys[:12]
    assert set(corpus.keys[24:]).isdisjoint(corpus.keys[:12])


def test_the_digits_are_a_corpus():
    corpus = load_series_corpus("demo:digits")
    assert (len(corpus), len(corpus.classes), set(corpus.given)) == (1797, 10, {""})


@pytest.mark.parametrize(
    ("name", "train", "test", "steps", "channels", "classes"),
    [("GunPoint", 50, 150, 150, 1, 2), ("ItalyPowerDemand", 67, 1029, 24, 1, 2), ("BasicMotions", 40, 40, 100, 6, 4)],
)
def test_real_data(real_data, name, train, test, steps, channels, classes):
    corpus = load_series_corpus(str(real_data(f"ucr_{name}") / f"{name}_TRAIN.ts.gz"))
    assert corpus.given == ("train",) * train + ("test",) * test
    assert {values.shape for values in corpus.series} == {(steps, channels)}
    assert (len(corpus.channels), len(corpus.classes)) == (channels, classes)
    assert any(f"{name}_TEST.ts.gz" in note for note in corpus.notes)


def test_channels_of_another_file_are_found_by_name(tmp_path):
    main = "id,time,x,y,label\n" + "".join(f"{n},{t},{n},{100 + n},{'pq'[n % 2]}\n" for n in range(12) for t in range(3))
    test = "id,time,y,x,label\n" + "".join(f"{n},{t},{100 + n},{n},{'pq'[n % 2]}\n" for n in range(4) for t in range(3))
    (tmp_path / "main.csv").write_text(main)
    (tmp_path / "test.csv").write_text(test)
    corpus = load_series_corpus(str(tmp_path / "main.csv"), test=str(tmp_path / "test.csv"))
    assert corpus.series[13].tolist() == [[1.0, 101.0]] * 3
    (tmp_path / "other.csv").write_text(test.replace("time,y,x", "time,y,z"))
    with pytest.raises(UserError, match="has a channel 'z'"):
        load_series_corpus(str(tmp_path / "main.csv"), test=str(tmp_path / "other.csv"))
    (tmp_path / "split.csv").write_text(test.replace("label\n", "label,split\n", 1).replace("p\n", "p,train\n").replace("q\n", "q,train\n"))
    with pytest.raises(UserError, match="splits of its own"):
        load_series_corpus(str(tmp_path / "main.csv"), test=str(tmp_path / "split.csv"))
