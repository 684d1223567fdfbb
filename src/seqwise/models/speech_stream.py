"""Recognition while somebody speaks: a causal model reads the sound in pieces and says the same as of the whole."""

from typing import Any

import numpy as np
import torch

from seqwise.core.errors import UserError
from seqwise.models.ctc import SeqwiseForCTC, most_likely
from seqwise.models.feature_extraction import as_samples


class SpeechStream:
    """What a causal model hears, piece by piece; its state and the samples of a step that is not whole are carried.

    Args:
        model: with ``bidirectional=False``. Raises :class:`UserError` for another.
        processor: its feature extractor and tokenizer.
    """

    def __init__(self, model: SeqwiseForCTC, processor: Any):
        if model.config.bidirectional:
            raise UserError("a bidirectional model has to hear the end first", expected="bidirectional=False for a stream")
        self.model, self.extractor, self.tokenizer = model.eval(), processor.feature_extractor, processor.tokenizer
        self.cache, self.tokens, self.last, self.read = None, [], None, 0
        self.rest = np.zeros(0, np.float32)

    @property
    def text(self) -> str:
        """All that was heard so far."""
        known = [token for token in self.tokens if token != self.tokenizer.unk_token_id]
        found = self.tokenizer.convert_ids_to_tokens(known)
        return " ".join(self.tokenizer.convert_tokens_to_string(found, group_tokens=False)["text"].split())

    def feed(self, samples: np.ndarray) -> torch.Tensor:
        """Hear more samples (n,) at the model's rate; returns the logits (T, V) of the steps that they made whole."""
        self.rest = np.concatenate([self.rest, as_samples(samples)])
        steps = self.extractor.steps(len(self.rest))
        if not steps:
            return torch.zeros(0, self.model.config.vocab_size)
        taken = steps * self.extractor.frames_per_step * self.extractor.shift
        found, self.rest = self.extractor.features(self.rest)[:steps], self.rest[taken:]
        return self._hear(found)

    def finish(self) -> torch.Tensor:
        """The end of the sound: where it was too short for one step, that step is heard with silence behind it."""
        return self._hear(self.extractor.features(self.rest)) if not self.read else torch.zeros(0, self.model.config.vocab_size)

    @torch.inference_mode()
    def _hear(self, features: np.ndarray) -> torch.Tensor:
        values = torch.from_numpy(features).unsqueeze(0).to(self.model.device)
        output = self.model(input_features=values, past_key_values=self.cache, use_cache=True)
        self.tokens += most_likely(output.logits, self.model.config.pad_token_id, self.last)[0]
        self.cache, self.last, self.read = output.past_key_values, int(output.logits[0, -1].argmax()), self.read + len(features)
        return output.logits[0].cpu()
