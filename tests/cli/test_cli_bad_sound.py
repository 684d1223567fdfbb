"""A user's mistake with sound is one message that names the culprit and exit code 2: no traceback, nothing left behind."""

import shutil

import pytest

from sounds import write_tones


def damaged(folder, name):
    """A manifest of 20 tones with one thing wrong."""
    manifest = write_tones(folder, 20)
    if name == "corrupt":
        (folder / "3.wav").write_bytes(b"RIFF and nothing else")
    if name == "empty":
        (folder / "3.wav").write_bytes(b"")
    if name == "missing":
        manifest.write_text(manifest.read_text().replace("7.wav", "seven.wav"))
    if name == "zip":
        (folder / "wavs.zip").write_bytes(b"PK\x03\x04 cut")
    if name == "unlabelled":
        manifest.write_text(manifest.read_text().replace("7.wav,high", "7.wav,"))
    if name == "one class":
        manifest.write_text(manifest.read_text().replace("high", "low"))
    return manifest


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("corrupt", "3.wav cannot be read as sound"),
        ("empty", "3.wav is an empty file"),
        ("missing", "data row 8: there is no sound file seven.wav"),
        ("zip", "wavs.zip cannot be read as a zip file"),
        ("unlabelled", "column 'label' is empty in data row 8"),
        ("one class", "column 'label' has one class only, 'low'"),
    ],
)
def test_one_message_and_nothing_left(name, said, tmp_path, run_cli, monkeypatch):
    manifest = damaged(tmp_path / "data", name)
    monkeypatch.chdir(tmp_path)
    code, out, err = run_cli("compare", manifest, "--target", "label", "--size", "30k", "--steps", 12)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(("words", "said"), [(["--text", "label"], "--text has no meaning"), (["--context", 9], "read whole")])
def test_options_without_a_meaning_are_named(words, said, tmp_path, run_cli, monkeypatch):
    manifest = write_tones(tmp_path / "data", 20)
    monkeypatch.chdir(tmp_path)
    code, _, err = run_cli("compare", manifest, "--task", "audio-classification", *words, "--size", "30k", "--steps", 12)
    assert code == 2
    assert said in err
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)


def test_a_demo_of_another_kind_is_refused(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run_cli("compare", "demo:vowels", "--task", "automatic-speech-recognition")
    assert code == 2
    assert "expected: demo:vowel-strings" in err
