"""Which of C labels a text carries."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqwise.core.registry import Registry
from seqwise.data.batching import TokenSet, collate, evaluation_batches
from seqwise.models.config import SeqwiseConfig
from seqwise.tasks.task import Task

TOKENS_PER_EVALUATION_BATCH = 8192


def log_loss_rows(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log p(truth) of each row, in nats; probabilities (U, C), labels (U,)."""
    return -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, None))


def confusion_matrix(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts (C, C): rows are the truth, columns the answer."""
    classes = probabilities.shape[1]
    counts = np.bincount(labels * classes + probabilities.argmax(1), minlength=classes * classes)
    return counts.reshape(classes, classes)


def f1_per_class(confusion: np.ndarray) -> np.ndarray:
    """2 TP / (2 TP + FP + FN) of each class; 0 where a class was neither there nor predicted."""
    hits = np.diag(confusion).astype(float)
    total = confusion.sum(0) + confusion.sum(1)
    return np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)


class TextClassification(Task):
    """Hugging Face's ``text-classification``. Decides by accuracy; macro F1 and log loss describe."""

    tag = "text-classification"
    metric = "accuracy"
    higher_is_better = True
    margin = 0.01
    unit = "row"
    bidirectional = True
    trivial = "majority"
    baselines = Registry(
        "baseline",
        {"majority": "seqwise.tasks.text_classification:Majority", "tfidf-linear": "seqwise.tasks.text_classification:TfidfLinear"},
    )

    def build(self, config: SeqwiseConfig) -> nn.Module:
        from seqwise.models.heads import SeqwiseForSequenceClassification

        return SeqwiseForSequenceClassification(config)

    def outputs(self, model: nn.Module, tokens: TokenSet) -> np.ndarray:
        """Probabilities (U, C), float32."""
        device = next(model.parameters()).device
        rows: np.ndarray | None = None
        with torch.inference_mode():
            for indices in evaluation_batches(tokens.lengths, TOKENS_PER_EVALUATION_BATCH):
                batch = collate(tokens, indices)
                logits = model(input_ids=batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device)).logits
                values = logits.float().softmax(-1).cpu().numpy()
                if rows is None:
                    rows = np.empty((len(tokens), values.shape[1]), dtype=np.float32)
                rows[indices] = values
        assert rows is not None
        return rows

    def metrics(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        confusion = confusion_matrix(outputs, labels)
        present = confusion.sum(1) > 0
        return {
            "accuracy": float(np.diag(confusion).sum() / len(labels)),
            "macro_f1": float(f1_per_class(confusion)[present].mean()),
            "log_loss": float(log_loss_rows(outputs, labels).mean()),
        }

    def unit_scores(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (outputs.argmax(1) == labels).astype(float)

    def describing_scores(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Per-unit scores of the metrics that are means over units but do not decide."""
        return {"log_loss": log_loss_rows(outputs, labels)}

    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        """Accuracy; among equals the smaller log loss."""
        return scores["accuracy"], -scores["log_loss"]

    def results(self, outputs: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
        """The task's own section: confusion matrix and figures per class."""
        confusion = confusion_matrix(outputs, labels)
        hits, predicted, truth = np.diag(confusion), confusion.sum(0), confusion.sum(1)
        f1 = f1_per_class(confusion)
        per_class = [
            {
                "label": name,
                "precision": float(hits[i] / predicted[i]) if predicted[i] else 0.0,
                "recall": float(hits[i] / truth[i]) if truth[i] else 0.0,
                "f1": float(f1[i]),
                "support": int(truth[i]),
            }
            for i, name in enumerate(names)
        ]
        return {"labels": list(names), "confusion": confusion.tolist(), "per_class": per_class}

    def samples(
        self, outputs: dict[str, np.ndarray], best: str, labels: np.ndarray, texts: list[str], names: tuple[str, ...]
    ) -> dict[str, Any]:
        """Real mistakes: the best model's most confident ones, and texts on which the models disagree."""
        probabilities = outputs[best]
        answers = {name: values.argmax(1) for name, values in outputs.items()}
        confidence = probabilities.max(1)
        wrong = np.flatnonzero(answers[best] != labels)
        mistakes = [
            {"text": texts[i][:400], "truth": names[labels[i]], "predicted": names[answers[best][i]], "confidence": float(confidence[i])}
            for i in wrong[np.argsort(-confidence[wrong], kind="stable")][:20]
        ]
        stacked = np.stack(list(answers.values()))
        spread = np.array([len(set(column)) for column in stacked.T])
        chosen = np.argsort(-spread, kind="stable")[: min(20, int((spread > 1).sum()))]
        disagreements = [
            {"text": texts[i][:400], "truth": names[labels[i]], "predictions": {name: names[values[i]] for name, values in answers.items()}}
            for i in chosen
        ]
        return {"mistakes": mistakes, "disagreements": disagreements}


class Majority:
    """Always answers with the class frequencies of training."""

    def __init__(self, frequencies: np.ndarray):
        self.frequencies = frequencies

    @classmethod
    def fit(cls, texts: list[str], labels: np.ndarray, validation: tuple[list[str], np.ndarray], classes: int) -> "Majority":
        counts = np.bincount(labels, minlength=classes) + 1e-9
        return cls(counts / counts.sum())

    def predict(self, texts: list[str]) -> np.ndarray:
        return np.tile(self.frequencies.astype(np.float32), (len(texts), 1))

    def parameters(self) -> int:
        return len(self.frequencies)

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({"frequencies": self.frequencies}, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> "Majority":
        from safetensors.numpy import load_file

        return cls(load_file(folder / "model.safetensors")["frequencies"])


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
        return cls(vectorizer, weights, bias, cls._temperature(held @ weights + bias, validation[1]))

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

    @staticmethod
    def _temperature(margins: np.ndarray, labels: np.ndarray) -> float:
        from scipy.optimize import minimize_scalar
        from scipy.special import log_softmax

        rows = np.arange(len(labels))
        found = minimize_scalar(lambda t: -log_softmax(margins * np.exp(-t), axis=1)[rows, labels].mean(), bounds=(-4, 4), method="bounded")
        return float(np.exp(found.x))

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
