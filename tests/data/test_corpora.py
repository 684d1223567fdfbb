"""Running text stays as written, its parts are what was given or what is cut in order, and every mistake is one clear message."""

import ast
import contextlib
import dataclasses
import gzip
import itertools
import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.corpora import LARGE, MANY, TextCorpus, load_text_corpus, split_corpus
from seqwise.data.splits import Split

TEXT = "First line \r\n\n  second\tline\u2028third\nno end"


def write(folder, files):
    """Files of a folder, packed where the name ends in .gz; returns the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = data if isinstance(data, bytes) else data.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def corpus(*documents, given=None):
    return TextCorpus(documents, tuple(given or [""] * len(documents)), "some text", "")


def joined(parts):
    return "".join(document for documents in parts.values() for document in documents)


@pytest.mark.parametrize("name", ["a.txt", "a.text", "a.md", "a.rst", "A.TXT", "a.txt.gz"])
def test_a_file_is_one_document_kept_to_the_letter(tmp_path, name):
    read = load_text_corpus(write(tmp_path, {name: TEXT}) / name)
    assert (read.documents, read.given, read.source, read.notes) == ((TEXT,), ("",), str(tmp_path / name), ())
    assert len(read) == 1


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert load_text_corpus(write(tmp_path, {"a.txt": b"\xef\xbb\xbf" + TEXT.encode()}) / "a.txt").documents == (TEXT,)


def test_a_folder_is_its_text_files_in_the_order_of_their_paths(tmp_path):
    files = {
        "b.txt": "3",
        "a/z.md": "1",
        "a/.hidden.txt": "x",
        ".git/c.txt": "x",
        "c.txt.gz": "4",
        "a.rst": "2",
        "d.csv": "x,y\n",
        "e.txt": " \n",
    }
    read = load_text_corpus(str(write(tmp_path, files)))
    assert read.documents == ("2", "1", "3", "4")
    assert set(read.given) == {""}
    assert read.notes == (f"{tmp_path}: every file is one document (5)", f"{tmp_path}: 1 empty documents are left out")


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt.gz", "valid.txt.gz", "test.txt.gz"),
        ("wiki.train.txt", "wiki.valid.txt", "wiki.test.txt"),
        ("train/a.txt", "dev/b.txt", "test/c/d.txt"),
        ("Train.md", "VAL/x.txt", "testing.rst"),
    ],
)
def test_names_in_a_folder_give_the_splits(tmp_path, names):
    read = load_text_corpus(str(write(tmp_path, dict(zip(names, "abc", strict=True)) | {"README.md": "read me"})))
    assert dict(zip(read.given, read.documents, strict=True)) == {"train": "a", "validation": "b", "test": "c"}
    assert read.notes[0].endswith("(3)")
    assert "names in" in read.notes[1]
    assert read.notes[2].endswith("no split: README.md")


def test_a_test_file_is_never_trained_on(tmp_path):
    read = load_text_corpus(str(write(tmp_path, dict.fromkeys(("book.txt", "plan.md", "test.txt"), "a"))))
    assert read.given == ("train", "train", "test")
    assert any("splits are those of the names" in note for note in read.notes)


@pytest.mark.parametrize("names", [("train.txt", "bus.txt"), ("valid.txt", "test.txt"), ("training_plan.md", "notes.md")])
def test_a_name_alone_is_no_split(tmp_path, names):
    read = load_text_corpus(str(write(tmp_path, dict.fromkeys(names, "a"))))
    assert read.given == ("", "")


def test_tables_agree(tmp_path):
    import pyarrow
    import pyarrow.parquet

    columns = {"split": ["train", "Valid", "train", "test"], "label": ["a", "b", "a", "b"], "body": ["one\ntwo", "NA", "", " 007 "]}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    lines = ["split,label,body", 'train,a,"one\ntwo"', "Valid,b,NA", 'train,a,""', "test,b, 007 "]
    files = {"t.csv": "\n".join(lines), "t.jsonl.gz": "\n".join(map(json.dumps, records)), "t.json": json.dumps(records)}
    write(tmp_path, files)
    read = [load_text_corpus(str(path)) for path in sorted(tmp_path.iterdir())]
    assert len({each.sha256 for each in read}) == 1
    assert read[0].documents == ("one\ntwo", "NA", " 007 ")
    assert read[0].given == ("train", "validation", "test")
    assert [note.removeprefix(f"{tmp_path / 't.csv'}: ") for note in read[0].notes] == [
        "every row is one document (4)",
        "text is column 'body'",
        "splits are those of column 'split'",
        "1 empty documents are left out",
    ]


def test_the_column_may_be_named(tmp_path):
    path = str(write(tmp_path, {"t.csv": "text,number\na,1\nb,2\n"}) / "t.csv")
    assert load_text_corpus(path, text="number").documents == ("1", "2")
    assert load_text_corpus(path).documents == ("a", "b")


def test_the_hub_gives_a_document_a_row(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    for split in ("train", "validation", "test"):
        (tmp_path / "data").mkdir(exist_ok=True)
        datasets.Dataset.from_dict({"text": ["", f" = {split} = \n"]}).to_parquet(tmp_path / "data" / f"{split}.parquet")
    read = load_text_corpus(f"hf:{tmp_path / 'data'}")
    assert dict(zip(read.given, read.documents, strict=True)) == {split: f" = {split} = \n" for split in ("train", "validation", "test")}


def test_separate_sources_of_any_kind(tmp_path):
    write(tmp_path, {"a.csv": "text,label\nx y,1\nz,2\n", "v/1.txt": "v1", "v/2.txt": "v2", "t.jsonl": '{"title": "no", "text": "t"}\n'})
    read = load_text_corpus(str(tmp_path / "a.csv"), validation=tmp_path / "v", test=str(tmp_path / "t.jsonl"))
    assert read.documents == ("x y", "z", "v1", "v2", "t")
    assert read.given == ("train", "train", "validation", "validation", "test")
    assert split_corpus(read) == {Split.TRAIN: ["x y", "z"], Split.VALIDATION: ["v1", "v2"], Split.TEST: ["t"]}


def test_other_tables_have_the_same_column(tmp_path):
    write(tmp_path, {"a.csv": "body,title\nlonger words,x\n", "b.csv": "title,body\nmuch longer words,y\n", "c.csv": "words\nz\n"})
    read = load_text_corpus(str(tmp_path / "a.csv"), text="title", test=str(tmp_path / "b.csv"))
    assert read.documents == ("x", "much longer words")
    with pytest.raises(UserError, match=r"c\.csv has no column 'body'"):
        load_text_corpus(str(tmp_path / "a.csv"), text="body", test=str(tmp_path / "c.csv"))


def test_hash_follows_documents_and_parts(tmp_path):
    write(tmp_path, {"a.txt": "x", "b.txt.gz": "x", "c.txt": "y", "d/1.txt": "x", "d/2.txt": "y", "e/1.txt": "x\ny"})
    same = [load_text_corpus(tmp_path / name).sha256 for name in ("a.txt", "b.txt.gz")]
    others = [load_text_corpus(tmp_path / name).sha256 for name in ("c.txt", "d", "e")]
    parts = [load_text_corpus(tmp_path / "a.txt", **{split: tmp_path / "c.txt"}).sha256 for split in ("validation", "test")]
    assert same[0] == same[1]
    assert len({same[0], *others, *parts}) == 6


BROKEN = {
    "missing.txt": (None, "there is no file"),
    "missing.csv": (None, "there is no file"),
    "missing": (None, "there is no file"),
    "blank.txt": (" \n\t\n", "holds no text"),
    "empty.md": ("", "holds no text"),
    "empty.csv": ("", "is empty"),
    "blank.csv": ('text,label\n" ",a\n" ",b\n', "holds no text"),
    "latin.txt": (b"caf\xe9", r"not UTF-8 text: byte 0xe9 in line 1"),
    "zero.txt": (b"a\0b", "is not text: a zero byte"),
    "cut.txt.gz": (b"", "is not a whole gzip file"),
    "book.docx": (b"PK", r"no known kind of text \(suffix '\.docx'\)\n.*\.txt \.text \.md \.rst \.csv .*\.parquet"),
    "book": (b"text", r"suffix ''"),
    "numbers.jsonl": ('{"a": 1}\n', "no column of text"),
    "lists.jsonl": ('{"text": ["a"]}\n', "no column of text"),
    "folder": ("folder", r"folder .* holds no text\n.*\.txt \.text \.md \.rst.*\n.*hf:"),
    "blank folder": ({"a.txt": " ", "b.txt": ""}, "holds no text"),
    "blank split": ({"train.txt": "a", "test.txt": "\n"}, "the test part of .* holds no text"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_says_why(tmp_path, name):
    data, says = BROKEN[name]
    if isinstance(data, dict):
        write(tmp_path / name, data)
    elif data == "folder":
        write(tmp_path / name, {"a.parquet": "x", ".b.txt": "x"})
    elif name == "cut.txt.gz":
        (tmp_path / name).write_bytes(gzip.compress(b"text")[:-9])
    elif data is not None:
        write(tmp_path, {name: data})
    with pytest.raises(UserError, match=says) as caught:
        load_text_corpus(str(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)


def test_options_that_do_not_fit(tmp_path):
    write(tmp_path, {"a.txt": "a", "s/train.txt": "a", "s/test.txt": "b", "t.csv": "text,label\na,b\n"})
    with pytest.raises(UserError, match=r"plain text and has no column 'body'\n.*leave out --text"):
        load_text_corpus(tmp_path / "a.txt", text="body")
    with pytest.raises(UserError, match=r"has no column 'txt'\n.*did you mean 'text'"):
        load_text_corpus(tmp_path / "t.csv", text="txt")
    with pytest.raises(UserError, match=r"already has a test part\n.*leave out --test"):
        load_text_corpus(tmp_path / "s", test=tmp_path / "a.txt")
    with pytest.raises(UserError, match=r"given for test, has parts of its own \(test, train\)"):
        load_text_corpus(tmp_path / "a.txt", test=tmp_path / "s")
    with pytest.raises(UserError, match=r"there is no file .*b\.txt"):
        load_text_corpus(tmp_path / "a.txt", validation=tmp_path / "b.txt")
    with pytest.raises(UserError, match="unknown demo 'pyton'"):
        load_text_corpus("demo:pyton")


def test_demo_of_programs():
    read = load_text_corpus("demo:python")
    assert 3_000_000 < sum(map(len, read.documents)) < 5_000_000
    assert all(isinstance(ast.parse(document), ast.Module) for document in read.documents[::20])
    assert read == load_text_corpus("demo:python")


def test_demo_of_documentation():
    read = load_text_corpus("demo:docs")
    assert 1_000_000 < sum(map(len, read.documents)) < 4_000_000
    assert any('The "assert" statement' in document for document in read.documents)
    assert any("Regular expression" in document or "regular expression" in document for document in read.documents)
    parts = split_corpus(read)
    assert 10 <= len(parts[Split.TEST]) <= 40


def test_a_table_of_labelled_texts_is_text_too():
    read = load_text_corpus("demo:docstrings")
    assert len(read) > 1500
    assert "text is column 'text'" in read.notes


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab é雪🙂\n\r ."), min_size=1, max_size=400), st.floats(0.01, 0.45), st.floats(0.01, 0.45))
def test_the_parts_of_one_document_are_the_document(text, validation, test):
    assume(text.strip())
    with contextlib.suppress(UserError):
        parts = split_corpus(corpus(text), shares=(1 - validation - test, validation, test))
        assert joined(parts) == text
        assert all("".join(documents).strip() for documents in parts.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab \n", min_size=20, max_size=80).filter(str.strip), min_size=1, max_size=2 * MANY))
def test_the_parts_of_documents_are_the_documents(documents):
    sizes = [len(document) for document in documents]
    whole = len(documents) >= MANY and max(sizes) <= LARGE * sum(sizes)
    with contextlib.nullcontext() if whole else contextlib.suppress(UserError):
        parts = split_corpus(corpus(*documents))
        if not whole:
            assert joined(parts) == "".join(documents)
        else:
            assert sorted(itertools.chain(*parts.values())) == sorted(documents)


@pytest.mark.parametrize(
    ("unit", "end"), [("Some line of words.\n", "\n"), ("word ", " "), ("wörter und\r\n", "\n"), ("没有空格。", ""), ("🙂", "")]
)
def test_a_cut_is_near_its_share_and_behind_a_mark(unit, end):
    text = unit * 2000
    parts = split_corpus(corpus(text))
    assert joined(parts) == text
    assert all(documents[0].endswith(end) for documents in parts.values())
    for split, share in zip(Split, (0.9, 0.05, 0.05), strict=True):
        assert len(parts[split][0].encode()) / len(text.encode()) == pytest.approx(share, abs=0.001)


def test_a_far_line_end_is_no_place_to_cut():
    parts = split_corpus(corpus("Title\n" + "word " * 2000 + "\n"))
    assert [round(len(documents[0]), -1) for documents in parts.values()] == [9010, 500, 500]


def test_few_documents_are_cut_at_the_end():
    documents = [f"{name}\n" * 100 for name in "abcde"]
    parts = split_corpus(corpus(*documents), shares=(0.5, 0.25, 0.25))
    assert parts == {
        Split.TRAIN: ["a\n" * 100, "b\n" * 100, "c\n" * 50],
        Split.VALIDATION: ["c\n" * 50, "d\n" * 75],
        Split.TEST: ["d\n" * 25, "e\n" * 100],
    }


def test_many_documents_stay_whole_and_are_evenly_spaced():
    documents = [f"document {number}" for number in range(100)]
    parts = split_corpus(corpus(*documents))
    assert {split: len(part) for split, part in parts.items()} == {Split.TRAIN: 90, Split.VALIDATION: 5, Split.TEST: 5}
    assert parts[Split.TEST] == [f"document {number}" for number in (19, 39, 59, 79, 99)]
    assert split_corpus(corpus(*documents)) == parts
    twenty = split_corpus(corpus(*documents[:MANY]))
    assert [len(part) for part in twenty.values()] == [18, 1, 1]


def test_a_large_document_among_many_is_cut():
    documents = ["small\n"] * 19 + ["large\n" * 1000] + ["small\n"] * 5
    parts = split_corpus(corpus(*documents))
    assert joined(parts) == "".join(documents)
    assert len("".join(parts[Split.TRAIN])) > 0.85 * len("".join(documents))


def test_what_is_given_stays():
    lines = "line\n" * 1000
    read = corpus(lines, "a", "b", "c", given=["train", "test", "", "test"])
    parts = split_corpus(read)
    assert parts[Split.TEST] == ["a", "c"]
    assert "".join(parts[Split.TRAIN] + parts[Split.VALIDATION]) == lines + "b"
    assert len("".join(parts[Split.VALIDATION])) == pytest.approx(5000 * 0.05 / 0.95, abs=5)
    only_validation = dataclasses.replace(read, given=("", "validation", "", "validation"))
    assert split_corpus(only_validation)[Split.VALIDATION] == ["a", "c"]


@pytest.mark.parametrize("documents", [("a",), ("ab",), ("a" + " " * 1000,), ("a", "b")])
def test_too_little_text(documents):
    with pytest.raises(UserError, match=r"some text is too short to divide: its \w+ part would be empty\n.*\n.*--validation and --test"):
        split_corpus(corpus(*documents))


def test_wikitext2(real_data):
    folder = real_data("wikitext2")
    read = load_text_corpus(folder)
    sizes = {split: len(document.encode()) for split, document in zip(read.given, read.documents, strict=True)}
    assert sizes["train"] == 10_797_148
    assert set(sizes) == {"train", "validation", "test"}
    parts = split_corpus(read)
    assert parts[Split.TEST] == [gzip.decompress((folder / "test.txt.gz").read_bytes()).decode()]


def test_tinyshakespeare(real_data):
    path = real_data("tinyshakespeare") / "input.txt"
    parts = split_corpus(load_text_corpus(path))
    assert joined(parts).encode() == path.read_bytes()
    assert [round(len(documents[0]) / 1_115_394, 2) for documents in parts.values()] == [0.9, 0.05, 0.05]
