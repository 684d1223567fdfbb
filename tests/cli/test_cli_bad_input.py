"""A user's mistake is one message that names the culprit and exit code 2: no traceback, nothing left behind."""

import os

import numpy as np
import pytest

RANDOM = np.random.default_rng(0)
FILES = {
    "empty.csv": b"",
    "header.csv": b"text,label\n",
    "oneclass.csv": b"text,label\n" + b"".join(b"word %d,x\n" % i for i in range(20)),
    "four.csv": b"text,label\na,x\nb,x\nc,y\nd,y\n",
    "ragged.csv": b'a,b\n1,2\n3,4,5,6\n"x\n',
    "binary.csv": RANDOM.bytes(4000),
    "utf.csv": b"\xff\xfe\x00bad,label\nq,1\n",
    "latin.csv": b"text,label\n" + b"caf\xe9,x\n" * 20,
    "missing.csv": b"text,label\n" + b"word,x\nother,y\n" * 10 + b"this one,\n",
    "cut.jsonl": b'{"text": "a", "label": 1}\n{"text": \n',
    "cut.json": b'[{"text": "a", "label": 1},',
    "cut.parquet": RANDOM.bytes(500),
    "cut.csv.gz": b"\x1f\x8b\x08\x00" + RANDOM.bytes(40),
    "plain.txt": b"only words\nno labels\n",
    "notes.docx": b"x",
    "ok.csv": b"text,label\n" + b"".join(b"word number %d and %dth,%d\n" % (i, i, i % 2) for i in range(60)),
    "unknownlabel.csv": b"text,label\nnew words,7\n",
    "three.en": b"a\nb\nc\n",
    "four.de": b"a\nb\nc\nd\n",
    "gap.de": b"a\n\nc\n",
    "onecolumn.csv": b"text\n" + b"word and word\n" * 20,
    "pairs.csv": b"en,de\n" + b"".join(b"word %d,Wort %d\n" % (i, i) for i in range(40)),
    "notarget.csv": b"en,de\n" + b"word,Wort\n" * 20 + b"word,\n",
}
CASES = [
    ("nosuch.csv", ["nosuch.csv"]),
    ("empty.csv", ["empty.csv"]),
    ("header.csv", ["header.csv"]),
    ("label", ["oneclass.csv"]),
    ("four.csv", ["four.csv"]),
    ("ragged.csv", ["ragged.csv"]),
    ("binary.csv", ["binary.csv"]),
    ("utf.csv", ["utf.csv"]),
    ("latin.csv", ["latin.csv"]),
    ("row", ["missing.csv"]),
    ("cut.jsonl", ["cut.jsonl"]),
    ("cut.json", ["cut.json"]),
    ("cut.parquet", ["cut.parquet"]),
    ("cut.csv.gz", ["cut.csv.gz"]),
    ("plain.txt", ["plain.txt"]),
    ("docx", ["notes.docx"]),
    ("too short", ["."]),
    ("lstm", ["ok.csv", "--models", "lstn"]),
    ("two models are called 'lstm'", ["ok.csv", "--models", "lstm,lstm"]),
    ("budget", ["ok.csv", "--budget", "-5m"]),
    ("budget", ["ok.csv", "--budget", "soon"]),
    ("nosuch", ["ok.csv", "--text", "nosuch"]),
    ("nosuch", ["ok.csv", "--target", "nosuch"]),
    ("nosuch", ["ok.csv", "--group", "nosuch"]),
    ("7", ["ok.csv", "--test", "unknownlabel.csv"]),
    ("nosuch.csv", ["ok.csv", "--validation", "nosuch.csv"]),
    ("regression", ["ok.csv", "--task", "regression"]),
    ("--size", ["ok.csv", "--size", "big"]),
    ("1,000", ["ok.csv", "--size", "1000"]),
    ("1,000", ["ok.csv", "--size", "1000", "--steps", "12"]),
    ("--steps", ["ok.csv", "--size", "30k", "--steps", "0"]),
    ("--size", ["ok.csv", "--steps", "100"]),
    ("no steps for 'lstm'", ["ok.csv", "--size", "30k", "--steps", "rnn=5", "--models", "rnn,lstm"]),
    ("hidden_size 7", ["ok.csv", "--size", "30k", "--steps", "12", "--width", "7"]),
    ("bpe:5", ["ok.csv", "--tokenizer", "bpe:5", "--size", "30k", "--steps", "12"]),
    ("syllables", ["ok.csv", "--tokenizer", "syllables"]),
    ("--replicates 0", ["ok.csv", "--replicates", "0"]),
    ("--seed", ["ok.csv", "--seed", "-1"]),
    ("--device", ["ok.csv", "--device", "tpu"]),
    ("--max-latency", ["ok.csv", "--max-latency", "0ms"]),
    ("--max-bytes", ["ok.csv", "--max-bytes", "tiny"]),
    ("demo", ["demo:nosuch"]),
    ("three.en has 3 lines, four.de has 4", ["three.en,four.de"]),
    ("'target' is empty in 1 of 3 pairs (lines 2)", ["three.en,gap.de"]),
    ("nosuch.de", ["three.en,nosuch.de", "--task", "translation"]),
    ("one column of text (text)", ["onecolumn.csv", "--task", "translation"]),
    ("'de' is empty in 1 of 21 pairs (data rows 21)", ["notarget.csv", "--task", "translation"]),
    ("nosuch", ["pairs.csv", "--task", "translation", "--source-column", "nosuch"]),
    ("'en' is given as source and as target", ["pairs.csv", "--task", "translation", "--text", "en", "--target", "en"]),
    ("no column 'en'", ["pairs.csv", "--task", "translation", "--test", "onecolumn.csv"]),
    ("words cannot be put together", ["pairs.csv", "--task", "translation", "--tokenizer", "words", "--size", "30k", "--steps", "12"]),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(run_cli):
    return run_cli


@pytest.mark.parametrize(("culprit", "words"), CASES, ids=[" ".join(words) for _, words in CASES])
def test_compare(folder, call, culprit, words):
    before = sorted(os.listdir(folder))
    code, out, err = call("compare", *words, "--out", "out")
    assert code == 2
    assert out == ""
    assert culprit.lower() in err.lower()
    assert "Traceback" not in err
    assert err.count("error:") == 1
    assert sorted(os.listdir(folder)) == before


def test_without_out_nothing_is_left_either(folder, call):
    before = sorted(os.listdir(folder))
    for words in (["nosuch.csv"], ["ok.csv", "--models", "lstn"]):
        assert call("compare", *words)[0] == 2
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize("out", ["ok.csv", "."])
def test_a_place_that_is_taken(folder, call, out):
    before = sorted(os.listdir(folder))
    code, _, err = call("compare", "ok.csv", "--out", out)
    assert code == 2
    assert "--out" in err
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize(
    ("culprit", "words"),
    [
        ("No such option", ["compare", "ok.csv", "--bugdet", "5m"]),
        ("--replicates", ["compare", "ok.csv", "--replicates", "three"]),
        ("No such command", ["compaer", "ok.csv"]),
        ("Missing argument", ["predict"]),
        ("lstm", ["train", "ok.csv", "--model", "lstn"]),
        ("nosuch", ["train", "nosuch.csv"]),
        ("nosuch", ["predict", "nosuch", "a text"]),
        ("config.json", ["predict", ".", "a text"]),
        ("nosuch", ["evaluate", "nosuch", "ok.csv"]),
        ("comparison.json", ["report", "."]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_other_verbs(folder, call, culprit, words):
    before = sorted(os.listdir(folder))
    code, out, err = call(*words)
    assert code == 2
    assert out == ""
    assert culprit in err
    assert "Traceback" not in err
    assert sorted(os.listdir(folder)) == before
