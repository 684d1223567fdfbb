"""The output over the vocabulary that language models and translators share."""

from torch import nn

from seqwise.models.config import SeqwiseConfig
from seqwise.models.projection import Linear


class VocabularyHead:
    """Part of a model: hidden states as wide as the token embedding, then compared with it (Press & Wolf 2017, arXiv:1608.05859)."""

    def add_vocabulary_head(self, config: SeqwiseConfig) -> None:
        self.head_projection = Linear(config.hidden_size, config.embedding_size, bias=False)
        self.lm_head = Linear(config.embedding_size, config.vocab_size, bias=False)

    def get_output_embeddings(self) -> nn.Linear:
        return self.lm_head

    def set_output_embeddings(self, value: nn.Linear) -> None:
        self.lm_head = value
