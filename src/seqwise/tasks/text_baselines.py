"""The baseline that embarrasses a text classifier: a linear model of TF-IDF."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.tasks.class_baselines import temperature


class TfidfLinear:
    """TF-IDF of words and word pairs with a linear support vector classifier; C and a temperature are chosen on validation.

    The linear model is scikit-learn's LinearSVC; log loss needs probabilities, so the margins are divided by one temperature.
    """

    FEATURES = 200_000
    COSTS = (0.1, 1.0)

    def __init__(self, vectorizer: Any, weights: np.ndarray, bias: np.ndarray, temperature: float):
        self.vectorizer, self.weights, self.bias, self.temperature = vectorizer, weights, bias, temperature

    @classmethod
    def fit(cls, texts: list[str], labels: np.ndarray, validation: tuple[list[str], np.ndarray], classes: int) -> "TfidfLinear":
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=cls.FEATURES, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
        train, held = vectorizer.fit_transform(texts), vectorizer.transform(validation[0])
        tried = [cls._fit_one(train, labels, cost, classes) for cost in cls.COSTS]
        accuracies = [float(((held @ w + b).argmax(1) == validation[1]).mean()) for w, b in tried]
        weights, bias = tried[int(np.argmax(accuracies))]
        return cls(vectorizer, weights, bias, temperature(held @ weights + bias, validation[1]))

    @staticmethod
    def _fit_one(features: Any, labels: np.ndarray, cost: float, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights (features, C) and bias (C,); a class absent from training scores lowest."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LinearSVC(C=cost, random_state=0, dual=True, max_iter=2000).fit(features, labels)
        weights, bias = np.zeros((features.shape[1], classes), dtype=np.float32), np.full(classes, -1e3, dtype=np.float32)
        if len(model.classes_) == 2:
            low, high = model.classes_
            weights[:, low], weights[:, high] = -model.coef_[0], model.coef_[0]
            bias[low], bias[high] = -model.intercept_[0], model.intercept_[0]
        else:
            weights[:, model.classes_] = model.coef_.T
            bias[model.classes_] = model.intercept_
        return weights, bias

    def predict(self, texts: list[str]) -> np.ndarray:
        from scipy.special import softmax

        return softmax((self.vectorizer.transform(texts) @ self.weights + self.bias) / self.temperature, axis=1).astype(np.float32)

    def parameters(self) -> int:
        return self.weights.size + self.bias.size

    def save(self, folder: Path) -> None:
        """Vocabulary as JSON, numbers as safetensors."""
        from safetensors.numpy import save_file

        from seqwise.core.files import write_json

        vocabulary = sorted(self.vectorizer.vocabulary_, key=self.vectorizer.vocabulary_.get)
        write_json(folder / "vocabulary.json", vocabulary)
        save_file(
            {
                "weights": self.weights,
                "bias": self.bias,
                "idf": np.asarray(self.vectorizer.idf_, dtype=np.float64),
                "temperature": np.array([self.temperature]),
            },
            folder / "model.safetensors",
        )

    @classmethod
    def load(cls, folder: Path) -> "TfidfLinear":
        from safetensors.numpy import load_file
        from sklearn.feature_extraction.text import TfidfVectorizer

        from seqwise.core.files import read_json

        tensors = load_file(folder / "model.safetensors")
        vocabulary = {term: i for i, term in enumerate(read_json(folder / "vocabulary.json"))}
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=vocabulary, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
        vectorizer.idf_ = tensors["idf"]
        return cls(vectorizer, tensors["weights"], tensors["bias"], float(tensors["temperature"][0]))
