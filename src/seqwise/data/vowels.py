"""``demo:vowels`` and ``demo:vowel-strings``: American English vowels, synthesised from published averages of 76 speakers.

Fundamental and formants are those of Peterson & Barney 1952, "Control methods used in a study of the vowels", J. Acoust. Soc. Am. 24,
table II. A train of pulses goes through resonators in a row, as in Klatt 1980, J. Acoust. Soc. Am. 67. The same on every machine, up
to rounding.
"""

import numpy as np

from seqwise.data.sound import Clip

RATE = 8_000
WORDS = ("heed", "hid", "head", "had", "hod", "hawed", "hood", "who'd", "hud", "heard")
SIGNS = ("i", "ɪ", "ɛ", "æ", "ɑ", "ɔ", "ʊ", "u", "ʌ", "ɝ")
AVERAGES = {
    "man": (
        (136, 135, 130, 127, 124, 129, 137, 141, 130, 133),
        (270, 390, 530, 660, 730, 570, 440, 300, 640, 490),
        (2290, 1990, 1840, 1720, 1090, 840, 1020, 870, 1190, 1350),
        (3010, 2550, 2480, 2410, 2440, 2410, 2240, 2240, 2390, 1690),
    ),
    "woman": (
        (235, 232, 223, 210, 212, 216, 232, 231, 221, 218),
        (310, 430, 610, 860, 850, 590, 470, 370, 760, 500),
        (2790, 2480, 2330, 2050, 1220, 920, 1160, 950, 1400, 1640),
        (3310, 3070, 2990, 2850, 2810, 2710, 2680, 2670, 2780, 1960),
    ),
    "child": (
        (272, 269, 260, 251, 256, 263, 276, 274, 261, 261),
        (370, 530, 690, 1010, 1030, 680, 560, 430, 850, 560),
        (3200, 2730, 2610, 2320, 1370, 1060, 1410, 1170, 1590, 1820),
        (3730, 3600, 3570, 3320, 3170, 3180, 3310, 3260, 3360, 2160),
    ),
}
"""Hz of fundamental and three formants, vowels in the order of ``WORDS``."""
BANDWIDTHS = (60.0, 90.0, 150.0)
SPEAKERS, PER_SPEAKER, STRINGS_PER_SPEAKER = 60, 20, 15
SHORTEST, LONGEST = 0.12, 0.35
"""Seconds of a vowel."""
OWN_TRACT, OWN_VOWEL = 0.05, 0.04
"""Relative standard deviations of a speaker's formants, and of each vowel's once more."""
SILENCE = 0.003

Voice = tuple[str, float, float]
"""Kind of speaker, and factors on the average fundamental and formants."""


def single() -> tuple[list[Clip], list[str], list[str]]:
    """Vowels alone: recordings, their words and their speakers."""
    clips, words, speakers = [], [], []
    for speaker, (voice, rng) in enumerate(_voices(seed=1)):
        for number in range(PER_SPEAKER):
            vowel = number % len(WORDS)
            name = f"speaker {speaker + 1}, {WORDS[vowel]} {number // len(WORDS) + 1}"
            clips.append(Clip(name, _recorded([_vowel(vowel, voice, rng)], rng), RATE))
            words.append(WORDS[vowel])
            speakers.append(f"speaker {speaker + 1}")
    return clips, words, speakers


def strings() -> tuple[list[Clip], list[str], list[str]]:
    """Three to six vowels in a row: recordings, their transcripts and their speakers."""
    clips, texts, speakers = [], [], []
    for speaker, (voice, rng) in enumerate(_voices(seed=2)):
        for number in range(STRINGS_PER_SPEAKER):
            vowels = rng.integers(len(SIGNS), size=rng.integers(3, 7))
            parts = [_vowel(vowel, voice, rng) for vowel in vowels]
            clips.append(Clip(f"speaker {speaker + 1}, string {number + 1}", _recorded(parts, rng), RATE))
            texts.append(" ".join(SIGNS[vowel] for vowel in vowels))
            speakers.append(f"speaker {speaker + 1}")
    return clips, texts, speakers


def _voices(seed: int) -> list[tuple[Voice, np.random.Generator]]:
    """Men, women and children in turn, each with randomness of its own."""
    kinds, found = list(AVERAGES), []
    for speaker in range(SPEAKERS):
        rng = np.random.default_rng([seed, speaker])
        pitch, tract = np.exp(rng.normal(0, [0.1, OWN_TRACT]))
        found.append(((kinds[speaker % len(kinds)], float(pitch), float(tract)), rng))
    return found


def _vowel(vowel: int, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """One vowel (n,), its pitch falling a little, at a random length and loudness."""
    from scipy.signal import lfilter

    kind, pitch, tract = voice
    fundamental, *formants = (row[vowel] for row in AVERAGES[kind])
    count = int(RATE * rng.uniform(SHORTEST, LONGEST))
    slope = np.linspace(1.05, rng.uniform(0.8, 1.0), count)
    phase = np.cumsum(fundamental * pitch * slope / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    sound = lfilter([1.0], [1.0, -0.9], pulses) + 0.02 * rng.standard_normal(count)
    for formant, bandwidth in zip(formants, BANDWIDTHS, strict=True):
        centre = min(formant * tract * np.exp(rng.normal(0, OWN_VOWEL)), 0.47 * RATE)
        sound = lfilter(*_resonator(centre, bandwidth), sound)
    edge = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.02 * RATE))
    return sound * edge * rng.uniform(0.1, 0.5) / np.abs(sound).max()


def _resonator(centre: float, bandwidth: float) -> tuple[list[float], list[float]]:
    """A pole pair at a frequency in Hz, with gain 1 at zero."""
    radius = np.exp(-np.pi * bandwidth / RATE)
    a, b = -2 * radius * np.cos(2 * np.pi * centre / RATE), radius**2
    return [1 + a + b], [1.0, a, b]


def _recorded(parts: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The parts with pauses before, between and after them, in the noise of a room; float32."""
    pauses = [np.zeros(int(RATE * rng.uniform(0.02, 0.08))) for _ in range(len(parts) + 1)]
    sound = np.concatenate([pauses[0], *(piece for pair in zip(parts, pauses[1:], strict=True) for piece in pair)])
    return (sound + SILENCE * rng.standard_normal(len(sound))).astype(np.float32)
