"""The vowels made here sound as published: their formants are found again."""

import numpy as np
import pytest

from seqwise.data.sound_files import SoundColumns, read_sounds
from seqwise.data.vowels import AVERAGES, LONGEST, PER_SPEAKER, RATE, SHORTEST, SIGNS, SPEAKERS, STRINGS_PER_SPEAKER, WORDS, single, strings
from seqwise.data.vowels import _vowel as vowel


def peaks(wave: np.ndarray, order: int = 10) -> np.ndarray:
    """Formants in Hz by linear prediction: the angles of the sharp poles of an all-pole fit."""
    from scipy.linalg import solve_toeplitz

    wave = np.append(wave[0], wave[1:] - 0.9 * wave[:-1]) * np.hamming(len(wave))
    correlation = np.correlate(wave, wave, "full")[len(wave) - 1 :][: order + 1]
    poles = np.roots(np.append(1, -solve_toeplitz(correlation[:-1], correlation[1:])))
    poles = poles[(poles.imag > 0) & (np.abs(poles) > 0.9)]
    return np.sort(np.angle(poles) * RATE / (2 * np.pi))


@pytest.mark.parametrize("place", range(len(WORDS)), ids=WORDS)
def test_the_formants_of_a_man_are_found_again(place, monkeypatch):
    monkeypatch.setattr("seqwise.data.vowels.OWN_VOWEL", 0.0)
    wave = vowel(place, ("man", 1.0, 1.0), np.random.default_rng(place))
    found = peaks(wave[200:-200])
    for row in (1, 2):
        published = AVERAGES["man"][row][place]
        assert np.abs(found - published).min() < 0.15 * published


def test_women_and_children_have_shorter_tracts_and_higher_voices():
    means = {kind: [np.mean(row) for row in rows] for kind, rows in AVERAGES.items()}
    for low, high in (("man", "woman"), ("woman", "child")):
        assert all(a < b for a, b in zip(means[low], means[high], strict=True))


def test_the_demo_is_the_same_every_time_and_balanced():
    clips, words, speakers = single()
    again = single()[0]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(clips, again, strict=True))
    assert (len(clips), len(set(speakers))) == (SPEAKERS * PER_SPEAKER, SPEAKERS)
    assert {words.count(word) for word in WORDS} == {SPEAKERS * PER_SPEAKER // len(WORDS)}
    assert all(SHORTEST < clip.seconds < LONGEST + 0.17 and np.abs(clip.samples).max() < 1 for clip in clips)


def test_strings_have_three_to_six_vowels():
    clips, texts, speakers = strings()
    assert len(clips) == len(texts) == len(speakers) == SPEAKERS * STRINGS_PER_SPEAKER
    assert {len(text.split()) for text in texts} == {3, 4, 5, 6}
    assert set("".join(texts)) == {*SIGNS, " "}
    assert clips[0].name == "speaker 1, string 1"


def test_demos_keep_speakers_apart():
    file = read_sounds("demo:vowels", "labels", SoundColumns())
    assert len(set(file.groups)) == SPEAKERS
    assert file.sha256 == read_sounds("demo:vowels", "labels", SoundColumns()).sha256
