"""Columns, splits and labels of labelled texts."""

import json

import pytest

from seqwise.core.errors import UserError
from seqwise.data.readers import load_corpus


def lines(count, label=lambda n: n % 2, text=lambda n: f"example number {n}"):
    return "".join(f"{text(n)},{label(n)}\n" for n in range(count))


@pytest.fixture
def put(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_columns_are_guessed_by_name(put):
    body = "".join(f"a very long remark that is not the text {n},short {n},{n % 3}\n" for n in range(12))
    corpus = load_corpus(put("t.csv", "remark,Sentence,Label\n" + body))
    assert (corpus.text_column, corpus.target_column) == ("Sentence", "Label")
    assert corpus.classes == ("0", "1", "2")
    assert corpus.given == ("",) * 12
    assert corpus.groups is None
    assert any("'Sentence'" in note for note in corpus.notes)


def test_columns_are_guessed_by_content(put):
    body = "".join(f"{n},an utterance with number {n},{'abc'[n % 3]},{n % 5}\n" for n in range(12))
    corpus = load_corpus(put("t.csv", "number,said,kind,hour\n" + body))
    assert (corpus.text_column, corpus.target_column) == ("said", "kind")


def test_an_identifier_is_no_text(put):
    body = "".join(f"0123456789-abcdef-{n},x{n},{n % 2}\n" for n in range(12))
    assert load_corpus(put("t.csv", "user_id,name,label\n" + body)).text_column == "name"


def test_a_label_longer_than_the_text_is_no_text(put):
    corpus = load_corpus(
        put("t.csv", "name,label\n" + lines(12, lambda n: "a long description of a class" * (1 + n % 2), lambda n: f"x{n}"))
    )
    assert (corpus.text_column, corpus.target_column) == ("name", "label")


def test_columns_can_be_given(put):
    path = put("t.csv", "text,label,fine\n" + "".join(f"t{n},{n % 2},{n % 4}\n" for n in range(12)))
    corpus = load_corpus(path, text="text", target="fine")
    assert corpus.classes == ("0", "1", "2", "3")
    assert corpus.sha256 != load_corpus(path).sha256


def test_separate_files_come_in_order(put):
    train = put("train.csv", "text,label\n" + lines(12))
    validation = put("dev.csv", "label,text\n1,from dev\n")
    test = put("test.csv", "text,label\nfrom test,0\n")
    corpus = load_corpus(train, validation=validation, test=test)
    assert corpus.given == ("train",) * 12 + ("validation", "test")
    assert corpus.texts[12:] == ("from dev", "from test")
    assert corpus.labels[12:] == ("1", "0")
    assert len({corpus.sha256, load_corpus(train).sha256, load_corpus(train, test=test).sha256}) == 3


def test_files_without_header_match_by_place(put):
    train = put("train.tsv", "".join(f"{'ham' if n % 2 else 'spam'}\tmessage number {n} of all\n" for n in range(20)))
    test = put("test.tsv", "ham\tham\nspam\tspam\n")
    corpus = load_corpus(train, test=test)
    assert corpus.labels[-2:] == ("ham", "spam") == corpus.texts[-2:]
    with pytest.raises(UserError, match="3 columns"):
        load_corpus(train, test=put("wide.tsv", "ham\ta\tb\n"))


def test_split_column(put):
    body = "".join(f"t{n},{n % 2},{('Train', 'dev', 'TEST')[0 if n < 12 else n % 3]}\n" for n in range(18))
    path = put("t.csv", "text,label,split\n" + body)
    corpus = load_corpus(path)
    assert [corpus.given.count(split) for split in ("train", "validation", "test")] == [14, 2, 2]
    with pytest.raises(UserError, match="already has a test split"):
        load_corpus(path, test=path)


def test_a_split_column_of_other_values_is_no_split(put):
    corpus = load_corpus(put("t.csv", "text,label,set\n" + "".join(f"t{n},{n % 2},a\n" for n in range(12))))
    assert set(corpus.given) == {""}


@pytest.mark.parametrize("values", [[0, 1], [0.0, 1.0], ["0", "1"], [" 0", "1 "]])
def test_labels_are_strings(put, values):
    records = [{"text": f"t{n}", "label": values[n % 2]} for n in range(12)]
    assert load_corpus(put("t.json", json.dumps(records))).classes == ("0", "1")


def test_half_characters_are_replaced(put):
    records = [{"text": f"t{n} \ud800", "label": f"\udfff{n % 2}"} for n in range(12)]
    corpus = load_corpus(put("t.json", json.dumps(records)))
    assert corpus.texts[0] == "t0 \ufffd"
    assert corpus.classes == ("\ufffd0", "\ufffd1")


def test_groups(put):
    corpus = load_corpus(
        put("t.csv", "text,label,user\n" + "".join(f"t{n},{n % 2},{'' if n > 8 else n // 3}\n" for n in range(12))), group="user"
    )
    assert corpus.groups[:4] == ("0", "0", "0", "1")
    assert len(set(corpus.groups)) == 3 + 3


def test_odd_data_is_noted(put):
    corpus = load_corpus(put("t.csv", "text,label\n" + lines(12, text=lambda n: "" if n < 3 else f"t{n}") + "only,rare\n"))
    assert any("3 of 13 texts are empty" in note for note in corpus.notes)
    assert any("single example: rare" in note for note in corpus.notes)


def test_one_class(put):
    with pytest.raises(UserError, match="'label' has one class only, 'x'"):
        load_corpus(put("t.csv", "text,label\na,x\nb,x\nc,x\nd,x\n"))


def test_unknown_label(put):
    train, test = put("ok.csv", "text,label\n" + lines(60)), put("unknown.csv", "text,label\nfine,1\nnew words,7\n")
    with pytest.raises(UserError, match=r"unknown\.csv, data row 2: label '7'"):
        load_corpus(train, test=test)
    with pytest.raises(UserError, match="label '7'"):
        load_corpus(train, validation=test)


def test_unknown_label_in_a_split_column(put):
    body = "".join(f"t{n},{n % 2},train\n" for n in range(12))
    with pytest.raises(UserError, match="label 'new'"):
        load_corpus(put("t.csv", "text,label,split\n" + body + "x,new,test\n"))


@pytest.mark.parametrize("option", ["text", "target", "group"])
def test_unknown_column(put, option):
    with pytest.raises(UserError, match=r"no column 'lable'\n.*did you mean 'label'"):
        load_corpus(put("t.csv", "text,label\n" + lines(12)), **{option: "lable"})


def test_column_missing_in_the_test_file(put):
    with pytest.raises(UserError, match=r"test\.csv has no column 'label'"):
        load_corpus(put("t.csv", "text,label\n" + lines(12)), test=put("test.csv", "text,id\nx,y\n"))


def test_missing_labels(put):
    with pytest.raises(UserError, match=r"'label' is empty in 2 of 14 rows \(data rows 13, 14\)"):
        load_corpus(put("t.csv", "text,label\n" + lines(12) + "a,\nb, \n"))


def test_nothing_but_empty_texts(put):
    with pytest.raises(UserError, match="no text at all"):
        load_corpus(put("t.csv", "text,label\n" + lines(12, text=lambda n: "")))


def test_text_is_target(put):
    with pytest.raises(UserError, match="two different columns"):
        load_corpus(put("t.csv", "text,label\n" + lines(12)), text="label", target="label")


def test_too_few_examples(put):
    with pytest.raises(UserError, match="has 9 training examples"):
        load_corpus(put("t.csv", "text,label\n" + lines(9)))


def test_labels_that_never_repeat(put):
    with pytest.raises(UserError, match="every value of column 'label' is different"):
        load_corpus(put("t.csv", "text,label\n" + lines(12, label=lambda n: n / 7)))


def test_no_column_looks_like_a_label(put):
    with pytest.raises(UserError, match="looks like a label"):
        load_corpus(put("t.csv", "said,number\n" + lines(12, label=lambda n: n)))


def test_no_text_column(put):
    with pytest.raises(UserError, match="no column of text"):
        load_corpus(put("t.json", json.dumps([{"a": n, "label": n % 2} for n in range(12)])))


def test_nested_text(put):
    with pytest.raises(UserError, match="holds a list"):
        load_corpus(put("t.json", json.dumps([{"a": [n], "b": "x", "label": n % 2} for n in range(12)])), text="a")


@pytest.mark.parametrize(
    ("name", "files", "count", "classes"),
    [
        ("trec", {"source": "train.csv", "test": "test.csv"}, 5952, 6),
        ("sst2", {"source": "train.parquet", "validation": "validation.parquet", "test": "test.parquet"}, 9613, 2),
        ("sms_spam", {"source": "SMSSpamCollection.tsv"}, 5573, 2),
        ("names", {"source": "names.csv"}, 20_050, 18),
    ],
)
def test_real_data(real_data, name, files, count, classes):
    folder = real_data(name)
    corpus = load_corpus(**{option: str(folder / file) for option, file in files.items()})
    assert (len(corpus), len(corpus.classes)) == (count, classes)
    assert all(corpus.texts)


def test_sms_spam_is_not_damaged_by_quotes(real_data):
    corpus = load_corpus(str(real_data("sms_spam") / "SMSSpamCollection.tsv"))
    assert corpus.labels.count("ham") == 4826
    assert sum('"' in text for text in corpus.texts) == 145
