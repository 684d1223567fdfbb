"""Which sequence model for your data: RNN, LSTM or Transformer? Measured on your data, on your machine.

Importing this package imports neither torch nor transformers. The models are known to ``transformers.AutoModel`` and its
relatives from then on, whichever of the two packages is imported first.
"""

from importlib import import_module
from typing import Any

from seqwise.models.hub import register_when_loaded

__version__ = "0.1.0"

_PUBLIC = {
    "compare": "seqwise.api",
    "train": "seqwise.api",
    "evaluate": "seqwise.api",
    "predict": "seqwise.api",
    "pretrain": "seqwise.api",
    "finetune": "seqwise.api",
    "claims": "seqwise.api",
    "generate": "seqwise.api",
    "load": "seqwise.api",
    "path": "seqwise.zoo.shipped",
    "SeqwiseConfig": "seqwise.models.config",
    "SeqwiseModel": "seqwise.models.backbone",
    "SeqwiseForSequenceClassification": "seqwise.models.heads",
    "SeqwiseForAudioClassification": "seqwise.models.heads",
    "SeqwiseForCTC": "seqwise.models.ctc",
    "SeqwiseFeatureExtractor": "seqwise.models.feature_extraction",
    "SeqwiseForCausalLM": "seqwise.models.causal_lm",
    "SeqwiseForMaskedLM": "seqwise.models.masked_lm",
    "SeqwiseForPrediction": "seqwise.models.prediction",
    "SeqwiseForSeq2SeqLM": "seqwise.models.seq2seq",
    "SeqwiseSeq2SeqConfig": "seqwise.models.seq2seq_config",
    "from_torch": "seqwise.models.from_torch",
    "to_torch": "seqwise.models.from_torch",
    "architecture": "seqwise.models.architectures",
    "UserError": "seqwise.core.errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'seqwise' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])


register_when_loaded()
