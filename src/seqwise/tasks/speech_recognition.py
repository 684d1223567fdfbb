"""What was said in a recording, character by character."""

import collections
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqwise.core.registry import Registry
from seqwise.data.batching import evaluation_batches
from seqwise.data.series_format import mean_and_spread
from seqwise.data.sound import Clip
from seqwise.data.speech_set import SpeechSet, collate_speech
from seqwise.data.splits import Split
from seqwise.models.accounting import ParameterCount, count_parameters, flops_per_token
from seqwise.models.config import SeqwiseConfig
from seqwise.models.external import longest_input
from seqwise.tasks.classification import TOKENS_PER_EVALUATION_BATCH, ExampleFeed, by_length
from seqwise.tasks.spectrograms import spectrogram
from seqwise.tasks.task import Estimator, FittedBaseline, Task, Told
from seqwise.tasks.transcribed_sounds import TranscribedSounds
from seqwise.tasks.transcripts import (
    CHARACTER_ERRORS,
    CHARACTERS,
    LOSS,
    WORD_ERRORS,
    WORDS,
    heard_of,
    outputs_of,
    pieces,
    ratio_scores,
    said_of,
)

LEAST_STEPS = 2000
SHOWN_FIRST, SHOWN_WORST, SHOWN_CONFUSIONS = 3, 6, 12


class SpeechRecognition(Task):
    """Hugging Face's ``automatic-speech-recognition``: CTC over log-mel features, decoded greedily; decides by word error rate.

    Models see the whole recording, from both sides. One replicate on strings of digits, equal steps, from both sides against from the
    left: GRU 1.0 and 9.1 % of the words wrong, LSTM 2.7 and 5.1, RNN 42 and 44, transformer 34 and 22. With ``--causal`` they stream,
    see :class:`~seqwise.models.speech_stream.SpeechStream`.
    """

    tag = "automatic-speech-recognition"
    metric = "wer"
    higher_is_better = False
    margin = 0.01
    unit = "recording"
    bidirectional = True
    trivial = "most-frequent"
    baselines = Registry(
        "baseline",
        {"most-frequent": "seqwise.tasks.speech_baselines:MostFrequent", "silent": "seqwise.tasks.speech_baselines:Silent"},
    )
    data = TranscribedSounds()
    auto_class = "AutoModelForCTC"
    assumed_spread = (0.01, 0.15)
    """Word error rate: of trainings, and of two models on a recording."""
    dropout = (0.0, 0.3)
    token_dropout = 0.0
    most_epochs = 400.0
    rules = ("same log-mel features, standardisation, characters and greedy decoding",)

    @property
    def model_class(self) -> Any:
        from seqwise.models.ctc import SeqwiseForCTC

        return SeqwiseForCTC

    def input_settings(self, train: SpeechSet) -> dict[str, Any]:
        """Mean and standard deviation of every channel; 1 for a channel that never changes."""
        mean, std = mean_and_spread(train.flat)
        return {"input_mean": mean.tolist(), "input_std": std.tolist()}

    def parameters(self, config: SeqwiseConfig) -> ParameterCount:
        return count_parameters(config, num_labels=config.vocab_size)

    def flops_per_token(self, config: SeqwiseConfig, lengths: Sequence[int]) -> float:
        """With the head, which answers at every step; forwards and backwards."""
        return flops_per_token(config, lengths) + 6 * config.hidden_size * config.vocab_size

    def feed(self, train: SpeechSet, validation: SpeechSet, *, batch_size: int, seed: int) -> "SpeechFeed":
        return SpeechFeed(self, train, validation, batch_size=batch_size, seed=seed)

    def wanted_epochs(self, parameters: int, tokens: int, per_epoch: int) -> float:
        return max(10.0, LEAST_STEPS / per_epoch)

    def outputs(self, model: nn.Module, examples: SpeechSet, *, final: bool = False) -> np.ndarray:
        """See :func:`~seqwise.tasks.transcripts.outputs_of`."""
        from seqwise.models.ctc import row_losses

        heard, losses = transcribed(model, examples, row_losses)
        return outputs_of(examples.texts, heard, losses)

    def metrics(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """Word and character error rates of all words and characters together, and nats per character where there is a loss."""
        found = {
            "wer": float(outputs[:, WORD_ERRORS].sum() / truth[:, WORDS].sum()),
            "cer": float(outputs[:, CHARACTER_ERRORS].sum() / truth[:, CHARACTERS].sum()),
        }
        nats = float(outputs[:, LOSS].sum(dtype=np.float64) / truth[:, CHARACTERS].sum())
        return found | ({"ctc_loss": nats} if np.isfinite(nats) else {})

    def unit_scores(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return ratio_scores(outputs[:, WORD_ERRORS].astype(float), truth[:, WORDS].astype(float))

    def describing_scores(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
        sizes = truth[:, CHARACTERS].astype(float)
        found = {"cer": ratio_scores(outputs[:, CHARACTER_ERRORS].astype(float), sizes)}
        if np.isfinite(outputs[:, LOSS]).all():
            found["ctc_loss"] = ratio_scores(outputs[:, LOSS].astype(float), sizes)
        return found

    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        """Word error rate; among equals, as while nothing is heard yet, the loss."""
        return -scores["wer"], -scores["ctc_loss"]

    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        parts = {split: SpeechSet.load(folder / f"{split}.safetensors") for split in Split}
        model = self.baselines[name].fit(parts[Split.TRAIN].texts)
        answers = {split: outputs_of(part.texts, model.predict(part.texts)) for split, part in parts.items() if split != Split.TRAIN}
        held = self.metrics(answers[Split.VALIDATION], parts[Split.VALIDATION].truth)
        return FittedBaseline(model, held, answers[Split.TEST], parts[Split.TEST].truth)

    def breakdowns(
        self, outputs: list[np.ndarray], truths: list[np.ndarray], lengths: list[np.ndarray], estimate: Estimator
    ) -> dict[str, Any]:
        return {"by_length": by_length(self, outputs, truths, lengths, estimate)}

    def answer(self, model: nn.Module, length: int) -> Callable[[], Any] | None:
        if length > longest_input(model.config):
            return None
        values = torch.zeros(1, length, model.config.num_input_channels)
        return lambda: model(input_features=values)

    def results(self, told: Told) -> dict[str, Any]:
        """What the best model heard in some recordings, and the words that it took for others."""
        if told.examples is None:
            return {"first": None, "worst": None, "confusions": None}
        outputs = told.outputs[told.best]
        said, heard = said_of(told.truth), heard_of(outputs)
        rates = outputs[:, WORD_ERRORS] / told.truth[:, WORDS]
        worst = [i for i in np.argsort(-rates, kind="stable")[:SHOWN_WORST] if rates[i] > 0]
        return {
            "first": [_shown(told.examples[i], said[i], heard[i]) for i in range(min(SHOWN_FIRST, len(said)))],
            "worst": [_shown(told.examples[i], said[i], heard[i]) for i in worst],
            "confusions": _confusions(said, heard),
        }


def transcribed(model: nn.Module, examples: SpeechSet, losses: Callable[..., torch.Tensor]) -> tuple[list[str], np.ndarray]:
    """What a model hears in every recording, and the loss (U,) of what was said, in nats."""
    from seqwise.models.ctc import most_likely

    device, blank = next(model.parameters()).device, model.config.pad_token_id
    heard, nats = [""] * len(examples), np.zeros(len(examples))
    with torch.inference_mode():
        for indices in evaluation_batches(examples.lengths, TOKENS_PER_EVALUATION_BATCH):
            batch = {name: value.to(device) for name, value in collate_speech(examples, indices).items()}
            logits = model(input_features=batch["input_features"], attention_mask=batch["attention_mask"]).logits
            nats[indices] = losses(logits, batch["attention_mask"], batch["labels"], blank).cpu().numpy()
            for i, tokens in zip(indices, most_likely(logits, blank), strict=True):
                heard[i] = examples.written(tokens)
    return heard, nats


def _shown(clip: Clip, said: str, heard: str) -> dict[str, Any]:
    return {"words": pieces(said, heard)} | spectrogram(clip)


def _confusions(said: Sequence[str], heard: Sequence[str]) -> list[dict[str, Any]]:
    """The most frequent pairs of a word and what was heard in its place; empty for nothing."""
    counts = collections.Counter(pair for row in zip(said, heard, strict=True) for pair in pieces(*row) if pair[0] != pair[1])
    return [{"said": said, "heard": heard, "count": count} for (said, heard), count in counts.most_common(SHOWN_CONFUSIONS)]


class SpeechFeed(ExampleFeed):
    """The same of recordings with transcripts."""

    def batch(self, step: int) -> dict[str, Any]:
        return collate_speech(self.train, self.batches.batch(step))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """With the loss even where it is no number, by which a training is known to have diverged."""
        return {"ctc_loss": float("nan")} | self.task.metrics(self.task.outputs(model, self.validation), self.validation.truth)
