"""The token behind a mask: a language model that sees both sides."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers.modeling_outputs import MaskedLMOutput
from transformers.utils import can_return_tuple

from seqwise.core.errors import UserError
from seqwise.models.backbone import SeqwiseModel, SeqwisePreTrainedModel
from seqwise.models.config import SeqwiseConfig
from seqwise.models.vocabulary import VocabularyHead

UNLABELLED = -100


class SeqwiseForMaskedLM(VocabularyHead, SeqwisePreTrainedModel):
    """Hidden states, projected to the width of the token embedding and compared with it, as in :class:`SeqwiseForCausalLM`.

    Masked language modelling is that of BERT (Devlin et al. 2019, arXiv:1810.04805). Raises :class:`UserError` for a causal
    configuration, which would not see what comes after a mask, and for one of series.
    """

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: SeqwiseConfig):
        if not config.bidirectional:
            raise UserError("a causal model does not see what stands behind a mask", expected="bidirectional=True for a masked model")
        if config.num_input_channels is not None:
            raise UserError("num_input_channels is set: there are no tokens to predict", expected="None for a language model")
        super().__init__(config)
        self.model = SeqwiseModel(config)
        self.add_vocabulary_head(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        skip_logits: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs,
    ) -> MaskedLMOutput:
        """Logits (B, T, V) of the token at each column itself, zero at padding.

        Args:
            labels: (B, T), the true token where one is hidden, -100 elsewhere, for the loss in nats per hidden token.
            skip_logits: compute the logits of labelled columns alone and return None for all of them; None does so in training.
            num_items_in_batch: to divide the summed loss by, in place of this batch's hidden tokens.
        """
        output = self.model(input_ids, attention_mask, None, inputs_embeds, output_hidden_states=output_hidden_states)
        skip = (self.training and labels is not None) if skip_logits is None else skip_logits
        loss = None if labels is None else self._loss(output.last_hidden_state, labels, num_items_in_batch)
        logits = None if skip else self.lm_head(self.head_projection(output.last_hidden_state))
        return MaskedLMOutput(loss=loss, logits=logits, hidden_states=output.hidden_states)

    def _loss(self, hidden: Tensor, labels: Tensor, count: Tensor | int | None) -> Tensor:
        """Of the labelled columns alone, which are a sixth of all; 0 where there is none."""
        labels = labels.to(hidden.device)
        chosen = labels != UNLABELLED
        logits = self.lm_head(self.head_projection(hidden[chosen]))
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        total = cross_entropy(logits, labels[chosen], reduction="sum")
        return total / torch.as_tensor(chosen.sum().clamp(min=1) if count is None else count, device=total.device)
