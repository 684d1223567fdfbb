"""What stands at the top of a report about the data."""

import collections
from typing import Any

import numpy as np

from seqwise.data.readers import Corpus
from seqwise.data.splits import Split, SplitPlan, fold_space


def data_card(corpus: Corpus, plan: SplitPlan) -> dict[str, Any]:
    """Counts per split (of the first replicate) and class, duplicates, overlap between splits; JSON-ready.

    ``overlap`` counts test examples whose text, up to white space, also stands in the training or validation part.
    """
    texts = [fold_space(text) for text in corpus.texts]
    splits = plan.replicates[0]
    counts = collections.Counter(corpus.labels)
    return {
        "source": corpus.source,
        "sha256": corpus.sha256,
        "text_column": corpus.text_column,
        "target_column": corpus.target_column,
        "examples": {"total": len(corpus)} | {str(split): len(splits.indices(split)) for split in Split},
        "classes": {label: counts[label] for label in corpus.classes},
        "imbalance": _imbalance(counts, corpus.classes),
        "duplicates": _duplicates(texts, corpus.labels),
        "overlap": _overlap(np.array(texts, object), plan),
        "empty_texts": sum(not text for text in texts),
        "scheme": plan.scheme,
        "notes": list(corpus.notes),
    }


def _imbalance(counts: collections.Counter[str], classes: tuple[str, ...]) -> dict[str, Any]:
    largest, smallest = max(classes, key=counts.__getitem__), min(classes, key=counts.__getitem__)
    return {"ratio": counts[largest] / counts[smallest], "largest": largest, "smallest": smallest}


def _duplicates(texts: list[str], labels: tuple[str, ...]) -> dict[str, int]:
    """``examples``: examples beyond the first of each text. ``conflicting``: texts that carry more than one label."""
    labels_of: dict[str, set[str]] = collections.defaultdict(set)
    for text, label in zip(texts, labels, strict=True):
        labels_of[text].add(label)
    return {"examples": len(texts) - len(labels_of), "conflicting": sum(len(found) > 1 for found in labels_of.values())}


def _overlap(texts: np.ndarray, plan: SplitPlan) -> dict[str, float]:
    splits = plan.replicates[0]
    seen = {split: set(texts[splits.indices(split)]) for split in (Split.TRAIN, Split.VALIDATION)}
    test = texts[splits.test]
    in_train = sum(text in seen[Split.TRAIN] for text in test)
    in_validation = sum(text in seen[Split.VALIDATION] for text in test)
    in_either = sum(text in seen[Split.TRAIN] or text in seen[Split.VALIDATION] for text in test)
    return {"test_in_train": in_train, "test_in_validation": in_validation, "share_of_test": in_either / len(test)}
