"""The delivered folders in other people's hands: plain transformers code, any padding, any batch."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from seqwise.data.readers import load_corpus
from seqwise.data.splits import make_splits
from tiny import FAMILIES, REPLICATES, sentences

TEXTS = [*sentences(62, seed=8)[0], "good", "so " * 40 + "bad"]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, finished):
    """A trained model of every family with its tokenizer."""
    folder = finished.path / next(m for m in finished.result["models"] if m["name"] == request.param)["path"]
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def answers(model, tokenizer, texts, *, batch: int, side: str, times: int) -> torch.Tensor:
    """Probabilities with every batch padded to ``times`` its longest text."""
    tokenizer.padding_side = side
    rows = []
    for start in range(0, len(texts), batch):
        part = tokenizer(texts[start : start + batch], truncation=True)
        longest = max(map(len, part["input_ids"]))
        inputs = tokenizer.pad(part, padding="max_length", max_length=times * longest, return_tensors="pt")
        with torch.inference_mode():
            rows.append(model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits.softmax(-1))
    return torch.cat(rows)


@pytest.fixture(scope="module")
def alone(family):
    return answers(*family, TEXTS, batch=1, side="right", times=1)


@pytest.mark.filterwarnings("ignore:You're using a .* tokenizer")
@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("times", [1, 4, 16])
def test_padding_and_batches_change_no_answer(family, alone, batch, side, times):
    found = answers(*family, TEXTS, batch=batch, side=side, times=times)
    torch.testing.assert_close(found, alone, atol=1e-5, rtol=0)
    clear = (alone[:, 0] - alone[:, 1]).abs() > 1e-4
    assert clear.sum() > 50
    assert torch.equal(found.argmax(-1)[clear], alone.argmax(-1)[clear])


def test_the_best_folder_answers_in_a_plain_pipeline_as_it_was_scored(finished, tiny_csv):
    best, corpus = finished.result["best"], load_corpus(str(tiny_csv))
    test = make_splits(corpus, replicates=REPLICATES, seed=0).replicates[best["replicate"]].test
    classify = pipeline("text-classification", model=str(finished.path / "best"), device="cpu", truncation=True)
    for size in (1, 8):
        labels = [row["label"] for row in classify([corpus.texts[i] for i in test], batch_size=size)]
        right = np.mean([label == corpus.labels[i] for label, i in zip(labels, test, strict=True)])
        assert right == pytest.approx(best["scores"]["accuracy"], abs=1e-12)
