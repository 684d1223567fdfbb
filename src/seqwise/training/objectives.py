"""What can be asked of running text in pretraining."""

from seqwise.core.registry import Registry

OBJECTIVES = Registry(
    "objective",
    {"causal-lm": "seqwise.training.pretrain:NextToken", "masked-lm": "seqwise.training.pretrain:HiddenToken"},
)
