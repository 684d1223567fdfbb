"""A small data set made here, and the settings of the small comparison on it."""

import csv
from pathlib import Path

import numpy as np

GOOD = ("good", "great", "fine", "lovely", "bright", "happy")
BAD = ("bad", "awful", "poor", "dull", "broken", "sad")
FILLER = ("the", "a", "film", "book", "day", "it", "was", "very", "and", "so", "but", "this", "one", "we", "saw")
FAMILIES = ("rnn", "lstm", "gru", "transformer")
REPLICATES, CONFIGURATIONS, STEPS = 3, 2, 24


def sentences(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of 4 to 16 words and their labels; one word in six of those that decide is of the other class."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        words = list(rng.choice(FILLER, rng.integers(2, 15)))
        for _ in range(2):
            source = (GOOD, BAD)[i % 2 if rng.random() < 5 / 6 else 1 - i % 2]
            words.insert(rng.integers(len(words) + 1), rng.choice(source))
        texts.append(" ".join(words))
        labels.append(("positive", "negative")[i % 2])
    return texts, labels


def write_csv(path: Path, texts: list[str], labels: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(zip(texts, labels, strict=True))
    return path


def outside_model(folder: Path, kind: str, head: str, texts: list[str], **changes) -> Path:
    """A small BERT, GPT-2 or LLaMA with random weights and a tokenizer of its own, saved as transformers saves it."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["[PAD]", "[CLS]", "[SEP]"] if kind == "bert" else ["<|end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    named = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"} if kind == "bert" else {"eos_token": "<|end|>"}
    if kind == "bert":
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 320, "max_position_embeddings": 64}
    settings = {"bert": {"intermediate_size": 64}, "llama": {"intermediate_size": 64, "num_key_value_heads": 2}, "gpt2": {}}[kind]
    config = {"bert": transformers.BertConfig, "gpt2": transformers.GPT2Config, "llama": transformers.LlamaConfig}[kind]
    torch.manual_seed(0)
    model = getattr(transformers, head).from_config(config(**{**size, **settings, **changes}))
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    return folder


def waves(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Series of 10 to 20 steps in two channels of very different sizes: slow or fast waves, with noise."""
    rng = np.random.default_rng(seed)
    series, labels = [], []
    for i in range(count):
        steps = np.arange(rng.integers(10, 21))
        angle = (0.5, 1.2)[i % 2] * steps + rng.uniform(0, 6)
        values = np.column_stack([np.sin(angle), 1000 + 100 * np.cos(angle)]) + rng.standard_normal((len(steps), 2)) * [0.3, 30]
        series.append(values.astype(np.float32))
        labels.append(("slow", "fast")[i % 2])
    return series, labels


def daily(path: Path, days: int = 160) -> Path:
    """A wide table of two variables with a weekly cycle, noise, and very different sizes."""
    rng = np.random.default_rng(0)
    dates = np.datetime64("2021-01-01") + np.arange(days)
    week = np.sin(2 * np.pi * np.arange(days) / 7)
    visits, money = 50 + 10 * week + rng.standard_normal(days), 1e5 + 2e4 * np.roll(week, 2) + 3e3 * rng.standard_normal(days)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["day", "visits", "money"])
        writer.writerows(zip(dates.astype(str), visits.round(4), money.round(1), strict=True))
    return path


def write_npz(path: Path, series: list[np.ndarray], labels: list[str]) -> Path:
    lengths = np.array([len(values) for values in series])
    padded = np.zeros((len(series), lengths.max(), series[0].shape[1]), np.float32)
    for row, values in zip(padded, series, strict=True):
        row[: len(values)] = values
    np.savez(path, X=padded, y=np.array(labels), lengths=lengths)
    return path


WORDS = {"red": "rot", "big": "gross", "dog": "Hund", "cat": "Katze", "runs": "rennt", "sees": "sieht", "now": "jetzt", "well": "gut"}


def word_pairs(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Sources of 2 to 5 words, all different, and the same words in another language, the last one first."""
    rng, found = np.random.default_rng(seed), {}
    while len(found) < count:
        words = list(rng.choice(list(WORDS), rng.integers(2, 6)))
        found[" ".join(words)] = " ".join(WORDS[word] for word in reversed(words))
    return list(found), list(found.values())


def write_pairs(path: Path, sources: list[str], targets: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([["en", "xx"], *zip(sources, targets, strict=True)])
    return path
