"""What recognition of speech needs around a model: sound in through the feature extractor, text out through the tokenizer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import ProcessorMixin, Wav2Vec2CTCTokenizer

BLANK, UNKNOWN, DELIMITER = "<pad>", "<unk>", "|"


class SeqwiseProcessor(ProcessorMixin):
    """Sound to ``input_features``, and with ``text`` to ``labels``; ``decode`` and ``batch_decode`` read the most likely tokens of CTC."""

    def __init__(self, feature_extractor: Any, tokenizer: Any, **kwargs: Any):
        super().__init__(feature_extractor, tokenizer, **kwargs)

    def __call__(self, audio: Any, text: str | Sequence[str] | None = None, **kwargs: Any) -> Any:
        found = self.feature_extractor(audio, **kwargs)
        if text is not None:
            found["labels"] = self.tokenizer(text).input_ids
        return found


def character_tokenizer(characters: Sequence[str], folder: Path) -> Wav2Vec2CTCTokenizer:
    """A tokenizer of single characters for CTC, its file written to ``folder``; token 0 is the blank, | stands for a space."""
    import json

    from seqwise.core.files import write_text

    tokens = [BLANK, UNKNOWN, *(DELIMITER if character == " " else character for character in characters)]
    write_text(folder / "vocab.json", json.dumps({token: i for i, token in enumerate(tokens)}, ensure_ascii=False, indent=1) + "\n")
    return Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"), bos_token=None, eos_token=None, unk_token=UNKNOWN, pad_token=BLANK, word_delimiter_token=DELIMITER
    )


def characters_of(tokenizer: Any) -> tuple[str, ...]:
    """The characters that a tokenizer of CTC writes, in the order of their tokens."""
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return tuple(" " if token == DELIMITER else token for token, _ in tokens if token not in (BLANK, UNKNOWN))
