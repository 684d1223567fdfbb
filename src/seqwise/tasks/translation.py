"""A text from a text: encoder-decoder models, decided by BLEU."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from seqwise.core.registry import Registry
from seqwise.data.batching import Batches, evaluation_batches
from seqwise.data.pair_set import PairSet, collate_pairs
from seqwise.data.splits import Split
from seqwise.models.accounting import ParameterCount
from seqwise.models.external import longest_input
from seqwise.models.seq2seq_accounting import count_seq2seq, seq2seq_flops_per_token
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig
from seqwise.tasks.classification import by_length
from seqwise.tasks.parallel_texts import ParallelTexts, read_pairs_back
from seqwise.tasks.task import Estimator, FittedBaseline, Task, Told
from seqwise.tasks.translation_scores import BLEU, CHRF, EXACT, LOSS, TOKENS, WIDTH, bleu, bleu_by_sentence, chrf, score_rows

SOURCE_LENGTH = 0
"""Column of the truth: tokens of the source."""
TOKENS_PER_EVALUATION_BATCH = 4096
"""Of sources, padding included."""
LEAST_STEPS, LEAST_EPOCHS = 1_500, 15.0
"""Of training: what it takes until a decoder finds out that there is a source, and until it knows the words."""


class Translation(Task):
    """Hugging Face's ``translation``. Decides by corpus BLEU; chrF, exact matches and the loss of the reference describe."""

    tag = "translation"
    metric = "bleu"
    higher_is_better = True
    margin = 1.0
    unit = "sentence"
    bidirectional = False
    carries_state = False
    trivial = "most-frequent"
    token_metrics = frozenset({"loss"})
    baselines = Registry(
        "baseline",
        {
            "most-frequent": "seqwise.tasks.translation_baselines:MostFrequent",
            "dictionary": "seqwise.tasks.translation_baselines:Dictionary",
            "copy": "seqwise.tasks.translation_baselines:Copy",
        },
    )
    auto_class = "AutoModelForSeq2SeqLM"
    config_class = SeqwiseSeq2SeqConfig
    data = ParallelTexts()
    ranges: ClassVar = {"bleu": (0.0, 100.0), "chrf": (0.0, 100.0), "exact_match": (0.0, 1.0)}
    assumed_spread = (0.7, 20.0)
    """BLEU: of trainings, and of the influence of a sentence."""
    dropout = (0.0, 0.3)
    token_dropout = 0.0
    most_epochs = 500.0
    rules = (
        "same tokenizer for sources and targets, and one table of tokens for encoder, decoder and output",
        "the encoder reads both ways; the decoder has the same mixers and as many blocks",
        "selected by the loss of the reference on validation; tested by greedy translations, by SacreBLEU",
        "+attention is cross-attention in every block of the decoder, which a Transformer always has; without it the decoder is given the"
        " mean of the encoder's states at every step",
    )
    final_cost = 8.0
    """Translating token by token, against reading the reference at once."""

    @property
    def model_class(self) -> Any:
        from seqwise.models.seq2seq import SeqwiseForSeq2SeqLM

        return SeqwiseForSeq2SeqLM

    def contender(self, contender: Any) -> Any:
        """``lstm+attention`` keeps its LSTM in encoder and decoder and has cross-attention; attention alone always has it."""
        mixers = tuple(mixer for mixer in contender.mixers if mixer != "attention") or contender.mixers
        return contender.with_settings(mixers, {"cross_attention": "attention" in contender.mixers})

    def input_settings(self, train: PairSet) -> dict[str, Any]:
        pad, bos, eos = map(int, train.special)
        return {"pad_token_id": pad, "bos_token_id": bos, "eos_token_id": eos, "decoder_start_token_id": bos}

    def parameters(self, config: SeqwiseSeq2SeqConfig) -> ParameterCount:
        return count_seq2seq(config)

    def flops_per_token(self, config: SeqwiseSeq2SeqConfig, lengths: Sequence[int]) -> float:
        return seq2seq_flops_per_token(config, lengths)

    def feed(self, train: PairSet, validation: PairSet, *, batch_size: int, seed: int) -> "PairFeed":
        return PairFeed(self, train, validation, batch_size=batch_size, seed=seed)

    def outputs(self, model: nn.Module, pairs: PairSet, *, final: bool = False) -> np.ndarray:
        """(U, W) counts of each sentence: of the loss of its reference, and only where ``final`` of its greedy translation."""
        rows = score_rows(translate(model, pairs), pairs.references) if final else np.full((len(pairs), WIDTH), np.nan)
        rows[:, LOSS], rows[:, TOKENS] = reference_losses(model, pairs), pairs.target_lengths
        return rows

    def metrics(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """BLEU and chrF of the corpus, the share of exact matches, nats per token of the reference; what was not measured is left out."""
        found = {}
        if np.isfinite(outputs[:, EXACT]).all():
            found = {"bleu": bleu(outputs[:, BLEU]), "chrf": chrf(outputs[:, CHRF]), "exact_match": float(outputs[:, EXACT].mean())}
        if not np.isnan(outputs[:, TOKENS]).any():
            found["loss"] = float(outputs[:, LOSS].sum() / outputs[:, TOKENS].sum())
        return found

    def unit_scores(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return bleu_by_sentence(outputs[:, BLEU])

    def describing_scores(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
        found = {"exact_match": outputs[:, EXACT]}
        if not np.isnan(outputs[:, TOKENS]).any():
            found["loss"] = outputs[:, LOSS] / outputs[:, TOKENS].mean()
        return found

    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        return (-scores["loss"],)

    def wanted_epochs(self, parameters: int, tokens: int, per_epoch: int) -> float:
        return max(LEAST_EPOCHS, LEAST_STEPS / per_epoch)

    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        texts = read_pairs_back(cache, folder)
        model = self.baselines[name].fit(*texts[Split.TRAIN])
        rows = {split: score_rows(model.translate(texts[split][0]), texts[split][1]) for split in (Split.VALIDATION, Split.TEST)}
        truth = PairSet.load(folder / f"{Split.TEST}.safetensors").truth
        return FittedBaseline(model, self.metrics(rows[Split.VALIDATION], truth), rows[Split.TEST], truth)

    def breakdowns(
        self, outputs: list[np.ndarray], truths: list[np.ndarray], lengths: list[np.ndarray], estimate: Estimator
    ) -> dict[str, Any]:
        """BLEU of sources of similar length; where replicates share the test, by the first one's tokens."""
        return {"by_length": by_length(self, outputs, truths, lengths, estimate)}

    def results(self, told: Told) -> dict[str, Any]:
        """Translations of some test sentences by every model, and what the best model with cross-attention reads as it writes."""
        from seqwise.tasks.translation_samples import samples

        return samples(self, told)

    def latency_lengths(self, lengths: Sequence[int]) -> list[int]:
        """Tokens of the source, and as many of the translation: the median, and the longest."""
        return list(dict.fromkeys([max(1, int(np.median(lengths))), int(max(lengths))]))

    def answer(self, model: nn.Module, length: int) -> Callable[[], Any] | None:
        if length > longest_input(model.config):
            return None
        ids = torch.full((1, length), min(5, model.config.vocab_size - 1))
        mask = torch.ones_like(ids)
        return lambda: model.generate(input_ids=ids, attention_mask=mask, do_sample=False, min_new_tokens=length, max_new_tokens=length)

    def baseline_answer(self, model: Any, example: str) -> Callable[[], Any]:
        return lambda: model.translate([example])


class PairFeed:
    """Hands the training loop its batches and its loss on validation; knows no test pairs."""

    def __init__(self, task: Translation, train: PairSet, validation: PairSet, *, batch_size: int, seed: int):
        self.task, self.train, self.validation = task, train, validation
        self.batches = Batches(train.lengths + train.target_lengths, batch_size, seed)

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        return collate_pairs(self.train, self.batches.batch(step))

    def epoch(self, step: int) -> float:
        return step / self.batches.per_epoch

    def validate(self, model: nn.Module) -> dict[str, float]:
        return self.task.metrics(self.task.outputs(model, self.validation), self.validation.truth)

    def better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        return self.task.selection_key(new) > self.task.selection_key(old)


def reference_losses(model: nn.Module, pairs: PairSet) -> np.ndarray:
    """(U,) nats of each whole reference, given what stands before each of its tokens."""
    device, rows = next(model.parameters()).device, np.empty(len(pairs))
    with torch.inference_mode():
        for indices in evaluation_batches(np.maximum(pairs.lengths, pairs.target_lengths), TOKENS_PER_EVALUATION_BATCH):
            batch = {name: value.to(device) for name, value in collate_pairs(pairs, indices).items()}
            labels = batch.pop("labels")
            logits = model(**batch, decoder_input_ids=model.prepare_decoder_input_ids_from_labels(labels), use_cache=False).logits
            rows[indices] = cross_entropy(logits.float().transpose(1, 2), labels, reduction="none").sum(1).double().cpu().numpy()
    return rows


def translate(model: nn.Module, pairs: PairSet) -> list[str]:
    """Greedy translations of the sources, each as long as the model goes on, at most its ``generation_config.max_length``."""
    device, found = next(model.parameters()).device, [""] * len(pairs)
    with torch.inference_mode():
        for indices in evaluation_batches(pairs.lengths, TOKENS_PER_EVALUATION_BATCH):
            batch = {name: value.to(device) for name, value in collate_pairs(pairs, indices).items() if name != "labels"}
            written = model.generate(**batch, do_sample=False, num_beams=1)
            for place, text in zip(indices, pairs.decoded(written.tolist()), strict=True):
                found[place] = text
    return found
