"""What models of sound read: log-mel filter banks as Kaldi computes them, several frames side by side."""

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from transformers import BatchFeature, SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank

from seqwise.core.errors import UserError

PREEMPHASIS = 0.97
LOWEST = 20.0
"""Hz below which no filter reaches."""
FRAMES_AT_ONCE = 8192


class SeqwiseFeatureExtractor(SequenceFeatureExtractor):
    """Waveforms to ``input_features`` (B, T, C), saved as ``preprocessor_config.json``.

    A step is ``frames_per_step`` neighbouring frames one after the other (Pundak & Sainath 2016, "Lower frame rate neural network
    acoustic models"); frames that fill no step are left out. Sound too short for one step is filled up with silence.

    Args:
        sampling_rate: Hz of the waveforms.
        num_mel_bins: filters.
        frames_per_step: frames that one step of the model reads.
        frame_length, frame_shift: milliseconds.
        mel_floor: the least energy, of samples in the range of 16-bit integers, whose logarithm is taken.
    """

    model_input_names: ClassVar[list[str]] = ["input_features", "attention_mask"]

    def __init__(
        self,
        sampling_rate: int = 16_000,
        num_mel_bins: int = 40,
        frames_per_step: int = 3,
        frame_length: float = 25.0,
        frame_shift: float = 10.0,
        mel_floor: float = 1.0,
        padding_value: float = 0.0,
        **kwargs: Any,
    ):
        kwargs.pop("feature_size", None)
        super().__init__(num_mel_bins * frames_per_step, sampling_rate, padding_value, **kwargs)
        self.num_mel_bins, self.frames_per_step = num_mel_bins, frames_per_step
        self.frame_length, self.frame_shift, self.mel_floor = frame_length, frame_shift, mel_floor

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return int(self.sampling_rate * self.frame_length / 1000)

    @property
    def shift(self) -> int:
        """Samples from frame to frame."""
        return int(self.sampling_rate * self.frame_shift / 1000)

    @property
    def least(self) -> int:
        """Samples of one step."""
        return self.window + (self.frames_per_step - 1) * self.shift

    def steps(self, samples: int) -> int:
        """How many whole steps so many samples hold."""
        return max(0, (samples - self.window) // self.shift + 1) // self.frames_per_step

    def log_mel(self, samples: np.ndarray) -> np.ndarray:
        """(n,) in -1 to 1 to (frames, bins), float32."""
        wave = torch.from_numpy(np.ascontiguousarray(samples, np.float32))
        if len(wave) < self.window:
            return np.zeros((0, self.num_mel_bins), np.float32)
        frames = wave.unfold(-1, self.window, self.shift)
        return torch.cat([self._log_mel(part) for part in frames.split(FRAMES_AT_ONCE)]).numpy()

    def _log_mel(self, frames: Tensor) -> Tensor:
        """(N, window) to (N, bins)."""
        taper, filters = _kaldi(self.window, self.sampling_rate, self.num_mel_bins)
        frames = frames * 2**15
        frames = frames - frames.mean(1, keepdim=True)
        before = torch.cat((frames[:, :1], frames[:, :-1]), 1)
        power = torch.fft.rfft((frames - PREEMPHASIS * before) * taper, n=_transform(self.window)).abs() ** 2
        return (power @ filters).clamp(min=self.mel_floor).log()

    def features(self, samples: np.ndarray) -> np.ndarray:
        """(n,) to (T, C), float32, T at least 1; integers are taken at their full scale.

        Raises :class:`UserError` for several channels, and for what is no number.
        """
        samples = as_samples(samples)
        if len(samples) < self.least:
            samples = np.pad(np.asarray(samples, np.float32), (0, self.least - len(samples)))
        frames = self.log_mel(samples)
        steps = len(frames) // self.frames_per_step
        return frames[: steps * self.frames_per_step].reshape(steps, self.feature_size)

    def __call__(
        self,
        raw_speech: np.ndarray | Sequence[float] | Sequence[np.ndarray],
        sampling_rate: int | None = None,
        padding: bool | str = True,
        return_tensors: str | None = None,
        return_attention_mask: bool | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """One waveform or several, each (n,) in -1 to 1, padded to the longest. Raises :class:`UserError` for another sampling rate."""
        if sampling_rate not in (None, self.sampling_rate):
            raise UserError(f"sound of {sampling_rate} Hz for a model of {self.sampling_rate} Hz", fix="resample it first")
        several = not isinstance(raw_speech, np.ndarray) and len(raw_speech) > 0 and np.ndim(raw_speech[0]) > 0
        waves = [np.asarray(wave) for wave in (raw_speech if several or np.ndim(raw_speech) == 2 else [raw_speech])]
        found = BatchFeature({"input_features": [self.features(wave) for wave in waves]})
        return self.pad(found, padding=padding, return_tensors=return_tensors, return_attention_mask=return_attention_mask)


def as_samples(wave: Any) -> np.ndarray:
    """(n,) float32 in -1 to 1. Raises :class:`UserError` for another shape, and for what is no number."""
    wave = np.asarray(wave)
    if wave.ndim != 1:
        raise UserError(f"sound of the shape {wave.shape}", expected="(samples,): one channel", fix="average the channels")
    found = wave / (np.iinfo(wave.dtype).max + 1) if np.issubdtype(wave.dtype, np.integer) else wave
    if not np.isfinite(found).all():
        raise UserError("the sound holds samples that are no numbers", expected="numbers in -1 to 1")
    return found.astype(np.float32)


def _transform(window: int) -> int:
    """The power of two that holds a window."""
    return 1 << (window - 1).bit_length()


@functools.lru_cache(maxsize=8)
def _kaldi(window: int, rate: int, bins: int) -> tuple[Tensor, Tensor]:
    """Povey's window (W,), and the filters (F, bins)."""
    bank = mel_filter_bank(
        num_frequency_bins=_transform(window) // 2 + 1,
        num_mel_filters=bins,
        min_frequency=LOWEST,
        max_frequency=rate / 2,
        sampling_rate=rate,
        mel_scale="kaldi",
        triangularize_in_mel_space=True,
    )
    taper = torch.hann_window(window, periodic=False, dtype=torch.float64) ** 0.85
    return taper.float(), torch.from_numpy(bank).float()
