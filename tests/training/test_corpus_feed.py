"""The score of a pretraining is that of the held-out text, whatever else is chosen."""

import numpy as np
import pytest
import torch

from seqwise.data.token_file import TokenFile, TokenWindows
from seqwise.models.config import SeqwiseConfig
from seqwise.training.pretrain import CorpusFeed, HiddenToken


class Forty:
    """As much of a tokenizer as hiding tokens needs."""

    mask_token_id, all_special_ids = 3, (0, 1, 2, 3)

    def __len__(self):
        return 40


def test_the_hidden_tokens_are_the_same_at_every_batch_size(tmp_path):
    np.random.default_rng(0).integers(4, 40, 500).astype("<u2").tofile(tmp_path / "a")
    file = TokenFile(tmp_path / "a", 500, 500, 1, "", 2)
    torch.manual_seed(0)
    config = SeqwiseConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, bidirectional=True)
    model = HiddenToken.model_class(config).eval()
    scores = []
    for batch in (1, 4, 7):
        feed = CorpusFeed(TokenWindows(file, 12, batch, seed=0), file, HiddenToken(Forty()), most=20)
        with torch.inference_mode():
            scores.append(feed.validate(model))
    for other in scores[1:]:
        assert other == pytest.approx(scores[0], rel=1e-5)
