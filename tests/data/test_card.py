"""The counts at the top of a report."""

import json

from seqwise.data.card import data_card
from seqwise.data.readers import load_corpus
from seqwise.data.splits import make_splits
from seqwise.tasks.labelled_texts import LabelledTexts


def test_card(tmp_path):
    train = [f"text {n},{'rare' if n < 4 else 'often'}" for n in range(16)] + ["text  9,rare", "text 8,often", ",often"]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *train]))
    (tmp_path / "dev.csv").write_text("text,label\nunseen,rare\n")
    (tmp_path / "test.csv").write_text("text,label\ntext   1,rare\nunseen,often\nnew,often\nnewer,rare\n")
    corpus = load_corpus(*[str(tmp_path / "train.csv")], validation=str(tmp_path / "dev.csv"), test=str(tmp_path / "test.csv"))
    card = LabelledTexts().card(corpus, make_splits(corpus, replicates=2, seed=0))
    assert card["examples"] == {"total": 24, "train": 19, "validation": 1, "test": 4}
    assert card["classes"] == {"often": 16, "rare": 8}
    assert card["imbalance"] == {"ratio": 2.0, "largest": "often", "smallest": "rare"}
    assert card["duplicates"] == {"examples": 4, "conflicting": 2}
    assert card["overlap"] == {"test_in_train": 1, "test_in_validation": 1, "share_of_test": 0.5}
    assert card["empty_texts"] == 1
    assert card["scheme"] == "given test"
    assert any("empty" in note for note in card["notes"])
    json.dumps(card, allow_nan=False)


def test_trec_has_ten_test_questions_in_training(real_data):
    folder = real_data("trec")
    corpus = load_corpus(str(folder / "train.csv"), test=str(folder / "test.csv"))
    overlap = data_card(corpus, make_splits(corpus, replicates=1, seed=0))["overlap"]
    assert overlap["test_in_train"] + overlap["test_in_validation"] == 10
    assert overlap["share_of_test"] == 0.02
