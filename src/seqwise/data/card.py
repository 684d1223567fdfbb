"""What stands at the top of a report about the data."""

import collections
from typing import Any

import numpy as np

from seqwise.data.splits import LabelledCorpus, Split, SplitPlan


def data_card(corpus: LabelledCorpus, plan: SplitPlan) -> dict[str, Any]:
    """Counts per split (of the first replicate) and class, duplicates, overlap between splits; JSON-ready.

    ``overlap`` counts test examples whose key also stands in the training or validation part.
    """
    splits = plan.replicates[0]
    counts = collections.Counter(corpus.labels)
    return {
        "source": corpus.source,
        "sha256": corpus.sha256,
        "target_column": corpus.target_column,
        "examples": {"total": len(corpus)} | {str(split): len(splits.indices(split)) for split in Split},
        "classes": {label: counts[label] for label in corpus.classes},
        "imbalance": _imbalance(counts, corpus.classes),
        "duplicates": duplicates(corpus.keys, corpus.labels),
        "overlap": overlap(np.array(corpus.keys, object), plan),
        "scheme": plan.scheme,
        "notes": list(corpus.notes),
    }


def _imbalance(counts: collections.Counter[str], classes: tuple[str, ...]) -> dict[str, Any]:
    largest, smallest = max(classes, key=counts.__getitem__), min(classes, key=counts.__getitem__)
    return {"ratio": counts[largest] / counts[smallest], "largest": largest, "smallest": smallest}


def duplicates(keys: tuple[str, ...], labels: tuple[str, ...]) -> dict[str, int]:
    """``examples``: examples beyond the first of each key. ``conflicting``: keys that carry more than one label."""
    labels_of: dict[str, set[str]] = collections.defaultdict(set)
    for key, label in zip(keys, labels, strict=True):
        labels_of[key].add(label)
    return {"examples": len(keys) - len(labels_of), "conflicting": sum(len(found) > 1 for found in labels_of.values())}


def overlap(keys: np.ndarray, plan: SplitPlan) -> dict[str, float]:
    splits = plan.replicates[0]
    seen = {split: set(keys[splits.indices(split)]) for split in (Split.TRAIN, Split.VALIDATION)}
    test = keys[splits.test]
    in_train = sum(key in seen[Split.TRAIN] for key in test)
    in_validation = sum(key in seen[Split.VALIDATION] for key in test)
    in_either = sum(key in seen[Split.TRAIN] or key in seen[Split.VALIDATION] for key in test)
    return {"test_in_train": in_train, "test_in_validation": in_validation, "share_of_test": in_either / len(test)}
