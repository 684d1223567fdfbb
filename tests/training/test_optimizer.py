"""Matrices decay; embeddings, norms and biases do not."""

import torch
from torch import nn

from seqwise.models.config import SeqwiseConfig
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.training.optimizer import build_optimizer


def groups(model):
    optimizer = build_optimizer(model, learning_rate=1e-3, weight_decay=0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {group["weight_decay"]: {names[id(p)] for p in group["params"]} for group in optimizer.param_groups}


def test_groups_of_a_model():
    config = SeqwiseConfig(layer_types=["lstm", "attention"], position_embedding="learned", hidden_size=16, embedding_size=8)
    found = groups(SeqwiseForSequenceClassification(config))
    assert found[0.1] | found[0.0] == {name for name, _ in SeqwiseForSequenceClassification(config).named_parameters()}
    assert not found[0.1] & found[0.0]
    assert not any("bias" in name or "norm" in name for name in found[0.1])
    tables = {name for name in found[0.0] if "bias" not in name and "norm" not in name}
    assert tables == {"model.embed_tokens.weight", "model.positions.table.weight"}


def test_decay_shrinks_matrices_only():
    model = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = build_optimizer(model, learning_rate=0.1, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    after = model.state_dict()
    torch.testing.assert_close(after["1.weight"], before["1.weight"] * 0.95)
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert torch.equal(after["1.bias"], before["1.bias"])
