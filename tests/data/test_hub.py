"""Local folders through the same code that loads from the hub."""

import pytest

from seqwise.core.errors import UserError
from seqwise.data.readers import load_corpus
from seqwise.data.tables import read_table


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def test_folder_of_parquet_with_class_names(tmp_path):
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    for split, labels in {"train": [0, 1] * 6, "validation": [1, 0], "test": [-1, -1]}.items():
        rows = {"text": [f"{split} {n}" for n in range(len(labels))], "label": labels}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / f"{split}.parquet")
    table = read_table(f"hf:{tmp_path}")
    assert table.columns["split"] == ["train"] * 12 + ["validation"] * 2
    assert "no labels" in table.notes[0]
    corpus = load_corpus(f"hf:{tmp_path}")
    assert corpus.classes == ("neg", "pos")
    assert corpus.given == ("train",) * 12 + ("validation",) * 2
    assert corpus.labels[-2:] == ("pos", "neg")


def test_folder_of_csv_keeps_texts(tmp_path):
    texts = ["NA", "007", "null", "nan", "1.0", ""]
    body = "".join(f"{text},{n % 2}\n" for n, text in enumerate(texts * 2))
    (tmp_path / "train.csv").write_text("text,label\n" + body)
    table = read_table(f"hf:{tmp_path}")
    assert table.columns["text"] == texts * 2
    assert table.columns["label"] == ["0", "1"] * 6


def test_hash_follows_the_content(tmp_path):
    hashes = []
    for number, label in enumerate("aab"):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "train.csv").write_text(f"text,label\nx,{label}\n")
        hashes.append(read_table(f"hf:{folder}").sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_what_cannot_be_loaded(tmp_path):
    with pytest.raises(UserError, match="names no data set"):
        read_table("hf:")
    with pytest.raises(UserError, match=str(tmp_path)):
        read_table(f"hf:{tmp_path}")
    (tmp_path / "train.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(UserError, match="cannot be loaded"):
        read_table(f"hf:{tmp_path}")
