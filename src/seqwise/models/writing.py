"""Writing on: the tokens of a prompt in, the text that a language model puts after them out."""

from typing import Any


def continuation(model: Any, tokenizer: Any, ids: Any, *, seed: int, streamer: Any = None, **arguments: Any) -> str:
    """What ``model.generate`` adds to a prompt; the global generator is left as it was.

    Args:
        ids: int64 (1, T) tokens of the prompt.
        seed: of the draws.
        arguments: of ``generate``: ``max_new_tokens``, ``do_sample``, ``num_beams`` ...
    """
    import torch

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        written = model.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=pad, streamer=streamer, **arguments)
    return str(tokenizer.decode(written[0, ids.shape[1] :], clean_up_tokenization_spaces=False, skip_special_tokens=True))


def tokens_of(tokenizer: Any, prompt: str) -> Any:
    """int64 (1, T): the prompt without special tokens."""
    return tokenizer(prompt, add_special_tokens=False, return_tensors="pt", verbose=False).input_ids.long()
