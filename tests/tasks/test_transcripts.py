"""Word and character errors: by hand, by jiwer, and by a plain edit distance."""

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.data.speech_set import SpeechSet, collate_speech, padded, text_of
from seqwise.tasks import TASKS
from seqwise.tasks.transcripts import errors, heard_of, outputs_of, pieces, ratio_scores, said_of

TASK = TASKS["automatic-speech-recognition"]()
WORDS = st.lists(st.sampled_from(["one", "two", "oh", "é", "𝄞", "a"]), max_size=6).map(" ".join)
SAID = WORDS.filter(bool)


def distance(first, second) -> int:
    """Levenshtein's, row by row."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SAID, WORDS), min_size=1, max_size=5))
def test_errors_are_edit_distances_and_rates_those_of_jiwer(pairs):
    said, heard = map(list, zip(*pairs, strict=True))
    found = errors(said, heard)
    assert found[:, 0].tolist() == [distance(a.split(), b.split()) for a, b in pairs]
    assert found[:, 1].tolist() == [distance(a, b) for a, b in pairs]
    outputs, truth = outputs_of(said, heard, np.ones(len(said))), speech(said).truth
    scores = TASK.metrics(outputs, truth)
    assert scores["wer"] == pytest.approx(jiwer.wer(said, heard))
    assert scores["cer"] == pytest.approx(jiwer.cer(said, heard))
    assert scores["ctc_loss"] == pytest.approx(len(said) / sum(map(len, said)))
    assert (said_of(truth), heard_of(outputs)) == (said, heard)
    assert TASK.unit_scores(outputs, truth).mean() == pytest.approx(scores["wer"])
    for name, values in TASK.describing_scores(outputs, truth).items():
        assert values.mean() == pytest.approx(scores[name])


@settings(max_examples=60, deadline=None)
@given(SAID, WORDS)
def test_pieces_hold_every_word_and_differ_at_every_error(said, heard):
    found = pieces(said, heard)
    assert " ".join(a for a, _ in found if a) == said
    assert " ".join(b for _, b in found if b) == heard
    assert sum(a != b for a, b in found) == distance(said.split(), heard.split())


def test_a_ratio_without_spread_has_none():
    sizes = np.array([1.0, 2.0, 10.0])
    np.testing.assert_allclose(ratio_scores(0.3 * sizes, sizes), 0.3)
    assert ratio_scores(np.array([1.0, 0.0, 0.0]), sizes).mean() == pytest.approx(1 / 13)


def test_the_spread_of_a_ratio_is_what_drawing_again_shows():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 12, 400).astype(float)
    wrong = rng.binomial(sizes.astype(int), rng.uniform(0, 0.6, 400)).astype(float)
    drawn = [wrong[rows].sum() / sizes[rows].sum() for rows in rng.integers(0, 400, (3000, 400))]
    assert ratio_scores(wrong, sizes).std(ddof=1) / 20 == pytest.approx(np.std(drawn), rel=0.06)


def test_a_baseline_without_a_loss_has_no_loss():
    scores = TASK.metrics(outputs_of(["a b"], [""]), speech(["a b"]).truth)
    assert scores == {"wer": 1.0, "cer": 1.0}
    assert list(TASK.describing_scores(outputs_of(["a b"], [""]), speech(["a b"]).truth)) == ["cer"]


def speech(texts, characters=" aeno"):
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((3 + i, 2)).astype(np.float32) for i in range(len(texts))]
    return SpeechSet.of(features, texts, characters)


def test_a_set_keeps_features_texts_and_tokens_on_disk_and_in_parts(tmp_path):
    found = speech(["one", "a 𝄞", "no"])
    found.save(tmp_path / "a.safetensors")
    kept = SpeechSet.load(tmp_path / "a.safetensors")
    assert (kept.texts, len(kept), kept.units, kept.lengths.tolist()) == (["one", "a 𝄞", "no"], 3, 3, [3, 4, 5])
    assert [kept.tokens(i).tolist() for i in range(3)] == [[6, 5, 4], [3, 2, 1], [5, 6]]
    assert [kept.written(kept.tokens(i)) for i in range(3)] == ["one", "a", "no"]
    part = kept.part(0.6, seed=1)
    assert len(part) == 2
    assert set(part.texts) <= set(kept.texts)
    assert set(part.texts) <= set(kept.part(1.0, seed=1).texts)


def test_a_batch_is_padded_with_what_is_ignored():
    batch = collate_speech(speech(["one", "a"]), np.array([1, 0]))
    assert batch["labels"].tolist() == [[3, -100, -100], [6, 5, 4]]
    assert batch["attention_mask"].sum(1).tolist() == [4, 3]
    assert batch["input_features"].shape == (2, 4, 2)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=5), min_size=1, max_size=4))
def test_texts_survive_as_code_points(texts):
    assert [text_of(row) for row in padded(texts)] == texts
    assert [text_of(row) for row in padded(texts).astype(np.float32)] == texts
