"""Task heads on the backbone."""

from torch import Tensor
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from seqwise.models.backbone import SeqwiseModel, SeqwisePreTrainedModel
from seqwise.models.config import SeqwiseConfig
from seqwise.models.dropout import Dropout
from seqwise.models.projection import Linear


class SeqwiseForSequenceClassification(SeqwisePreTrainedModel):
    """One answer per sequence: the mean of the hidden states of its real tokens or steps, then a linear layer."""

    def __init__(self, config: SeqwiseConfig):
        super().__init__(config)
        self.model = SeqwiseModel(config)
        self.dropout = Dropout(config.classifier_dropout)
        self.score = Linear(config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        input_features: Tensor | None = None,
        **kwargs,
    ) -> SequenceClassifierOutput:
        """Logits (B, C), and the loss where labels (B,) are given (or (B, C), by ``config.problem_type``)."""
        hidden, padding = self.model.encode(input_ids, attention_mask, inputs_embeds, input_features=input_features)
        logits = self.score(self.dropout(padding.mean(hidden[-1])))
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config, **kwargs)
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=tuple(padding.unpack(x) for x in hidden) if wanted else None
        )


class SeqwiseForAudioClassification(SeqwiseForSequenceClassification):
    """The same of sound, whose ``input_features`` a feature extractor makes."""

    main_input_name = "input_features"
