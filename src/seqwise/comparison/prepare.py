"""From a corpus to encoded splits on disk, replicate by replicate; the tokenizer sees the training split only."""

import dataclasses
from typing import Any

import numpy as np

from seqwise.comparison.folder import RunFolder
from seqwise.comparison.options import Options
from seqwise.core.files import atomic_path, write_json
from seqwise.data.batching import Batches, encode, padding_share
from seqwise.data.readers import Corpus
from seqwise.data.splits import Split, SplitPlan, Splits
from seqwise.data.tokenizers import TokenizerPlan, choose_context, choose_tokenizer, train_tokenizer

LONGEST = 1_000_000
"""A maximum length that cuts nothing, for counting."""


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How texts become numbers: fixed for a whole comparison, fitted per replicate."""

    tokenizer: TokenizerPlan
    context: int


def label_ids(corpus: Corpus) -> np.ndarray:
    index = {name: i for i, name in enumerate(corpus.classes)}
    return np.array([index[label] for label in corpus.labels], dtype=np.int64)


def choose_encoding(corpus: Corpus, splits: Splits, options: Options) -> Encoding:
    """Tokenizer and context from the training texts of the first replicate."""
    texts = [corpus.texts[i] for i in splits.train]
    plan = choose_tokenizer(texts, options.tokenizer)
    if options.context:
        return Encoding(plan, options.context)
    tokenizer = train_tokenizer(plan, texts, LONGEST)
    lengths = encode(tokenizer, texts, np.zeros(len(texts), dtype=np.int64), LONGEST)[0].lengths
    return Encoding(plan, int(choose_context(lengths)))


def prepare_replicate(folder: RunFolder, corpus: Corpus, splits: Splits, encoding: Encoding, replicate: int) -> dict[str, Any]:
    """Encode one replicate's splits; returns what was cut, and lengths over the training split in tokens."""
    labels = label_ids(corpus)
    place = folder.replicate(replicate)
    tokenizer = train_tokenizer(encoding.tokenizer, [corpus.texts[i] for i in splits.train], encoding.context)
    tokenizer.save_pretrained(place / "tokenizer")
    facts: dict[str, Any] = {}
    for split in Split:
        indices = splits.indices(split)
        tokens, cut = encode(tokenizer, [corpus.texts[i] for i in indices], labels[indices], encoding.context)
        with atomic_path(place / f"{split}.safetensors") as temporary:
            tokens.save(temporary)
        if split is Split.TRAIN:
            facts = {"cut": cut, "lengths": tokens.lengths}
    folder.write_splits(replicate, splits)
    return facts


def prepare(folder: RunFolder, corpus: Corpus, plan: SplitPlan, encoding: Encoding) -> list[dict[str, Any]]:
    """Encode every replicate and lay down what baselines need."""
    write_json(folder.cache / "corpus.json", {"texts": list(corpus.texts), "labels": label_ids(corpus).tolist()})
    return [prepare_replicate(folder, corpus, splits, encoding, r) for r, splits in enumerate(plan.replicates)]


def length_facts(lengths: np.ndarray) -> dict[str, Any]:
    return {"median": float(np.median(lengths)), "p95": float(np.percentile(lengths, 95)), "max": int(lengths.max())}


def padding_facts(lengths: np.ndarray, batch_size: int, seed: int) -> float:
    """The share of padding in the batches of one epoch."""
    return padding_share(lengths, Batches(lengths, batch_size, seed))
