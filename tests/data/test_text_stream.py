"""Text of any size: what comes out in pieces is what stands in the files, to the letter."""

import gzip
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.core.errors import UserError
from seqwise.data import text_stream
from seqwise.data.text_stream import PIECE, Piece, sources_of, spread_sample, stream_text

WORDS = "the quick brown fox jumps over the lazy dog, naïve coöperation in 東京 😀\n"


def documents(pieces):
    found, current = [], ""
    for piece in pieces:
        assert piece.text
        current += piece.text
        if piece.last:
            found.append(current)
            current = ""
    assert not current, "the last document does not end"
    return found


@pytest.mark.parametrize("size", [1, 1000, PIECE - 1, PIECE, 2 * PIECE + 1, 7 * PIECE + 13])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_comes_back_to_the_letter(tmp_path, size, packed):
    text = (WORDS * (size // len(WORDS) + 1))[: size - 1] + "."
    path = tmp_path / ("a.txt.gz" if packed else "a.txt")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    pieces = list(stream_text(str(path)))
    assert documents(pieces) == [text]
    assert max(len(piece.text) for piece in pieces) <= 2 * PIECE
    assert all(piece.text.endswith("\n") for piece in pieces[:-1])


@given(st.text(min_size=1).filter(str.strip), st.integers(1, 5))
def test_any_text_in_pieces_of_any_size(text, size):
    old = text_stream.PIECE
    text_stream.PIECE = size
    try:
        assert documents(text_stream._documents([text])) == [text]
    finally:
        text_stream.PIECE = old


def test_a_folder_is_one_document_a_file_and_tables_one_a_row(tmp_path):
    texts = ["first\ntext", "second", "third\n"]
    (tmp_path / "folder").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "folder" / f"{number}.md").write_text(text)
    pd.DataFrame({"text": texts, "n": [1, 2, 3]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)) + "\n\n")
    pd.DataFrame({"text": texts, "label": ["a", "b", "a"]}).to_csv(tmp_path / "a.csv", index=False)
    for name in ("folder", "a.parquet", "a.jsonl", "a.csv"):
        assert documents(stream_text(str(tmp_path / name), "text")) == texts, name
        assert documents(stream_text(str(tmp_path / name))) == texts, name


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("a.txt", b"caf\xc3", "not UTF-8"),
        ("a.txt", b" \n ", "holds no text"),
        ("a.txt.gz", b"\x1f\x8b\x08\x00" + b"x" * 50, "damaged"),
        ("a.parquet", b"PAR1 no", "no whole parquet file"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2 is no JSON"),
        ("a.jsonl", b'{"text": "a"}\n{"other": "b"}\n', "line 2 has no 'text'"),
        ("a.jsonl", b'{"a": "a", "b": "b"}\n', "2 columns of text"),
        ("a.jsonl", b"[1]\n", "no JSON object"),
    ],
)
def test_damaged_sources_are_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        list(stream_text(str(tmp_path / name)))
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.txt cannot be read"):
        list(stream_text(str(tmp_path / "nothing.txt")))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200), st.integers(1, 500))
def test_a_sample_is_evenly_spaced_and_bounded(sizes, characters):
    pieces = [Piece(chr(65 + number % 26) * size, True) for number, size in enumerate(sizes)]
    kept = spread_sample(pieces, characters)
    total = sum(sizes)
    assert kept[0] == pieces[0].text
    assert sum(map(len, kept)) <= max(2 * characters, max(sizes))
    if total <= 2 * characters:
        assert kept == [piece.text for piece in pieces]


def test_several_sources_follow_one_another(tmp_path):
    texts = {"a.txt": "first", "b.md": "second"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "c.jsonl").write_text(json.dumps({"text": "third"}))
    named = ", ".join(str(tmp_path / name) for name in (*texts, "c.jsonl"))
    assert documents(stream_text(named)) == ["first", "second", "third"]
    alone = documents(stream_text("demo:docs"))
    assert documents(stream_text(f"{tmp_path / 'a.txt'},demo:docs")) == ["first", *alone]


def test_a_path_with_a_comma_is_one_source_where_it_exists(tmp_path, monkeypatch):
    (tmp_path / "a,b.txt").write_text("whole")
    named = str(tmp_path / "a,b.txt")
    assert sources_of(named) == (named,)
    assert documents(stream_text(named)) == ["whole"]
    monkeypatch.chdir(tmp_path)
    assert sources_of("a,c.txt") == ("a", "c.txt")


@pytest.mark.parametrize("text", ["a.txt,", ",a.txt", "a.txt,,b.txt", ","])
def test_a_comma_with_nothing_beside_it(text):
    with pytest.raises(UserError, match="names no source beside one of its commas"):
        sources_of(text)


def test_each_of_several_sources_needs_text(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").write_text(" ")
    with pytest.raises(UserError, match=r"b\.txt holds no text"):
        list(stream_text(f"{tmp_path / 'a.txt'},{tmp_path / 'b.txt'}"))
