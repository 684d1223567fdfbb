"""The configuration of encoder-decoder models."""

import copy
from typing import Self

from seqwise.core.errors import UserError
from seqwise.models.config import SeqwiseConfig, default_heads


class SeqwiseSeq2SeqConfig(SeqwiseConfig):
    """Settings of an encoder and a decoder of the same widths, each of ``num_hidden_layers`` blocks with the mixers of ``layer_types``.

    All of :class:`SeqwiseConfig`, which holds for both, but for ``bidirectional``: the encoder is, the decoder is not.

    Attributes:
        cross_attention: every decoder block attends to the encoder's last hidden states; else the decoder is given their mean.
        decoder_start_token_id: what stands before the first token of a target.
        tie_word_embeddings: encoder, decoder and output share one table of tokens.
    """

    model_type = "seqwise_seq2seq"

    is_encoder_decoder: bool = True
    cross_attention: bool = True
    decoder_start_token_id: int | None = None

    def __post_init__(self, **kwargs):
        if self.cross_attention and self.num_attention_heads is None:
            self.num_attention_heads = default_heads(self.hidden_size)
        super().__post_init__(**kwargs)

    def validate(self) -> None:
        """Raises :class:`UserError`."""
        super().validate()
        check_seq2seq(self)

    def encoder_settings(self) -> Self:
        return self._part(bidirectional=True)

    def decoder_settings(self) -> Self:
        return self._part(bidirectional=False)

    def _part(self, **changes: bool) -> Self:
        part = copy.deepcopy(self)
        part.is_encoder_decoder = False
        for name, value in changes.items():
            setattr(part, name, value)
        return part


def check_seq2seq(config: SeqwiseSeq2SeqConfig) -> None:
    if config.bidirectional:
        raise UserError(
            "bidirectional=True: a decoder would see the token that it is to predict", fix="leave it out; the encoder is anyway"
        )
    if config.num_input_channels is not None:
        raise UserError("num_input_channels is set: encoder and decoder read tokens", expected="None")
    if config.hidden_size % 2:
        raise UserError(
            f"hidden_size {config.hidden_size} is odd", expected="an even hidden_size, whose halves the encoder's directions are"
        )
    heads = config.num_attention_heads
    if config.cross_attention and (heads < 1 or config.hidden_size % heads):
        raise UserError(f"{heads} attention heads do not divide hidden_size {config.hidden_size}", expected="a divisor")
