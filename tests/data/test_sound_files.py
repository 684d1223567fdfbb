"""Sound files: from folders, manifests and zip files; what is wrong with one is said in one message that names it."""

import zipfile

import numpy as np
import pytest
import soundfile

from seqwise.core.errors import UserError
from seqwise.data.sound import decode_sound, read_sound, resampled
from seqwise.data.sound_files import SoundColumns, read_sounds, sound_kind
from seqwise.data.sound_manifest import clean
from seqwise.data.sounds import load_sounds
from sounds import RATE, tone, write_manifest, write_strings, write_tones

PLAIN = SoundColumns()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_stereo_is_averaged_and_44_khz_resampled_and_both_are_said(tmp_path, rng):
    manifest = write_tones(tmp_path, 30)
    both = np.column_stack([tone(300, 1.0, rng, 44_100), np.zeros(44_100)])
    soundfile.write(tmp_path / "3.wav", both, 44_100, subtype="FLOAT")
    corpus = load_sounds(str(manifest), "labels")
    assert "1 of 30 recordings have several channels, which were averaged" in corpus.notes
    assert "recordings resampled to 8,000 Hz: 1 of 44,100 Hz" in corpus.notes
    assert corpus.rate == RATE
    assert len(corpus.waves[3]) == RATE
    spectrum = np.abs(np.fft.rfft(corpus.waves[3]))
    assert spectrum.argmax() == 300
    np.testing.assert_allclose(np.abs(corpus.waves[3]).max(), np.abs(both.mean(1)).max(), rtol=0.1)


def test_resampling_keeps_what_fits_below_the_new_rate():
    time = np.arange(44_100) / 44_100
    wave = (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 7_000 * time)).astype(np.float32)
    lower = resampled(wave, 44_100, 8_000)
    assert len(lower) == 8_000
    np.testing.assert_allclose(lower[500:-500], np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)[500:-500], atol=0.02)
    assert resampled(wave, 44_100, 44_100) is wave


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "b.wav is an empty file"),
        (b"RIFF\x00\x00\x00\x00WAVEjunk", "b.wav cannot be read as sound"),
        (b"no sound at all" * 9, "b.wav cannot be read as sound"),
    ],
)
def test_damaged_files_are_named(tmp_path, rng, data, said):
    for name in ("a", "c"):
        soundfile.write(tmp_path / f"{name}.wav", tone(300, 0.1, rng), RATE)
    (tmp_path / "b.wav").write_bytes(data)
    manifest = write_manifest(tmp_path / "m.csv", [{"file": f"{name}.wav", "label": "x"} for name in "abc"])
    with pytest.raises(UserError, match=said):
        read_sounds(str(manifest), "labels", PLAIN)


def test_a_file_without_samples_and_one_with_nan_are_named(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=r"none.wav holds no sound"):
        read_sound(tmp_path / "none.wav")
    with pytest.raises(UserError, match=r"nan.wav holds samples that are no numbers"):
        read_sound(tmp_path / "nan.wav")
    with pytest.raises(UserError, match="there is no file"):
        read_sound(tmp_path / "other.wav")


def test_a_manifest_entry_without_a_file_names_row_file_and_zip(tmp_path):
    manifest = write_tones(tmp_path, 4)
    manifest.write_text(manifest.read_text() + "gone.wav,low\n")
    with pytest.raises(UserError, match=r"data row 5: there is no sound file gone.wav\n  expected: .*wavs.zip"):
        read_sounds(str(manifest), "labels", PLAIN)


def test_a_file_of_a_zip_is_found_by_the_end_of_its_path_and_never_guessed(tmp_path, rng):
    first, second = tone(300, 0.1, rng), tone(900, 0.1, rng)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, wave in (("all/x/1.wav", first), ("all/y/1.wav", second)):
            soundfile.write(tmp_path / "one.wav", wave, RATE)
            archive.write(tmp_path / "one.wav", name)
    manifest = write_manifest(tmp_path / "m.csv", [{"file": "x/1.wav"}, {"file": "data/all/y/1.wav"}])
    clips = read_sounds(str(manifest), "labels", PLAIN, answered=False).clips
    np.testing.assert_allclose(clips[0].samples, first, atol=1e-4)
    np.testing.assert_allclose(clips[1].samples, second, atol=1e-4)
    for name, said in (("1.wav", "1.wav may be all/x/1.wav in all.zip, all/y/1.wav in all.zip"), ("z/1.wav", "no sound file z/1.wav")):
        manifest = write_manifest(tmp_path / "m.csv", [{"file": name}])
        with pytest.raises(UserError, match=said):
            read_sounds(str(manifest), "labels", PLAIN, answered=False)


def test_a_damaged_zip_is_a_user_error(tmp_path):
    manifest = write_tones(tmp_path, 4)
    whole = (tmp_path / "wavs.zip").read_bytes()
    (tmp_path / "wavs.zip").write_bytes(whole[:200])
    with pytest.raises(UserError, match=r"wavs.zip cannot be read as a zip file"):
        read_sounds(str(manifest), "labels", PLAIN)
    with zipfile.ZipFile(tmp_path / "wavs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(4):
            archive.writestr(f"{i}.wav", b"x" * 5000 + bytes([i]))
    damaged = bytearray((tmp_path / "wavs.zip").read_bytes())
    damaged[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "wavs.zip").write_bytes(damaged)
    with pytest.raises(UserError, match=r"wavs.zip: 0.wav cannot be unpacked"):
        read_sounds(str(manifest), "labels", PLAIN)


@pytest.mark.parametrize(("kind", "what"), [("labels", "a label in every row"), ("texts", "a transcript in every row")])
def test_a_row_without_an_answer_is_named(tmp_path, kind, what):
    manifest = (write_tones if kind == "labels" else write_strings)(tmp_path, 4)
    name = "label" if kind == "labels" else "text"
    rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*rows[:2], rows[2].split(",")[0] + ",", *rows[3:]]))
    with pytest.raises(UserError, match=rf"column '{name}' is empty in data row 2\n  expected: {what}"):
        read_sounds(str(manifest), kind, SoundColumns(answer=name))
    assert len(read_sounds(str(manifest), kind, PLAIN, answered=False).clips) == 4


def test_columns_are_guessed_and_named(tmp_path):
    manifest = write_tones(tmp_path, 4, speaker=["s1", "s1", "s2", "s2"])
    file = read_sounds(str(manifest), "labels", PLAIN)
    assert file.answers == ["low", "high"] * 2
    assert any("--group speaker keeps each in one" in note for note in file.notes)
    grouped = read_sounds(str(manifest), "labels", SoundColumns(group="speaker"))
    assert grouped.groups == ["s1", "s1", "s2", "s2"]
    with pytest.raises(UserError, match="has no column 'speakr'"):
        read_sounds(str(manifest), "labels", SoundColumns(group="speakr"))
    with pytest.raises(UserError, match="has no column of transcripts"):
        read_sounds(str(manifest), "texts", PLAIN)
    plain = write_manifest(tmp_path / "plain.csv", [{"name": "x", "label": "y"}])
    with pytest.raises(UserError, match="has no column of sound files"):
        read_sounds(str(plain), "labels", PLAIN)


def test_class_folders_with_and_without_splits(tmp_path, rng):
    for split in ("train", "test"):
        for label in ("low", "high"):
            (tmp_path / split / label).mkdir(parents=True)
            soundfile.write(tmp_path / split / label / "a.wav", tone(300, 0.1, rng), RATE)
    whole = read_sounds(str(tmp_path), "labels", PLAIN)
    assert (whole.answers, whole.given) == (["high", "low"] * 2, ["test", "test", "train", "train"])
    part = read_sounds(str(tmp_path / "train"), "labels", PLAIN)
    assert (part.answers, part.given) == (["high", "low"], None)
    assert read_sounds(str(tmp_path), "labels", PLAIN, answered=False).clips[0].name == "test/high/a.wav"
    with pytest.raises(UserError, match="has no manifest with transcripts"):
        read_sounds(str(tmp_path), "texts", PLAIN)
    with pytest.raises(UserError, match="--group has no meaning"):
        read_sounds(str(tmp_path), "labels", SoundColumns(group="speaker"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no sound files"):
        read_sounds(str(tmp_path / "empty"), "labels", PLAIN)


def test_the_kind_of_data_is_recognised(tmp_path, rng):
    assert sound_kind(str(write_tones(tmp_path / "a", 4))) == "labels"
    assert sound_kind(str(write_strings(tmp_path / "b", 4))) == "texts"
    assert sound_kind(str(tmp_path / "b")) == "texts"
    assert sound_kind("demo:vowels") == "labels"
    assert sound_kind("demo:docs") is None
    assert sound_kind(str(tmp_path / "nosuch.csv")) is None
    (tmp_path / "c" / "low").mkdir(parents=True)
    assert sound_kind(str(tmp_path / "c")) is None
    soundfile.write(tmp_path / "c" / "low" / "a.wav", tone(300, 0.1, rng), RATE)
    assert sound_kind(str(tmp_path / "c")) == "labels"
    talk = write_manifest(tmp_path / "talk.csv", [{"text": "I saved it as a.wav, then left", "label": "x"}, {"text": "b", "label": "y"}])
    assert sound_kind(str(talk)) is None


def test_separate_test_files_and_splits_of_a_column(tmp_path):
    train, test = write_tones(tmp_path / "train", 20), write_tones(tmp_path / "test", 6, seed=1)
    corpus = load_sounds(str(train), "labels", test=str(test))
    assert corpus.given == ("train",) * 20 + ("test",) * 6
    given = write_tones(tmp_path / "given", 20, split=["train"] * 16 + ["test"] * 4)
    assert load_sounds(str(given), "labels").given.count("test") == 4
    with pytest.raises(UserError, match="has splits of its own"):
        load_sounds(str(given), "labels", test=str(test))
    with pytest.raises(UserError, match="has 9 training recordings"):
        load_sounds(str(write_tones(tmp_path / "few", 9)), "labels")


def test_transcripts_have_single_spaces_and_no_delimiter():
    assert clean(" a|b \n c ") == "a b c"
    assert clean("e\u0301") == "é"


def test_the_hash_is_that_of_the_samples_too(tmp_path, rng):
    first = load_sounds(str(write_strings(tmp_path, 12)), "texts").sha256
    assert load_sounds(str(tmp_path), "texts").sha256 == first
    soundfile.write(tmp_path / "3.flac", tone(300, 0.5, rng), RATE)
    assert load_sounds(str(tmp_path), "texts").sha256 != first


def test_a_flac_and_a_wav_of_the_same_sound_are_the_same(tmp_path, rng):
    wave = np.round(tone(300, 0.2, rng) * 2**15) / 2**15
    for kind in ("wav", "flac"):
        soundfile.write(tmp_path / f"a.{kind}", wave, RATE, subtype="PCM_16")
    flac, wav = (decode_sound((tmp_path / f"a.{kind}").read_bytes(), kind, kind).samples for kind in ("flac", "wav"))
    np.testing.assert_array_equal(flac, wav)
    np.testing.assert_allclose(wav, wave, atol=1e-7)
