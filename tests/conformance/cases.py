"""Every mixer, in both bodies, causal and bidirectional, alone and in hybrids, with every kind of position."""

import torch

from seqwise.models.causal_lm import SeqwiseForCausalLM
from seqwise.models.config import SeqwiseConfig
from seqwise.models.heads import SeqwiseForSequenceClassification
from seqwise.models.mixers import MIXERS

STACKS = [[name] * 2 for name in MIXERS] + [["lstm", "attention"], ["attention", "gru"]]
BODIES = ["modern", "classic"]
SHAPES = [(stack, body) for stack in STACKS for body in BODIES]
VOCABULARY = 40


def label(value) -> str:
    return "+".join(value) if isinstance(value, list) else str(value)


def config(stack, body="modern", **changes) -> SeqwiseConfig:
    sizes = {"vocab_size": VOCABULARY, "embedding_size": 6, "hidden_size": 16, "intermediate_size": 24, "num_labels": 3}
    return SeqwiseConfig(layer_types=list(stack), num_hidden_layers=len(stack), body=body, **{**sizes, **changes})


def classifier(stack, body="modern", dtype=torch.float64, **changes) -> SeqwiseForSequenceClassification:
    torch.manual_seed(0)
    return SeqwiseForSequenceClassification(config(stack, body, **changes)).to(dtype).eval()


def language_model(stack, body="modern", dtype=torch.float64, **changes) -> SeqwiseForCausalLM:
    """Its embedding is large, so that what it says depends on what it has read."""
    torch.manual_seed(0)
    model = SeqwiseForCausalLM(config(stack, body, **changes)).to(dtype).eval()
    model.model.embed_tokens.weight.data.mul_(5)
    return model


def tokens(rows=5, columns=9, seed=1) -> torch.Tensor:
    return torch.randint(1, VOCABULARY, (rows, columns), generator=torch.Generator().manual_seed(seed))


def pad(sequences, width, side, generator=None):
    """Token ids and attention mask (rows, width). ``side``: right, left or inner; padding has tokens of its own."""
    generator = generator or torch.Generator().manual_seed(3)
    ids = torch.randint(1, VOCABULARY, (len(sequences), width), generator=generator)
    mask = torch.zeros(len(sequences), width, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        places = torch.arange(len(sequence))
        if side == "left":
            places = places + width - len(sequence)
        if side == "inner":
            places = torch.randperm(width, generator=generator)[: len(sequence)].sort().values
        ids[row, places], mask[row, places] = sequence, 1
    return ids, mask
