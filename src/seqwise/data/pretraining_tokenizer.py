"""The tokenizer of pretrained models: byte-level byte pairs, with the tokens that ending a text and hiding one need."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MASK = "[MASK]"
SPECIAL = ("[PAD]", "[UNK]", "[EOS]", MASK)


def train_pretraining_tokenizer(texts: Sequence[str], size: int, max_length: int) -> "PreTrainedTokenizerFast":
    """Byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909) of ``size`` entries; the same texts give the same one in every process.

    Numbers 0 to 3 are [PAD], [UNK], [EOS] and [MASK]. No token is added to a text, every text comes back to the letter. "[MASK]" in a
    text is the token, as ``pipeline("fill-mask")`` writes it, unless ``split_special_tokens=True`` says that texts are but texts; the
    space before it goes with it, which is part of a word here.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[AddedToken(name, special=True, normalized=False, lstrip=name == MASK) for name in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        eos_token="[EOS]",
        mask_token=MASK,
        model_max_length=max_length,
        padding_side="right",
        truncation_side="right",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
