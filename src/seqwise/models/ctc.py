"""Recognition of speech: which token, or none, at every step (Graves et al. 2006, "Connectionist temporal classification")."""

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils import can_return_tuple

from seqwise.core.errors import UserError
from seqwise.models.backbone import SeqwiseModel, SeqwisePreTrainedModel
from seqwise.models.config import SeqwiseConfig
from seqwise.models.dropout import Dropout
from seqwise.models.padding import Padding
from seqwise.models.projection import Linear
from seqwise.models.state import SeqwiseCache


class SeqwiseForCTC(SeqwisePreTrainedModel):
    """A linear layer over the hidden states of sound; token ``pad_token_id`` is the blank. A causal model streams."""

    main_input_name = "input_features"

    def __init__(self, config: SeqwiseConfig):
        if config.num_input_channels is None:
            raise UserError("num_input_channels is None", expected="the channels of the sound's features")
        super().__init__(config)
        self.model = SeqwiseModel(config)
        self.dropout = Dropout(config.classifier_dropout)
        self.lm_head = Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_features: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        past_key_values: SeqwiseCache | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs,
    ) -> CausalLMOutputWithPast:
        """Logits (B, T, V), zero at padding, whose most likely token so is the blank.

        Args:
            input_features, attention_mask, past_key_values, use_cache: as in :class:`SeqwiseModel`.
            labels: (B, L) token ids, negative at padding, for the loss in nats per token of them; a row whose steps are too few for
                its tokens counts nothing.
            num_items_in_batch: the count to divide the sum of the losses by in place of this batch's tokens.
        """
        output = self.model(
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_hidden_states=output_hidden_states,
            input_features=input_features,
        )
        logits = self.lm_head(self.dropout(output.last_hidden_state))
        if attention_mask is not None:
            logits = logits.masked_fill(attention_mask[:, -logits.shape[1] :, None] == 0, 0.0)
        loss = None
        if labels is not None:
            losses = row_losses(logits, attention_mask, labels, self.config.pad_token_id)
            tokens = (labels >= 0).sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
            loss = losses.sum() / tokens
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=output.past_key_values, hidden_states=output.hidden_states)


def row_losses(logits: Tensor, attention_mask: Tensor | None, labels: Tensor, blank: int) -> Tensor:
    """Negative log likelihood of each row's tokens (B,), in nats; zero where they do not fit into the row's steps."""
    padding = Padding.of(attention_mask, logits.shape[1])
    packed = padding.pack(logits).float().log_softmax(-1)
    lengths = padding.lengths
    if lengths is None:
        lengths = torch.full((len(packed),), packed.shape[1], device=packed.device)
    counts = (labels >= 0).sum(1)
    return ctc_loss(packed.transpose(0, 1), labels.clamp(min=0), lengths, counts, blank=blank, reduction="none", zero_infinity=True)


def most_likely(logits: Tensor, blank: int, last: int | None = None) -> list[list[int]]:
    """The tokens of each row's most likely path, repeats taken once and blanks left out.

    Args:
        logits: (B, T, V), zero at padding.
        last: the path's token before the first column, where the rows go on from an earlier call.
    """
    found = []
    for row in logits.argmax(-1).tolist():
        before = [last, *row[:-1]] if row else []
        found.append([token for token, previous in zip(row, before, strict=True) if token not in (previous, blank)])
    return found
