"""The document's claims, each an experiment that can fail: one file each, one rule for all."""

from seqwise.core.registry import Registry

CLAIMS = Registry(
    "claim",
    {
        "architecture": "seqwise.textbook.architecture:Architecture",
        "training-speed": "seqwise.textbook.training_speed:TrainingSpeed",
        "inference-speed": "seqwise.textbook.inference_speed:InferenceSpeed",
        "long-dependencies": "seqwise.textbook.long_dependencies:LongDependencies",
        "context-size": "seqwise.textbook.context_size:ContextSize",
        "state-tracking": "seqwise.textbook.state_tracking:StateTracking",
        "attention-support": "seqwise.textbook.attention_support:AttentionSupport",
        "use-cases": "seqwise.textbook.use_cases:UseCases",
        "ecosystem": "seqwise.textbook.ecosystem:Ecosystem",
        "pretraining": "seqwise.textbook.pretraining:Pretraining",
        "scaling": "seqwise.textbook.scaling:Scaling",
        "standard-architecture": "seqwise.textbook.standard_architecture:StandardArchitecture",
        "position": "seqwise.textbook.position:Position",
        "vanishing-gradient": "seqwise.textbook.vanishing_gradient:VanishingGradient",
    },
)
"""In the order of running and showing."""
