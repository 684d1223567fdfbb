"""Which of C labels a text carries."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.registry import Registry
from seqwise.data.splits import Split
from seqwise.tasks.classification import Classification, class_results
from seqwise.tasks.labelled_texts import LabelledTexts, read_back
from seqwise.tasks.task import FittedBaseline, Told


class TextClassification(Classification):
    """Hugging Face's ``text-classification``."""

    tag = "text-classification"
    unit = "row"
    baselines = Registry(
        "baseline",
        {"majority": "seqwise.tasks.class_baselines:Majority", "tfidf-linear": "seqwise.tasks.text_baselines:TfidfLinear"},
    )
    rules = ("same tokenizer and pooling",)
    data = LabelledTexts()

    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        parts = read_back(cache, folder)
        model = self.baselines[name].fit(*parts[Split.TRAIN], parts[Split.VALIDATION], classes)
        (held, held_labels), (texts, labels) = parts[Split.VALIDATION], parts[Split.TEST]
        return FittedBaseline(model, self.metrics(model.predict(held), held_labels), model.predict(texts), labels)

    def baseline_answer(self, model: Any, example: str) -> Callable[[], Any]:
        return lambda: model.predict([example])

    def results(self, told: Told) -> dict[str, Any]:
        """Confusion matrix and figures per class of the best model, and real mistakes."""
        found = class_results(told.outputs[told.best], told.truth, told.labels)
        if told.examples is None:
            return found | {"mistakes": None, "disagreements": None}
        return found | samples(told.outputs, told.best, told.truth, told.examples, told.labels)


def samples(
    outputs: Mapping[str, np.ndarray], best: str, labels: np.ndarray, texts: Sequence[str], names: tuple[str, ...]
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
