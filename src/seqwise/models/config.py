"""The configuration of every model of the package."""

import dataclasses
from collections.abc import Iterable
from typing import ClassVar

from transformers import PreTrainedConfig

from seqwise.core.errors import UserError, did_you_mean
from seqwise.models.mixers import MIXERS

BODIES = ("modern", "classic")
POSITIONS = ("rotary", "learned", "sinusoidal", "none")
HEAD_SIZES = (64, 32, 16, 8)


class SeqwiseConfig(PreTrainedConfig):
    """Settings of a backbone: N x (norm, mixer, +, norm, gated feed-forward, +), or N x mixer where ``body="classic"``.

    Attributes:
        vocab_size: tokens.
        embedding_size: width of the token embedding (E).
        num_input_channels: numbers per step of a series (C), which then is the input in place of tokens; None for tokens.
        channel_names: of the channels, in order; None where they have none.
        input_mean, input_std: per channel, what a series is standardised by; None for values as they are.
        context_length, prediction_length: values of a series that a forecast is made from, and values that it foretells.
        patch_length: consecutive values of a series that make up one step of a forecasting model.
        quantile_levels: of a forecast's quantiles, ascending.
        projection_size: width after the embedding's projection; None for ``hidden_size``. Another width needs the classic body.
        hidden_size: width of the residual stream and of every mixer's output (D).
        intermediate_size: width of the gated feed-forward (F); unused by the classic body.
        num_hidden_layers: blocks (N).
        layer_types: one name of ``MIXERS`` per block; None for LSTM throughout.
        body: ``"modern"`` or ``"classic"`` (no norms, no residuals, no feed-forward).
        bidirectional: every token sees both sides. Recurrent mixers then have ``hidden_size // 2`` units per direction.
        position_embedding: ``"rotary"`` (inside attention), ``"learned"`` or ``"sinusoidal"`` (added to the embedding), ``"none"``.
        max_position_embeddings: rows of the learned position table.
        num_attention_heads: None for the largest head size of 64, 32, 16, 8 that gives at least two heads.
        rope_theta: base of the rotary wavelengths.
        hidden_dropout: after every mixer and feed-forward.
        embedding_dropout: after the embedding's projection.
        token_dropout: share of whole tokens that training drops from the input (Iyyer et al. 2015).
        classifier_dropout: before the classification layer.
        forget_bias: initial bias of the forget gate of LSTM and minLSTM (Jozefowicz et al. 2015).
        initializer_range: standard deviation of linear layers; None for 1/sqrt(width of the input).
        norm_eps: added to the variance in LayerNorm.
        tie_word_embeddings: a language model answers with the token embedding itself.
    """

    model_type = "seqwise"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    vocab_size: int = 256
    embedding_size: int = 64
    num_input_channels: int | None = None
    channel_names: list[str] | None = None
    input_mean: list[float] | None = None
    input_std: list[float] | None = None
    context_length: int | None = None
    prediction_length: int | None = None
    patch_length: int | None = None
    quantile_levels: list[float] | None = None
    projection_size: int | None = None
    hidden_size: int = 64
    intermediate_size: int = 172
    num_hidden_layers: int = 2
    layer_types: list[str] | None = None
    body: str = "modern"
    bidirectional: bool = False
    position_embedding: str = "rotary"
    max_position_embeddings: int = 512
    num_attention_heads: int | None = None
    rope_theta: float = 10000.0
    hidden_dropout: float = 0.0
    embedding_dropout: float = 0.0
    token_dropout: float = 0.0
    classifier_dropout: float = 0.0
    forget_bias: float = 1.0
    initializer_range: float | None = None
    norm_eps: float = 1e-5
    pad_token_id: int | None = 0
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    use_cache: bool = True
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs):
        names = list(self.layer_types) if self.layer_types is not None else ["lstm"] * self.num_hidden_layers
        self.layer_types = None  # the base class would translate "attention" into its own vocabulary
        super().__post_init__(**kwargs)
        self.layer_types = names
        self.projection_size = self.hidden_size if self.projection_size is None else self.projection_size
        if "attention" in names and self.num_attention_heads is None:
            self.num_attention_heads = default_heads(self.hidden_size)
        self.validate()

    def validate(self) -> None:
        """Raises :class:`UserError`. Also called before saving; the base class would know its own ``layer_types`` only."""
        check_sizes(self)
        check_channels(self)
        check_forecast(self)
        check_names(self)
        check_widths(self)

    def input_size(self, layer: int) -> int:
        """Width of what a block reads."""
        return self.projection_size if layer == 0 else self.hidden_size


def check_known(settings: Iterable[str]) -> None:
    """Refuse names that are no setting, which the base class would keep and nothing would read."""
    known = [*(field.name for field in dataclasses.fields(SeqwiseConfig)), "num_labels"]
    for name in settings:
        if name not in known:
            raise UserError(f"there is no setting '{name}'", fix=did_you_mean(name, known))


def default_heads(hidden_size: int) -> int:
    for size in HEAD_SIZES:
        if hidden_size % size == 0 and hidden_size // size >= 2:
            return hidden_size // size
    return 1


def check_sizes(config: SeqwiseConfig) -> None:
    for name in ("hidden_size", "vocab_size", "embedding_size", "projection_size", "intermediate_size", "num_hidden_layers"):
        value = getattr(config, name)
        if type(value) is not int or value < 1:
            raise UserError(f"{name} is {value!r}", expected="a whole number of at least 1")
    for name in ("hidden_dropout", "embedding_dropout", "token_dropout", "classifier_dropout"):
        if not 0 <= getattr(config, name) < 1:
            raise UserError(f"{name} is {getattr(config, name)}", expected="a probability from 0 to below 1")


def check_channels(config: SeqwiseConfig) -> None:
    count = config.num_input_channels
    if count is not None and (type(count) is not int or count < 1):
        raise UserError(f"num_input_channels is {count!r}", expected="a whole number of at least 1, or None for tokens")
    for name in ("channel_names", "input_mean", "input_std"):
        values = getattr(config, name)
        if values is not None and len(values) != count:
            raise UserError(f"{name} has {len(values)} values, num_input_channels is {count}", expected="one value per channel")
    if (config.input_mean is None) != (config.input_std is None):
        raise UserError("input_mean and input_std stand alone", expected="both or neither")
    if config.input_std is not None and not min(config.input_std) > 0:
        raise UserError(f"input_std holds {min(config.input_std)}", expected="values above 0")


def check_forecast(config: SeqwiseConfig) -> None:
    for name in ("context_length", "prediction_length", "patch_length"):
        value = getattr(config, name)
        if value is not None and (type(value) is not int or value < 1):
            raise UserError(f"{name} is {value!r}", expected="a whole number of at least 1, or None")
    levels = config.quantile_levels
    if levels is not None and (sorted(set(levels)) != list(levels) or not all(0 < level < 1 for level in levels)):
        raise UserError(f"quantile_levels are {levels}", expected="ascending numbers between 0 and 1")


def check_names(config: SeqwiseConfig) -> None:
    for name in config.layer_types:
        if name not in MIXERS:
            raise UserError(f"unknown mixer '{name}' in layer_types", fix=did_you_mean(name, list(MIXERS)))
    if len(config.layer_types) != config.num_hidden_layers:
        raise UserError(
            f"layer_types names {len(config.layer_types)} layers, num_hidden_layers is {config.num_hidden_layers}",
            expected="one name per layer",
        )
    for value, known, name in ((config.body, BODIES, "body"), (config.position_embedding, POSITIONS, "position_embedding")):
        if value not in known:
            raise UserError(f"unknown {name} '{value}'", fix=did_you_mean(value, list(known)))


def check_widths(config: SeqwiseConfig) -> None:
    if config.bidirectional and config.hidden_size % 2:
        raise UserError(f"hidden_size {config.hidden_size} is odd", expected="an even hidden_size where bidirectional=True")
    if config.body == "modern" and config.projection_size != config.hidden_size:
        raise UserError(
            f"projection_size {config.projection_size} differs from hidden_size {config.hidden_size}",
            expected="equal widths in the modern body, whose residuals add them",
            fix='leave projection_size out, or use body="classic"',
        )
    if "attention" in config.layer_types:
        check_heads(config)


def check_heads(config: SeqwiseConfig) -> None:
    heads = config.num_attention_heads
    if heads < 1 or config.hidden_size % heads:
        raise UserError(f"{heads} attention heads do not divide hidden_size {config.hidden_size}", expected="a divisor")
    if config.position_embedding == "rotary" and config.hidden_size // heads % 2:
        raise UserError(
            f"rotary positions turn pairs, and {heads} heads of hidden_size {config.hidden_size} have an odd size",
            expected="an even head size",
        )
