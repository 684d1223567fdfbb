"""Values stay exactly as written; whatever cannot be read whole is one clear message."""

import csv
import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data.tables import read_table

cell = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=20)
tempting = st.sampled_from(["NA", "nan", "null", "None", "007", "1e5", "1.0", " x ", 'say "hi"', "a,b", "a\nb", "True", "-", "#"])
rows = st.lists(st.tuples(cell | tempting, cell | tempting), min_size=1, max_size=8)


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, bom=st.booleans(), packed=st.booleans())
def test_csv_round_trip(tmp_path, rows, bom, packed):
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    opener = gzip.open if packed else open
    with opener(path, "wt", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    assert read_table(str(path)).columns == {"text": [row[0] for row in rows], "label": [row[1] for row in rows]}


def test_formats_agree(tmp_path):
    import pyarrow
    import pyarrow.parquet

    columns = {"text": ["NA", "null", "007", "nan", "a b"], "label": ["x", "y", "x", "y", "NA"]}
    lines = list(zip(*columns.values(), strict=True))
    records = [dict(zip(columns, line, strict=True)) for line in lines]
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    written = {
        "t.csv": "text,label\n" + "".join(f"{a},{b}\n" for a, b in lines),
        "t.tsv": "text\tlabel\r\n" + "".join(f"{a}\t{b}\r\n" for a, b in lines),
        "t.jsonl": "".join(json.dumps(record) + "\n" for record in records),
        "t.json": json.dumps(records),
        "columns.json": json.dumps(columns),
        "fasttext.txt": "".join(f"__label__{b} {a}\n" for a, b in lines),
        "tab.txt": "label\ttext\n" + "".join(f"{b}\t{a}\n" for a, b in lines),
    }
    for name, text in written.items():
        write(tmp_path, name, text)
    for path in sorted(tmp_path.iterdir()):
        write(tmp_path, path.name + ".gz", gzip.compress(path.read_bytes()))
    for path in sorted(tmp_path.iterdir()):
        table = read_table(str(path))
        assert {name: table.columns[name] for name in columns} == columns, path.name
        assert len(table) == 5


def test_semicolons_are_recognised(tmp_path):
    table = read_table(write(tmp_path, "t.csv", 'text;label\n"one; two";a\nthree;b\n'))
    assert table.columns == {"text": ["one; two", "three"], "label": ["a", "b"]}
    assert "semicolons" in table.notes[0]


def test_long_values_are_read(tmp_path):
    text = "word " * 60_000
    assert read_table(write(tmp_path, "t.csv", f"text,label\n{text},a\n")).columns["text"] == [text]


def test_tsv_keeps_stray_quotes(tmp_path):
    table = read_table(write(tmp_path, "t.tsv", 'ham\t"Hello\nspam\twin a "prize" now\nham\tbye" he said\n'))
    assert table.columns["text"] == ['"Hello', 'win a "prize" now', 'bye" he said']


def test_tsv_with_lines_inside_quotes(tmp_path):
    table = read_table(write(tmp_path, "t.tsv", 'text\tlabel\n"two\nlines"\ta\nb\tb\n'))
    assert table.columns == {"text": ["two\nlines", "b"], "label": ["a", "b"]}


@pytest.mark.parametrize(
    ("first", "named"),
    [
        ("text,label", True),
        (",text,label", True),
        ("utterance,intent", True),
        ("Text of the review,Star rating", True),
        ("I loved this film from start to end,pos", False),
        ("book,travel", False),
        ("12,34", False),
        ("same,same", False),
    ],
)
def test_header_is_recognised(tmp_path, first, named):
    filler = "0," if first.startswith(",") else ""
    body = "".join(f"{filler}please book number {n} for me,{'travel' if n % 2 else 'food'}\n" for n in range(20))
    table = read_table(write(tmp_path, "t.csv", f"{first}\n{body}"))
    assert table.named is named
    assert len(table) == 20 + (not named)
    if not named:
        assert set(table.columns) == {"text", "label"}
        assert "no header" in table.notes[0]


def test_header_can_be_said(tmp_path):
    path = write(tmp_path, "t.csv", "a,b\nc,d\n")
    assert list(read_table(path, header=True).columns) == ["a", "b"]
    assert len(read_table(path, header=False)) == 2


def test_three_columns_without_header(tmp_path):
    table = read_table(write(tmp_path, "t.csv", "1,so it goes,x\n2,and so on,y\n"))
    assert list(table.columns) == ["column_1", "column_2", "column_3"]


def test_absent_json_keys_are_missing_values(tmp_path):
    table = read_table(write(tmp_path, "t.jsonl", '{"text": "a"}\n\n{"text": "b", "label": 1}\n'))
    assert table.columns == {"text": ["a", "b"], "label": [None, 1]}


BROKEN = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n \n", "is empty"),
    "header.csv": (b"text,label\n", "no rows"),
    "wide.csv": (b"a,b\n1,2\n3,4,5,6\n", "line 3: 4 values"),
    "narrow.csv": (b'a,b\n"1\n1",2\n3\n', "line 4: 1 values"),
    "quote.csv": (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quote is opened"),
    "behind.csv": (b'a,b\n1,"2" 3\n', "line 2"),
    "twice.csv": (b"text,text\nhello there,b\nthe end,c\n", "two columns"),
    "wide.tsv": (b"a\tb\n1\t2\n3\t4\t5\n", "line 3: 3 values"),
    "binary.csv": (bytes(range(256)), "zero byte in line 1|not UTF-8"),
    "latin.csv": ("text,label\nabc,x\ncaf\u00e9,x\n".encode("latin-1"), r"line 3 \(byte 20"),
    "marked.csv": (b"\xef\xbb\xbfa,b\n\xff,x\n", r"line 2 \(byte 7"),
    "utf16.csv": ("text,label\n".encode("utf-16"), "UTF-16"),
    "zero.csv": (b"text,label\na\0b,c\n", "zero byte in line 2"),
    "cut.jsonl": (b'{"text": "a", "label": 1}\n{"text": \n', "line 2: not valid JSON"),
    "deep.jsonl": (b"[" * 100_000, "line 1: JSON that cannot"),
    "long.json": (b'[{"text": ' + b"9" * 5000 + b"}]", "line 1: JSON that cannot"),
    "list.jsonl": (b"[1, 2]\n", "line 1: not an object"),
    "cut.json": (b'[{"text": "a"},\n{"text"', "line 2: not valid JSON"),
    "number.json": (b"3", "neither a list"),
    "none.json": (b"[]", "no examples"),
    "lengths.json": (b'{"a": [1], "b": []}', "different lengths"),
    "cut.parquet": (b"PAR1" + bytes(range(200)), "not a whole parquet file"),
    "cut.csv.gz": (gzip.compress(b"text,label\n" * 99)[:-9], "not a whole gzip file"),
    "false.csv.gz": (b"text,label\na,b\n", "not a whole gzip file"),
    "plain.txt": (b"once upon a time\nthere was a file\n", "without labels"),
    "two.txt": (b"__label__a __label__b both\n", "more than one label"),
    "book.docx": (b"PK", "suffix '.docx'"),
    "nothing": (b"text", "suffix ''"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_say_what_is_wrong(tmp_path, name):
    data, says = BROKEN[name]
    path = write(tmp_path, name, data)
    with pytest.raises(UserError, match=says) as caught:
        read_table(path)
    assert path in str(caught.value)


def test_parquet_without_rows(tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": pyarrow.array([], pyarrow.string())}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match="no rows"):
        read_table(str(tmp_path / "t.parquet"))


def test_parquet_of_bytes_that_are_no_text(tmp_path):
    import pyarrow
    import pyarrow.parquet

    column = pyarrow.array([b"caf\xe9"], pyarrow.binary()).view(pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match="not a whole parquet file"):
        read_table(str(tmp_path / "t.parquet"))


def test_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path, "reviews.csv", "a,b\n")
    with pytest.raises(UserError, match=r"there is no file .*review\.csv.*\n.*did you mean reviews\.csv"):
        read_table(str(tmp_path / "review.csv"))
    with pytest.raises(UserError, match="missing too"):
        read_table(str(tmp_path / "absent" / "review.csv"))


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        read_table(str(tmp_path))


def test_unknown_demo():
    with pytest.raises(UserError, match="did you mean 'docstrings'"):
        read_table("demo:docstring")


def test_hash_follows_the_bytes(tmp_path):
    first = read_table(write(tmp_path, "a.csv", "text,label\na,b\n"))
    same = read_table(write(tmp_path, "b.csv", "text,label\na,b\n"))
    other = read_table(write(tmp_path, "c.csv", "text,label\na,c\n"))
    assert first.sha256 == same.sha256 != other.sha256
