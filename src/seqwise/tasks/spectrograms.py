"""Recordings as a picture needs them."""

import base64
from typing import Any

import numpy as np

from seqwise.data.sound import Clip

SHOWN_BANDS, SHOWN_FRAMES = 40, 200
RANGE = 10.0
"""Nats below the loudest point that are shown."""


def spectrogram(clip: Clip) -> dict[str, Any]:
    """``name``, ``seconds``, ``rate`` and ``levels``: a byte for every band and frame, the lowest band first, base64, of ``frames``."""
    from seqwise.models.feature_extraction import SeqwiseFeatureExtractor

    extractor = SeqwiseFeatureExtractor(sampling_rate=clip.rate, num_mel_bins=SHOWN_BANDS, frames_per_step=1)
    values = extractor.features(clip.samples)
    top = max(float(values.max()), float(np.log(extractor.mel_floor)) + RANGE)  # silence is dark
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), SHOWN_FRAMES)).astype(int))
    levels = np.clip((values[places] - top) / RANGE + 1, 0, 1) * 255
    return {
        "name": clip.name,
        "seconds": round(clip.seconds, 3),
        "rate": clip.rate,
        "frames": len(places),
        "bands": SHOWN_BANDS,
        "levels": base64.b64encode(levels.T.round().astype(np.uint8).tobytes()).decode(),
    }
