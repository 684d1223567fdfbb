"""Texts in, labels out."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqwise.data.readers import load_corpus, read_texts
from seqwise.tasks.labelled_texts import encoded_as
from seqwise.tasks.task_data import Request
from seqwise.tasks.use import Asked, ClassifierUse, Evaluated, labels_of

LONGEST = 4096
"""Tokens of a text for a model from outside that names no limit."""


class TextClassifier(ClassifierUse):
    task: ClassVar[str] = "text-classification"
    options: ClassVar[frozenset[str]] = frozenset({"text", "target", "header"})

    @classmethod
    def of_model(cls, model: Any, preprocessor: Any, name: str) -> Self:
        return cls(name, labels_of(model), lambda texts: probabilities(model, preprocessor, texts))

    def read(self, request: Request) -> Asked:
        texts = read_texts(request.source, column=request.text, header=request.header)
        return Asked(texts, [{"text": text} for text in texts])

    def evaluate(self, request: Request) -> Evaluated:
        corpus = load_corpus(request.source, text=request.text, target=request.target, header=request.header, for_training=False)
        return self.scored(corpus.texts, corpus.labels, request.source)


def probabilities(model: Any, tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """(U, C) of a model of ours or from outside, each text cut as in its training."""
    from seqwise.models.external import longest_input
    from seqwise.tasks.text_classification import TextClassification

    longest = int(min(tokenizer.model_max_length, longest_input(model.config), LONGEST))
    tokens, _ = encoded_as(model.config.model_type, tokenizer, list(texts), [0] * len(texts), longest)
    return TextClassification().outputs(model, tokens)
