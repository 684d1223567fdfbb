"""Baselines: what they answer, and that a saved one answers the same."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from seqwise.tasks import TASKS
from seqwise.tasks.class_baselines import Majority, temperature
from seqwise.tasks.text_baselines import TfidfLinear

BASELINES = TASKS["text-classification"].baselines
WORDS = {0: "sun warm beach", 1: "snow ice cold", 2: "goal match ball"}


def corpus(classes: int, count: int = 60, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    texts = [" ".join(rng.choice(f"{WORDS[label]} the a of".split(), 6)) for label in labels]
    return texts, labels


def fitted(name: str, classes: int, declared: int | None = None):
    texts, labels = corpus(classes)
    return BASELINES[name].fit(texts, labels, corpus(classes, 20, seed=1), declared or classes)


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize(("classes", "declared"), [(2, 2), (3, 3), (2, 3), (3, 5)])
def test_a_saved_baseline_answers_the_same(tmp_path, name, classes, declared):
    model = fitted(name, classes, declared)
    texts = [*corpus(3, 15, seed=2)[0], "", "unheard words", "Snow, ICE! ünïcode 雪"]
    model.save(tmp_path / "model")
    again = BASELINES[name].load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(texts), model.predict(texts))
    assert again.parameters() == model.parameters()


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize(("classes", "declared"), [(2, 2), (3, 3), (2, 4)])
def test_answers_are_probabilities_of_all_classes(name, classes, declared):
    outputs = fitted(name, classes, declared).predict(corpus(3, 15, seed=2)[0])
    assert outputs.shape == (15, declared)
    assert outputs.dtype == np.float32
    assert (outputs >= 0).all()
    np.testing.assert_allclose(outputs.sum(1), 1, atol=1e-5)


def test_saved_as_json_and_safetensors_only(tmp_path):
    for name in BASELINES:
        fitted(name, 2).save(tmp_path / name)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    assert "snow" in json.loads((tmp_path / "tfidf-linear" / "vocabulary.json").read_text())


def test_majority_answers_with_the_frequencies_of_training():
    model = Majority.fit(["a"] * 4, np.array([0, 2, 2, 2]), ([], np.array([])), 3)
    np.testing.assert_allclose(model.predict(["x", "y"]), [[0.25, 0, 0.75]] * 2, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_tfidf_is_right_about_clear_texts(classes):
    texts, labels = corpus(classes, 30, seed=3)
    assert (fitted("tfidf-linear", classes).predict(texts).argmax(1) == labels).mean() > 0.9


@pytest.mark.parametrize("classes", [2, 3])
def test_tfidf_decides_as_scikit_learns_own_classifier(classes):
    texts, labels = corpus(classes)
    model = fitted("tfidf-linear", classes)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]").fit(texts)
    margins = {}
    for cost in TfidfLinear.COSTS:
        svc = LinearSVC(C=cost, random_state=0, dual=True, max_iter=2000).fit(vectorizer.transform(texts), labels)
        margins[cost] = svc.predict(vectorizer.transform(corpus(3, 30, seed=4)[0]))
    ours = model.predict(corpus(3, 30, seed=4)[0]).argmax(1)
    assert any((ours == predicted).all() for predicted in margins.values())


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_class_absent_from_training_is_never_answered(absent):
    texts, labels = corpus(3)
    kept = labels != absent
    train = [text for text, keep in zip(texts, kept, strict=True) if keep]
    model = TfidfLinear.fit(train, labels[kept], (texts, labels), 3)
    outputs = model.predict(texts)
    assert outputs.shape == (60, 3)
    assert (outputs.argmax(1) != absent).all()
    assert (outputs.argmax(1)[kept] == labels[kept]).mean() > 0.9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 8.0))
def test_the_temperature_is_the_best_one_between_its_bounds(seed, scale):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 200)
    margins = scale * (rng.normal(0, 1, (200, 3)) + 1.5 * np.eye(3)[labels])
    found = temperature(margins, labels)

    def loss(temperature):
        return -log_softmax(margins / temperature, axis=1)[np.arange(200), labels].mean()

    grid = np.exp(np.linspace(-4, 4, 401))
    assert np.exp(-4) <= found <= np.exp(4)
    assert loss(found) <= min(map(loss, grid)) + 1e-6


def test_one_text_and_no_text():
    model = fitted("tfidf-linear", 2)
    assert model.predict(["snow"]).shape == (1, 2)
    np.testing.assert_array_equal(model.predict(["snow"])[0], model.predict(["sun", "snow"])[1])
