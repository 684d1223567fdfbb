"""The next token of running text: language models, scored in bits per byte, which no tokenizer can flatter."""

import itertools
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqwise.core.files import read_json, write_json
from seqwise.core.registry import Registry
from seqwise.data.splits import Split
from seqwise.data.streams import PackedFeed, TokenStream, bits_to_units, position_edges
from seqwise.models.accounting import ParameterCount, count_parameters, flops_per_token
from seqwise.models.config import SeqwiseConfig
from seqwise.models.external import longest_input
from seqwise.models.writing import continuation, tokens_of
from seqwise.tasks.language_scoring import baseline_outputs, carried_bits, scored_bits
from seqwise.tasks.running_text import RunningText
from seqwise.tasks.task import Estimator, FittedBaseline, Task, Told

BITS, CARRIED, POSITIONS = 0, 1, 2
"""Columns of the answers: bits of a block, bits with the state carried through, then bits by range of positions."""
BYTES, TOKENS = 0, 1
"""Columns of the truth: bytes and tokens of a block, then predictions by range of positions."""
TOKENS_PER_PARAMETER = 20.0
"""Hoffmann et al. 2022, arXiv:2203.15556."""
DECODED_LENGTHS = (16, 64, 256, 1024)
PROMPT_CHARACTERS, CONTINUATION_TOKENS = 160, 120


class TextGeneration(Task):
    """Hugging Face's ``text-generation``. Decides by bits per byte; loss per token and perplexity describe."""

    tag = "text-generation"
    metric = "bits_per_byte"
    higher_is_better = False
    margin = 0.01
    unit = "block of text"
    bidirectional = False
    trivial = "unigram"
    yardsticks = frozenset({"xz"})
    token_metrics = frozenset({"loss", "perplexity"})
    baselines = Registry(
        "baseline",
        {
            "unigram": "seqwise.tasks.language_baselines:Unigram",
            "ngram": "seqwise.tasks.language_baselines:NGram",
            "xz": "seqwise.tasks.language_baselines:Xz",
        },
    )
    auto_class = "AutoModelForCausalLM"
    data = RunningText()
    assumed_spread = (0.01, 0.1)
    """Bits per byte: of trainings, and of a block of about 2,000 bytes."""
    dropout = (0.0, 0.2)
    token_dropout = 0.0
    rules = ("same tokenizer and training windows", "no state is carried from window to window, in training and in what decides")
    final_cost = 3.0
    """Windows that overlap by half, and once more with the state carried through."""

    @property
    def model_class(self) -> Any:
        from seqwise.models.causal_lm import SeqwiseForCausalLM

        return SeqwiseForCausalLM

    def parameters(self, config: SeqwiseConfig) -> ParameterCount:
        return count_parameters(config, vocabulary_head=True)

    def flops_per_token(self, config: SeqwiseConfig, lengths: Sequence[int]) -> float:
        return flops_per_token(config, lengths, vocabulary_head=True)

    def feed(self, train: TokenStream, validation: TokenStream, *, batch_size: int, seed: int) -> "WindowFeed":
        return WindowFeed(self, train, validation, batch_size=batch_size, seed=seed)

    def outputs(self, model: nn.Module, stream: TokenStream, *, final: bool = False) -> np.ndarray:
        """(U, 2 + P) bits: of each block, with the state carried through (NaN where it was not), and by range of positions.

        Only ``final`` ones are of half-overlapping windows; what chooses on validation takes windows side by side, half the work, and
        tells nothing by position.
        """
        bits, positions = scored_bits(model, stream, overlap=final)
        carried = np.full(stream.units, np.nan)
        if not final:
            positions = np.full_like(positions, np.nan)
        if final and model.config.model_type == "seqwise" and "attention" not in model.config.layer_types:
            carried = bits_to_units(stream, carried_bits(model, stream))
        return np.column_stack([bits_to_units(stream, bits), carried, positions])

    def metrics(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """Bits per byte; nats per token and its exponential; with the state carried through where that was measured."""
        total, size, tokens = outputs[:, BITS].sum(), truth[:, BYTES].sum(), truth[:, TOKENS].sum()
        loss = float(total * math.log(2) / tokens)
        found = {"bits_per_byte": float(total / size), "loss": loss, "perplexity": math.exp(min(loss, 700.0))}
        carried = outputs[:, CARRIED].sum()
        return found | ({"bits_per_byte_carried": float(carried / size)} if np.isfinite(carried) else {})

    def unit_scores(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return outputs[:, BITS] / truth[:, BYTES]

    def describing_scores(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
        found = {"loss": outputs[:, BITS] * math.log(2) / truth[:, TOKENS].mean()}
        if np.isfinite(outputs[:, CARRIED]).all():
            found["bits_per_byte_carried"] = outputs[:, CARRIED] / truth[:, BYTES]
        return found

    def selection_key(self, scores: Mapping[str, float]) -> tuple[float, ...]:
        return (-scores["bits_per_byte"],)

    def wanted_epochs(self, parameters: int, tokens: int, per_epoch: int) -> float:
        """20 tokens for every parameter, those of the embedding included."""
        return TOKENS_PER_PARAMETER * parameters / tokens

    def fit_baseline(self, name: str, cache: Path, folder: Path, classes: int) -> FittedBaseline:
        """Fitted once for all replicates, whose text is the same."""
        streams = {split: TokenStream.load(folder / f"{split}.safetensors") for split in Split}
        model, seconds = self._fitted(name, cache / "baselines" / name, folder, streams)
        answers = {split: baseline_outputs(model, streams[split], folder / f"{split}.txt") for split in (Split.VALIDATION, Split.TEST)}
        held = self.metrics(answers[Split.VALIDATION], streams[Split.VALIDATION].truth)
        return FittedBaseline(model, held, answers[Split.TEST], streams[Split.TEST].truth, seconds)

    def _fitted(self, name: str, place: Path, folder: Path, streams: Mapping[Split, TokenStream]) -> tuple[Any, float | None]:
        """The baseline and how long fitting it took."""
        kind, begun = self.baselines[name], time.perf_counter()
        if name == "xz":
            return kind.fit((folder / "train.txt").read_bytes()), None
        if place.exists():
            return kind.load(place), read_json(place / "seconds.json")
        model = kind.fit(streams[Split.TRAIN].ids, len(_tokenizer(folder / "preprocessor")), streams[Split.VALIDATION].ids)
        seconds = time.perf_counter() - begun
        temporary = place.with_name(f".{name}.{os.getpid()}")
        model.save(temporary)
        write_json(temporary / "seconds.json", seconds)
        try:
            temporary.rename(place)
        except OSError:  # another replicate was faster
            shutil.rmtree(temporary)
        return model, seconds

    def breakdowns(
        self, outputs: list[np.ndarray], truths: list[np.ndarray], lengths: list[np.ndarray], estimate: Estimator
    ) -> dict[str, Any]:
        """``by_position``: bits per token against how many tokens of the window the model has seen, of replicates that did not diverge."""
        outputs = [values for values in outputs if np.isfinite(values[:, POSITIONS:]).all()]
        if not outputs:
            return {"by_length": [], "by_position": []}
        counts = truths[0][:, POSITIONS:]
        edges = position_edges(int(lengths[0][0]))
        if counts.shape[1] != len(edges) - 1:  # a model from outside, with windows of its own
            return {"by_length": [], "by_position": []}
        rows = []
        for place, (low, high) in enumerate(itertools.pairwise(edges)):
            unit = [values[:, POSITIONS + place] / counts[:, place].mean() for values in outputs]
            rows.append({"from": int(low), "to": int(high) - 1, "predictions": int(counts[:, place].sum())} | estimate(unit))
        return {"by_length": [], "by_position": rows}

    def results(self, told: Told) -> dict[str, Any]:
        """Continuations of a piece of the test text, by every trained model."""
        if told.examples is None:
            return {"prompt": None, "continuations": None}
        prompt = told.examples[0][:PROMPT_CHARACTERS]
        written = {name: _continuation(self, folder, prompt) for name, folder in told.folders.items() if folder.exists()}
        return {"prompt": prompt, "continuations": written}

    def latency_lengths(self, lengths: Sequence[int]) -> list[int]:
        """Tokens already read when the next one is asked for: the training context, and others."""
        typical = max(1, int(max(lengths)) - 1)
        return [typical, *(length for length in DECODED_LENGTHS if abs(length - typical) > 0.1 * typical)]

    def answer(self, model: nn.Module, length: int) -> Callable[[], Any] | None:
        """The next token after ``length`` ones, from the carried state.

        None beyond a table of learned positions, and for a model from outside whose state cannot be cut back.
        """
        if length >= longest_input(model.config):
            return None
        ids = torch.arange(length).remainder(model.config.vocab_size).unsqueeze(0)
        cache = getattr(model(input_ids=ids, use_cache=True, logits_to_keep=1), "past_key_values", None)
        if not hasattr(cache, "crop" if model.config.model_type != "seqwise" else "states"):
            return None
        if model.config.model_type != "seqwise":
            return lambda: _step_and_back(model, ids[:, -1:], cache)
        states, tokens, token = cache.states, cache.tokens.state, ids[:, -1:]

        def step() -> torch.Tensor:
            for layer, state in zip(cache.layers, states, strict=True):
                layer.state = state
            cache.tokens.state = tokens
            return model(input_ids=token, past_key_values=cache, use_cache=True).logits

        return step


class WindowFeed:
    """Hands the training loop windows of the text and its score on validation; knows no test text."""

    def __init__(self, task: TextGeneration, train: TokenStream, validation: TokenStream, *, batch_size: int, seed: int):
        self.task, self.validation = task, validation
        self.packed = PackedFeed(train, batch_size=batch_size, seed=seed)

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        inputs, targets = map(torch.from_numpy, self.packed.windows(step))
        return {"input_ids": inputs, "labels": targets, "shift_labels": targets}

    def epoch(self, step: int) -> float:
        return step / self.packed.per_epoch

    def validate(self, model: nn.Module) -> dict[str, float]:
        return self.task.metrics(self.task.outputs(model, self.validation), self.validation.truth)

    def better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        return self.task.selection_key(new) > self.task.selection_key(old)


def _step_and_back(model: nn.Module, token: torch.Tensor, cache: Any) -> torch.Tensor:
    """One step of a model from outside, whose cache is then cut back."""
    logits = model(input_ids=token, past_key_values=cache, use_cache=True).logits
    cache.crop(-1)
    return logits


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _continuation(task: TextGeneration, folder: Path, prompt: str) -> str:
    """What a finished model writes after the end of the prompt that it can take, sampled with a fixed seed."""
    model, tokenizer = task.load(folder), _tokenizer(folder)
    longest = longest_input(model.config)
    new = int(min(CONTINUATION_TOKENS, longest // 2))
    ids = tokens_of(tokenizer, prompt)
    ids = ids[:, -int(max(1, min(ids.shape[1], longest - new))) :]
    return continuation(model, tokenizer, ids, seed=0, max_new_tokens=new, do_sample=True, temperature=0.8, top_k=50)
