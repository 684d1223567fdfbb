"""Log-mel features are Kaldi's; a model's extractor and tokenizer load through their Auto classes."""

import kaldi_native_fbank
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoFeatureExtractor, AutoProcessor, AutoTokenizer, pipeline

import seqwise
from seqwise.core.errors import UserError
from seqwise.models.config import SeqwiseConfig
from seqwise.models.ctc import SeqwiseForCTC, most_likely
from seqwise.models.feature_extraction import SeqwiseFeatureExtractor
from seqwise.models.speech_processor import SeqwiseProcessor, character_tokenizer

KALDI_FLOOR = float(np.finfo(np.float32).eps)


def noise(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def kaldi(wave, rate, bins):
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither, options.mel_opts.num_bins = rate, 0, bins
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(rate, (wave * 2**15).tolist())
    bank.input_finished()
    return np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])


@pytest.mark.parametrize(("rate", "bins"), [(8_000, 40), (16_000, 80), (11_025, 23)])
def test_log_mels_are_those_of_kaldi(rate, bins):
    wave = noise(rate)
    extractor = SeqwiseFeatureExtractor(sampling_rate=rate, num_mel_bins=bins, mel_floor=KALDI_FLOOR)
    np.testing.assert_allclose(extractor.log_mel(wave), kaldi(wave, rate, bins), atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(0, 3000), frames=st.integers(1, 4))
def test_steps_are_neighbouring_frames_and_never_none(samples, frames):
    extractor = SeqwiseFeatureExtractor(sampling_rate=8_000, frames_per_step=frames)
    wave = noise(samples)
    found = extractor.features(wave)
    assert found.shape == (max(1, extractor.steps(samples)), 40 * frames)
    mels = extractor.log_mel(wave)
    if extractor.steps(samples):
        np.testing.assert_array_equal(found.reshape(-1, 40), mels[: len(found) * frames])


def test_a_long_recording_is_that_of_its_pieces(monkeypatch):
    extractor, wave = SeqwiseFeatureExtractor(sampling_rate=8_000), noise(4000)
    whole = extractor.log_mel(wave)
    monkeypatch.setattr("seqwise.models.feature_extraction.FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(extractor.log_mel(wave), whole, rtol=1e-5)


def test_padding_in_a_batch_leaves_the_features_alone():
    extractor, waves = SeqwiseFeatureExtractor(sampling_rate=8_000), [noise(3000), noise(900, 1)]
    batch = extractor(waves, sampling_rate=8_000, return_tensors="pt")
    for row, mask, wave in zip(batch["input_features"], batch["attention_mask"], waves, strict=True):
        np.testing.assert_array_equal(row[mask == 1].numpy(), extractor.features(wave))
    with pytest.raises(UserError, match="16000 Hz for a model of 8000 Hz"):
        extractor(waves, sampling_rate=16_000)


def test_silence_is_finite():
    assert np.isfinite(SeqwiseFeatureExtractor().features(np.zeros(16_000))).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("speech")
    extractor = SeqwiseFeatureExtractor(sampling_rate=8_000, num_mel_bins=20, mel_floor=2.0)
    SeqwiseProcessor(extractor, character_tokenizer(" abc", place)).save_pretrained(place)
    extractor.save_pretrained(place)
    model = SeqwiseForCTC(SeqwiseConfig(num_input_channels=60, vocab_size=6, bidirectional=True))
    model.save_pretrained(place)
    return place


def test_extractor_tokenizer_and_processor_load_through_their_auto_classes(folder):
    assert seqwise.SeqwiseFeatureExtractor is SeqwiseFeatureExtractor
    extractor, tokenizer = AutoFeatureExtractor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    own = SeqwiseFeatureExtractor(sampling_rate=8_000, num_mel_bins=20, mel_floor=2.0)
    assert extractor.to_dict() == own.to_dict()
    assert tokenizer("ab c").input_ids == [3, 4, 2, 5]
    assert tokenizer.decode([0, 3, 3, 0, 3, 2, 4, 4]) == "aa b"
    processor = AutoProcessor.from_pretrained(folder)
    found = processor(noise(3000), text="ab", return_tensors="pt")
    assert found["input_features"].shape == (1, 12, 60)
    assert found["labels"] == [3, 4]


def test_the_pipeline_of_transformers_hears_what_greedy_decoding_hears(folder):
    wave = noise(8000)
    run = pipeline("automatic-speech-recognition", str(folder))
    heard = run({"raw": wave, "sampling_rate": 8_000})["text"]
    tokens = most_likely(run.model(**run.feature_extractor(wave, return_tensors="pt")).logits, 0)[0]
    assert heard == run.tokenizer.convert_tokens_to_string(run.tokenizer.convert_ids_to_tokens(tokens), group_tokens=False)["text"]


def test_integers_are_taken_at_their_full_scale():
    extractor, wave = SeqwiseFeatureExtractor(sampling_rate=8000), noise(4000)
    whole = (wave * 2**15).astype(np.int16)
    np.testing.assert_allclose(extractor.features(whole), extractor.features((whole / 2**15).astype(np.float32)), atol=1e-5)


@pytest.mark.parametrize(("wave", "words"), [(np.zeros((50, 2)), "one channel"), (np.array([0.0, np.nan]), "no numbers")])
def test_what_is_no_sound_is_a_user_error(wave, words):
    with pytest.raises(UserError, match=words):
        SeqwiseFeatureExtractor(sampling_rate=8000).features(wave)
