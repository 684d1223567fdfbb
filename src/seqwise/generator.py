"""A finished language model in use: a prompt in, text out, token by token from the carried state."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqwise.comparison.folder import read_result
from seqwise.core.errors import UserError
from seqwise.models.external import longest_input
from seqwise.models.origin import model_in
from seqwise.models.writing import continuation, tokens_of
from seqwise.predictor import how_to_use, load_model, quiet_libraries
from seqwise.zoo.shipped import folder_or_shipped

LONGEST_WINDOW = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen.

    Args:
        tokens: new tokens.
        temperature: divides the logits; 0 always takes the likeliest token.
        top_k: the likeliest tokens that are drawn from; 0 for all.
        beams: continuations kept side by side; more than 1 needs temperature 0.
        seed: of the draws.
    """

    tokens: int = 200
    temperature: float = 0.8
    top_k: int = 50
    beams: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("tokens", 1), ("top_k", 0), ("beams", 1), ("seed", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UserError(f"--{name.replace('_', '-')} {value} is not possible", expected=f"a whole number of {least} or more")
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"--temperature {self.temperature} is not possible", expected="0 for the likeliest token, or about 1")
        if self.beams > 1 and self.temperature > 0:
            raise UserError(f"--beams {self.beams} looks for the likeliest text and cannot sample", fix="add --temperature 0")

    def arguments(self) -> dict[str, Any]:
        """In the words of ``generate``."""
        found: dict[str, Any] = {"max_new_tokens": self.tokens, "num_beams": self.beams, "do_sample": self.temperature > 0}
        return found | ({"temperature": self.temperature, "top_k": self.top_k} if self.temperature > 0 else {})


def model_folder(source: str) -> Path:
    """The language model of a run folder, or the folder itself; a pretrained model of the package where there is no such folder."""
    return model_in(folder_or_shipped(source))


def note_of(source: str) -> str | None:
    """What a user should know of the model that writes: that a baseline, which cannot, scored better."""
    if not (Path(source) / "comparison.json").exists():
        return None
    result = read_result(Path(source))
    if result["verdict"]["recommendation"]["kind"] != "baseline" or result["best"] is None:
        return None
    name = result["verdict"]["recommendation"]["model"]
    return f"the comparison recommends {name}, a baseline; {result['best']['name']}, the best trained model, writes"


def load_language_model(source: str) -> tuple[Any, Any]:
    """Model and tokenizer. Raises :class:`UserError` for a folder that holds something else."""
    quiet_libraries()
    folder = model_folder(source)
    model, tokenizer = load_model(folder)
    if not model.can_generate() or model.config.is_encoder_decoder:
        raise UserError(f"{source} holds no language model but a {type(model).__name__}", fix=how_to_use(model.config))
    return model, tokenizer


def window_of(model: Any, tokenizer: Any) -> int:
    """Tokens of a scoring window: the training context of our models, the longest input of others, at most 1,024."""
    return int(min(tokenizer.model_max_length, longest_input(model.config), LONGEST_WINDOW))


def generate(model: Any, tokenizer: Any, prompt: str, sampling: Sampling, on_text: Callable[[str], None] | None = None) -> str:
    """The prompt's continuation.

    Args:
        on_text: called with the prompt once it is found possible, then with each new piece of text as soon as it is known, or with
            the whole where there are several beams.

    Raises :class:`UserError` where the prompt holds no token, or is longer than the model's table of positions allows.
    """
    ids = tokens_of(tokenizer, prompt)
    if ids.shape[1] == 0:
        raise UserError("the prompt is empty", fix="give some text to go on from")
    _check_length(model, ids.shape[1], sampling.tokens)
    if on_text is None:
        return continuation(model, tokenizer, ids, seed=sampling.seed, **sampling.arguments())
    on_text(prompt)
    streamer = _streamer(tokenizer, on_text) if sampling.beams == 1 else None
    written = continuation(model, tokenizer, ids, seed=sampling.seed, streamer=streamer, **sampling.arguments())
    if streamer is None:
        on_text(written)
    return written


def _check_length(model: Any, prompt: int, new: int) -> None:
    longest = longest_input(model.config)
    if prompt + new - 1 > longest:  # the last new token is not read
        raise UserError(
            f"{prompt} tokens of prompt and {new} new ones are beyond the {longest:.0f} positions of the model",
            fix="a shorter prompt or fewer --tokens; recurrent models and rotary positions of ours have no such limit",
        )


def _streamer(tokenizer: Any, on_text: Callable[[str], None]) -> Any:
    from transformers import TextStreamer

    class Pieces(TextStreamer):
        """Hands on what the library would print."""

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            on_text(text)

    return Pieces(tokenizer, skip_prompt=True, clean_up_tokenization_spaces=False, skip_special_tokens=True)
