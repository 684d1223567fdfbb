"""The document's claims, each an experiment that can fail: one file each, one rule for all."""

from seqwise.core.registry import Registry

CLAIMS = Registry(
    "claim",
    {
        "architecture": "seqwise.claims.architecture:Architecture",
        "training-speed": "seqwise.claims.training_speed:TrainingSpeed",
        "inference-speed": "seqwise.claims.inference_speed:InferenceSpeed",
        "position": "seqwise.claims.position:Position",
        "vanishing-gradient": "seqwise.claims.vanishing_gradient:VanishingGradient",
    },
)
"""In the order of running and showing."""
