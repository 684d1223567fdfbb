"""What of a model's configuration follows from other data, what is encoded for it, and which data it cannot read."""

import numpy as np
import pytest
import torch

from seqwise.core.errors import UserError
from seqwise.data.batching import SequenceSet
from seqwise.data.speech_set import SpeechSet
from seqwise.data.splits import Split
from seqwise.data.windows import QUANTILE_LEVELS
from seqwise.models.config import SeqwiseConfig
from seqwise.models.ctc import SeqwiseForCTC
from seqwise.models.external import inspect, load_external
from seqwise.models.feature_extraction import SeqwiseFeatureExtractor
from seqwise.models.heads import SeqwiseForAudioClassification, SeqwiseForSequenceClassification
from seqwise.models.origin import saved_settings
from seqwise.models.prediction import SeqwiseForPrediction
from seqwise.models.speech_processor import SeqwiseProcessor, character_tokenizer
from seqwise.tasks import TASK_DATA
from seqwise.tasks.task_data import Request
from sounds import LETTERS, RATE, TONES, write_strings, write_tones
from tiny import daily, waves, write_npz

TINY = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "layer_types": ["attention"]}
NAMES = {0: "fast", 1: "slow"}


def saved(folder, kind, **settings):
    torch.manual_seed(0)
    kind(SeqwiseConfig(**TINY | settings)).save_pretrained(folder)
    return folder


def read(task, **request):
    """The data half of a task, a corpus, its splits and how it is encoded for the others."""
    data = TASK_DATA[task]()
    corpus = data.read(Request(**request))
    splits = data.split(corpus, replicates=1, seed=0).replicates[0]
    return data, corpus, splits, data.choose_encoding(corpus, splits, tokenizer="auto", context=None)


def adapted(folder, found):
    data, corpus, _, encoding = found
    return data.adapted(folder, saved_settings(folder), corpus, encoding)


@pytest.fixture
def series(tmp_path):
    write_npz(tmp_path / "waves.npz", *waves(40))
    return read("time-series-classification", source=str(tmp_path / "waves.npz"))


@pytest.fixture
def strings(tmp_path):
    return read("automatic-speech-recognition", source=str(write_strings(tmp_path / "data", 30)))


def test_series_of_another_number_of_channels(series, tmp_path):
    assert adapted(saved(tmp_path / "two", SeqwiseForSequenceClassification, num_input_channels=2), series)["num_input_channels"] == 2
    with pytest.raises(UserError, match=r"has 2 channels, .* reads 3"):
        adapted(saved(tmp_path / "three", SeqwiseForSequenceClassification, num_input_channels=3), series)


def test_series_longer_than_a_table_of_learned_positions(series, tmp_path):
    data, corpus, splits, encoding = series
    data.encode_as(tmp_path, corpus, splits, encoding, data.longest_as(encoding.context, None, np.inf), tmp_path / "well")
    with pytest.raises(UserError, match="too long for 'short'"):
        data.encode_as(tmp_path, corpus, splits, encoding, 12, tmp_path / "short")


@pytest.mark.parametrize(("labels", "kept"), [(NAMES, True), ({0: "quick", 1: "slow"}, False)])
def test_a_head_is_kept_where_the_labels_are_the_same(tmp_path, labels, kept):
    settings = {"id2label": NAMES, "label2id": {"fast": 0, "slow": 1}, "num_input_channels": 2}
    folder = saved(tmp_path / "m", SeqwiseForSequenceClassification, **settings)
    before = SeqwiseForSequenceClassification.from_pretrained(folder).score.weight
    asked = {"id2label": labels, "label2id": {name: i for i, name in labels.items()}}
    after = load_external(folder, "AutoModelForSequenceClassification", input_mean=[0.5, 1.0], input_std=[2.0, 3.0], **asked)
    assert torch.equal(before, after.score.weight) == kept
    assert after.model.feature_projection.mean == after.config.input_mean == [0.5, 1.0]


def forecaster(folder, **changes):
    lengths = {"context_length": 32, "prediction_length": 8, "patch_length": 8, "num_input_channels": 8}
    return saved(folder, SeqwiseForPrediction, **lengths | {"quantile_levels": list(QUANTILE_LEVELS)} | changes)


def test_forecasts_of_other_lengths_keep_the_patches(tmp_path):
    found = read("time-series-forecasting", source=str(daily(tmp_path / "days.csv")), horizon=5)
    folder = forecaster(tmp_path / "m")
    changes = adapted(folder, found)
    assert changes == {"context_length": found[3].context, "prediction_length": 5}
    looked = inspect("m", f"hf:{folder}", "AutoModelForTimeSeriesPrediction", adapted=changes)
    assert (looked.config.patch_length, looked.config.context_length) == (8, found[3].context)
    model = load_external(folder, "AutoModelForTimeSeriesPrediction", **changes)
    assert model(past_values=torch.randn(2, found[3].context, 1)).prediction_outputs.shape == (2, 5, 1)
    assert torch.equal(model.head.weight, SeqwiseForPrediction.from_pretrained(folder).head.weight)


def test_forecasts_that_a_model_cannot_make(tmp_path):
    found = read("time-series-forecasting", source=str(daily(tmp_path / "days.csv")), horizon=5)
    with pytest.raises(UserError, match=r"patches of 8 .*\n.*at most 2"):
        adapted(forecaster(tmp_path / "few", position_embedding="learned", max_position_embeddings=2), found)
    with pytest.raises(UserError, match="foretells the quantiles"):
        adapted(forecaster(tmp_path / "other", quantile_levels=[0.2, 0.8]), found)


def listener(folder, kind=SeqwiseForAudioClassification, *, rate=RATE, frames=2, channels=None, characters=None, **settings):
    extractor = SeqwiseFeatureExtractor(sampling_rate=rate, num_mel_bins=20, frames_per_step=frames)
    saved(folder, kind, num_input_channels=channels or extractor.feature_size, **settings)
    if characters:
        SeqwiseProcessor(extractor, character_tokenizer(characters, folder)).save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("rate", [RATE, 4_000, 16_000])
def test_sound_is_brought_to_the_rate_of_the_model(tmp_path, rate):
    found = read("audio-classification", source=str(write_tones(tmp_path / "data", 20)))
    folder, (data, corpus, splits, encoding) = listener(tmp_path / "m", rate=rate), found
    assert adapted(folder, found) == {}
    data.encode_as(folder, corpus, splits, encoding, np.inf, tmp_path / "own")
    examples = SequenceSet.load(tmp_path / "own" / f"{Split.TEST}.safetensors")
    extractor, first = SeqwiseFeatureExtractor.from_pretrained(tmp_path / "own" / "preprocessor"), splits.test[0]
    assert extractor.sampling_rate == rate
    assert examples.example(0).shape == (extractor.steps(-(-len(corpus.waves[first]) * rate // corpus.rate)), 40)
    heard = hertz(examples.example(0)[:, :20].max(0).argmax(), rate)
    assert min(TONES, key=lambda label: abs(TONES[label] - heard)) == corpus.answers[first], "the tone is heard where it is"


def hertz(place: int, rate: int) -> float:
    """The middle of a filter: they are evenly spaced on the mel scale."""
    low, high = (1127 * np.log(1 + hz / 700) for hz in (20, rate / 2))
    return 700 * (np.exp((low + (place + 1) * (high - low) / 21) / 1127) - 1)


def test_features_that_are_not_those_of_the_model(tmp_path):
    found = read("audio-classification", source=str(write_tones(tmp_path / "data", 20)))
    with pytest.raises(UserError, match="makes features of 40 numbers, its model reads 7"):
        adapted(listener(tmp_path / "m", channels=7), found)
    (tmp_path / "m" / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match=r"feature extractor of .* cannot be loaded"):
        adapted(tmp_path / "m", found)


def test_a_recogniser_keeps_its_head_where_it_knows_the_characters(strings, tmp_path):
    data, corpus, splits, encoding = strings
    assert set(corpus.characters) == {" ", *LETTERS}
    more, fewer = (" ", "a", "b", "c", "z"), (" ", "a", "b")
    knows = listener(tmp_path / "knows", SeqwiseForCTC, characters=more, vocab_size=7)
    assert adapted(knows, strings) == {}
    data.encode_as(knows, corpus, splits, encoding, np.inf, tmp_path / "own")
    assert "".join(map(chr, SpeechSet.load(tmp_path / "own" / "test.safetensors").characters)) == "".join(more)
    lacks = listener(tmp_path / "lacks", SeqwiseForCTC, characters=fewer, vocab_size=5)
    assert adapted(lacks, strings) == {"vocab_size": 6}
    data.encode_as(lacks, corpus, splits, encoding, np.inf, tmp_path / "fresh")
    assert "".join(map(chr, SpeechSet.load(tmp_path / "fresh" / "test.safetensors").characters)) == "".join(corpus.characters)


def test_as_many_other_characters_are_another_vocabulary(tmp_path):
    folder = listener(tmp_path / "m", SeqwiseForCTC, characters=(" ", "x", "y", "z"), vocab_size=6)
    before = SeqwiseForCTC.from_pretrained(folder)
    after = load_external(folder, "AutoModelForCTC", vocab_size=6)
    assert not torch.equal(before.lm_head.weight, after.lm_head.weight)
    assert all(torch.equal(value, before.state_dict()[name]) for name, value in after.state_dict().items() if name.startswith("model."))
    kept = load_external(folder, "AutoModelForCTC")
    assert torch.equal(before.lm_head.weight, kept.lm_head.weight)
    assert kept.config.pad_token_id == before.config.pad_token_id


def test_a_recogniser_whose_steps_are_too_long(strings, tmp_path):
    folder = listener(tmp_path / "m", SeqwiseForCTC, frames=20, characters=(" ", *LETTERS), vocab_size=6)
    with pytest.raises(UserError, match=r"a step of .* is 200 milliseconds, which is too long for"):
        adapted(folder, strings)
