"""Pairs from tables and from parallel files, and what is wrong with them."""

import gzip

import pytest

from seqwise.core.errors import UserError
from seqwise.data.pairs import PairColumns, load_pairs
from seqwise.data.splits import Split, make_splits
from tiny import word_pairs, write_pairs

SOURCES, TARGETS = word_pairs(30)


def lines(path, texts, end="\n"):
    path.write_bytes((end.join(texts) + end).encode())
    return path


def test_the_first_text_column_is_the_source_and_that_is_said(tmp_path):
    corpus = load_pairs(str(write_pairs(tmp_path / "a.csv", SOURCES, TARGETS)))
    assert (corpus.sources, corpus.targets) == (tuple(SOURCES), tuple(TARGETS))
    assert (corpus.source_column, corpus.target_column) == ("en", "xx")
    assert corpus.notes == ("source is column 'en'", "target is column 'xx'")


def test_named_columns_win(tmp_path):
    file = str(write_pairs(tmp_path / "a.csv", SOURCES, TARGETS))
    for columns in (PairColumns(source="xx"), PairColumns(target="en"), PairColumns("xx", "en")):
        assert load_pairs(file, columns=columns).sources == tuple(TARGETS)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_parallel_files_are_the_same_pairs(tmp_path, end):
    names = [lines(tmp_path / f"train.{suffix}", texts, end) for suffix, texts in (("en", SOURCES), ("xx", TARGETS))]
    packed = [tmp_path / f"train.{suffix}.gz" for suffix in ("en", "xx")]
    for name, file in zip(names, packed, strict=True):
        file.write_bytes(gzip.compress(name.read_bytes()))
    for files in (names, packed):
        corpus = load_pairs(",".join(map(str, files)))
        assert (corpus.sources, corpus.targets) == (tuple(SOURCES), tuple(TARGETS))


def test_separate_files_fix_the_splits(tmp_path):
    def named(name, texts):
        return str(lines(tmp_path / name, texts))

    def both(name, part):
        return f"{named(f'{name}.en', SOURCES[part])},{named(f'{name}.xx', TARGETS[part])}"

    parts = slice(0, 20), slice(20, 25), slice(25, 30)
    train, validation, test = (both(name, part) for name, part in zip(("train", "dev", "test"), parts, strict=True))
    corpus = load_pairs(train, validation=validation, test=test)
    plan = make_splits(corpus, replicates=3, seed=0)
    for split, part in zip(Split, parts, strict=True):
        assert [corpus.sources[i] for i in plan.replicates[2].indices(split)] == SOURCES[part]


def test_the_same_source_never_stands_on_both_sides(tmp_path):
    sources = [f"  text   {i // 3}" if i % 2 else f"text {i // 3}" for i in range(300)]
    corpus = load_pairs(str(write_pairs(tmp_path / "a.csv", sources, [f"translation {i}" for i in range(300)])))
    for splits in make_splits(corpus, replicates=5, seed=0).replicates:
        keys = [{corpus.keys[i] for i in splits.indices(split)} for split in Split]
        assert not keys[0] & keys[1]
        assert not keys[0] & keys[2]
        assert not keys[1] & keys[2]
        assert len(keys[2]) >= 15


def test_a_split_column_and_groups(tmp_path):
    rows = "\n".join(f"{s},{t},{'test' if i > 20 else 'train'},g{i % 4}" for i, (s, t) in enumerate(zip(SOURCES, TARGETS, strict=True)))
    (tmp_path / "a.csv").write_text("en,xx,split,by\n" + rows)
    corpus = load_pairs(str(tmp_path / "a.csv"), columns=PairColumns(group="by"))
    assert (corpus.source_column, corpus.target_column, corpus.given.count("test")) == ("en", "xx", 9)
    assert set(corpus.groups) == {"g0", "g1", "g2", "g3"}


BAD = {
    "one.csv": ("text\n" + "a b\n" * 20, r"one.csv has one column of text \(text\)\n  expected: a source and a target"),
    "number.csv": ("text\n", "number.csv"),
    "source.csv": ("en,xx\n" + "a,b\n" * 20 + ",b\n", r"source.csv: 'en' is empty in 1 of 21 pairs \(data rows 21\)"),
    "target.csv": ("en,xx\n" + "a,b\n" * 20 + "a, \n", r"target.csv: 'xx' is empty in 1 of 21 pairs \(data rows 21\)"),
    "few.csv": ("en,xx\n" + "a,b\n" * 5, "few.csv has 5 pairs for training\n  expected: 10 or more"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_user_errors(name, tmp_path):
    content, said = BAD[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=said):
        load_pairs(str(tmp_path / name))


def test_bad_parallel_files_are_user_errors(tmp_path):
    three, four, gap = (lines(tmp_path / name, texts) for name, texts in (("a", "xyz"), ("b", "wxyz"), ("c", ["x", "", "z"])))
    with pytest.raises(UserError, match=r"a has 3 lines, .*b has 4\n  expected: parallel files"):
        load_pairs(f"{three},{four}")
    with pytest.raises(UserError, match=r"'target' is empty in 1 of 3 pairs \(lines 2\)"):
        load_pairs(f"{three},{gap}")
    with pytest.raises(UserError, match="names 3 files"):
        load_pairs(f"{three},{four},{gap}")
    with pytest.raises(UserError, match=r"there is no file .*d "):
        load_pairs(f"{three},{tmp_path / 'd'}")


@pytest.mark.parametrize("columns", [PairColumns(source="nosuch"), PairColumns(target="nosuch"), PairColumns(group="nosuch")])
def test_a_column_that_is_not_there(columns, tmp_path):
    with pytest.raises(UserError, match="has no column 'nosuch'"):
        load_pairs(str(write_pairs(tmp_path / "a.csv", SOURCES, TARGETS)), columns=columns)


def test_one_column_for_both(tmp_path):
    with pytest.raises(UserError, match="column 'en' is given as source and as target"):
        load_pairs(str(write_pairs(tmp_path / "a.csv", SOURCES, TARGETS)), columns=PairColumns("en", "en"))
