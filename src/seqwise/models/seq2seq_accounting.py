"""What an encoder-decoder costs, from the configuration alone."""

from collections.abc import Iterable

from seqwise.models.accounting import ParameterCount, count_parameters, forward_flops
from seqwise.models.seq2seq_config import SeqwiseSeq2SeqConfig


def count_seq2seq(config: SeqwiseSeq2SeqConfig) -> ParameterCount:
    """Trainable parameters; the table of tokens counts once where it is shared."""
    encoder = count_parameters(config.encoder_settings())
    decoder = count_parameters(config.decoder_settings(), vocabulary_head=True)
    embedding = encoder.embedding + decoder.embedding
    if config.tie_word_embeddings:
        embedding -= config.vocab_size * config.embedding_size
    between = _between(config)
    return ParameterCount(total=embedding + encoder.non_embedding + decoder.non_embedding + between, embedding=embedding)


def _between(config: SeqwiseSeq2SeqConfig) -> int:
    """Parameters by which the decoder learns of the source."""
    width = config.hidden_size
    if not config.cross_attention:
        return width * config.projection_size
    per_block = 4 * width * width + width if config.body == "modern" else 5 * width * width
    return config.num_hidden_layers * per_block


def seq2seq_flops(config: SeqwiseSeq2SeqConfig, source: int, target: int) -> int:
    """Floating-point operations of the matrix products, forwards, for a source and a target of so many tokens."""
    width = config.hidden_size
    flops = forward_flops(config.encoder_settings(), source)
    flops += forward_flops(config.decoder_settings(), target, vocabulary_head=True)
    if not config.cross_attention:
        return flops + 2 * width * config.projection_size
    written = 2 if config.body == "modern" else 3
    per_block = 2 * width * width * (2 * source + written * target) + 2 * 2 * source * target * width
    return flops + config.num_hidden_layers * per_block


def seq2seq_flops_per_token(config: SeqwiseSeq2SeqConfig, lengths: Iterable[int]) -> float:
    """Training operations per source token, over sources of these lengths, each with a target as long as itself."""
    lengths = list(lengths)
    return sum(3 * seq2seq_flops(config, length, length) for length in lengths) / sum(lengths)
