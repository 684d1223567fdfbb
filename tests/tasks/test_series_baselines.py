"""Baselines of series: they reach what is published of them, and a saved one answers the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqwise.data.readers import label_ids
from seqwise.data.series import load_series_corpus
from seqwise.tasks.series_baselines import NearestNeighbour, RandomConvolutions, kernels, of_length, usual_length

BASELINES = [NearestNeighbour, RandomConvolutions]
LENGTHS = (7, 9, 11)


def waves(count, channels=1, steps=(20, 21), classes=2, seed=0):
    """Noisy waves of as many periods as their class says, and their labels."""
    rng, labels = np.random.default_rng(seed), np.arange(count) % classes
    series = []
    for label in labels:
        time = np.linspace(0, 1, int(rng.integers(*steps)))[:, None]
        clean = np.sin(2 * np.pi * (label + 1) * time + np.arange(channels))
        series.append((clean + 0.1 * rng.standard_normal((len(time), channels))).astype(np.float32))
    return series, labels


def fitted(baseline, classes=2, declared=None, **made):
    series, labels = waves(30, classes=classes, **made)
    return baseline.fit(series, labels, waves(15, classes=classes, seed=1, **made), declared or classes)


def official(folder, name):
    """Training series and labels, test series and labels, and the number of classes."""
    corpus = load_series_corpus(str(folder / f"{name}_TRAIN.ts.gz"))
    labels, first = label_ids(corpus), corpus.given.index("test")
    return corpus.series[:first], labels[:first], corpus.series[first:], labels[first:], len(corpus.classes)


def percent_right(model, series, labels):
    return 100 * (model.predict(series).argmax(1) == labels).mean()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(1, 3), st.integers(0, 10_000))
def test_series_of_the_length_asked_for_are_left_as_they_are(length, channels, seed):
    series = list(np.random.default_rng(seed).standard_normal((4, length, channels)).astype(np.float32))
    rows = of_length(series, length)
    assert (rows.shape, rows.dtype) == ((4, channels, length), np.float32)
    np.testing.assert_array_equal(rows, np.stack([values.T for values in series]))


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 30), st.integers(2, 30), st.floats(-5, 5), st.floats(-5, 5))
def test_a_straight_line_stays_one_at_every_length(own, length, start, end):
    values = np.stack([np.linspace(start, end, own), np.linspace(end, start, own)], 1).astype(np.float32)
    rows = of_length([values], length)[0]
    np.testing.assert_allclose(rows, [np.linspace(start, end, length), np.linspace(end, start, length)], atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=20), st.integers(2, 40))
def test_stretching_keeps_the_ends_and_the_range(values, length):
    row = of_length([np.array(values, np.float32)[:, None]], length)[0, 0]
    assert (row[0], row[-1]) == (np.float32(values[0]), np.float32(values[-1]))
    assert min(values) - 1e-4 <= row.min() <= row.max() <= max(values) + 1e-4


def test_a_stretched_series_is_linear_between_its_steps():
    np.testing.assert_allclose(of_length([np.array([[0], [4], [2]], np.float32)], 5)[0, 0], [0, 2, 4, 3, 2], atol=1e-6)


def test_the_usual_length_is_the_median():
    assert usual_length([np.zeros((steps, 1)) for steps in (2, 9, 5)]) == 5


@pytest.mark.parametrize(("name", "known"), [("ItalyPowerDemand", 95.5), ("GunPoint", 91.3), ("BasicMotions", 60.0)])
def test_the_nearest_neighbour_errs_as_often_as_is_known(real_data, name, known):
    """The archive tells the first two; the third was measured with values as they are (normalised it tells 67.5)."""
    train, labels, test, answers, classes = official(real_data(f"ucr_{name}"), name)
    model = NearestNeighbour.fit(train, labels, (train, labels), classes)
    assert percent_right(model, test, answers) == pytest.approx(known, abs=0.1)


@pytest.mark.parametrize(("name", "least"), [("GunPoint", 95), ("ItalyPowerDemand", 90), ("BasicMotions", 90)])
def test_random_convolutions_are_as_good_as_they_should_be(real_data, name, least):
    train, labels, test, answers, classes = official(real_data(f"ucr_{name}"), name)
    model = RandomConvolutions.fit(train, labels, (train, labels), classes)
    assert percent_right(model, test, answers) >= least


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(("classes", "declared", "channels"), [(2, 2, 1), (3, 3, 2), (2, 4, 1)])
def test_answers_are_probabilities_of_all_classes(baseline, classes, declared, channels):
    outputs = fitted(baseline, classes, declared, channels=channels).predict(waves(9, channels, classes=classes, seed=2)[0])
    assert (outputs.shape, outputs.dtype) == ((9, declared), np.float32)
    assert (outputs >= 0).all()
    np.testing.assert_allclose(outputs.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(("classes", "declared", "channels"), [(2, 2, 1), (3, 3, 2), (2, 4, 1)])
def test_a_saved_baseline_answers_the_same(tmp_path, baseline, classes, declared, channels):
    model = fitted(baseline, classes, declared, channels=channels)
    series = waves(9, channels, steps=(5, 40), classes=classes, seed=2)[0]
    model.save(tmp_path / "model")
    again = baseline.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(series), model.predict(series))
    assert again.parameters() == model.parameters() > 0
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".safetensors"}


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("steps", [(20, 21), (12, 40)])
@pytest.mark.parametrize("channels", [1, 3])
def test_clear_series_of_equal_and_unequal_lengths_are_told_apart(baseline, steps, channels):
    series, labels = waves(40, channels, steps, classes=3, seed=2)
    assert percent_right(fitted(baseline, 3, steps=steps, channels=channels), series, labels) >= 95


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_class_absent_from_training_is_never_answered(baseline, absent):
    series, labels = waves(60, classes=3)
    train = [values for values, label in zip(series, labels, strict=True) if label != absent]
    kept = labels != absent
    model = baseline.fit(train, labels[kept], ([values for values, keep in zip(series, kept, strict=True) if keep], labels[kept]), 3)
    outputs = model.predict(series)
    assert outputs.shape == (60, 3)
    assert (outputs.argmax(1) != absent).all()
    assert (outputs.argmax(1)[kept] == labels[kept]).mean() > 0.9


def test_a_class_absent_from_training_is_not_answered_to_noise_either():
    rng = np.random.default_rng(0)
    series, labels = list(rng.standard_normal((60, 20, 1)).astype(np.float32)), np.arange(60) % 3
    model = RandomConvolutions.fit(series, labels, (series, labels), 4)
    assert (model.predict(list(rng.standard_normal((200, 20, 1)).astype(np.float32)))[:, 3] < 1e-3).all()


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_class_that_only_validation_knows_is_no_trouble(baseline):
    series, labels = waves(30)
    outputs = baseline.fit(series, labels, waves(15, classes=3, seed=1), 3).predict(series)
    assert np.isfinite(outputs).all()
    assert (outputs.argmax(1) == labels).mean() > 0.9


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("steps", [2, 3, 4])
def test_series_of_a_few_steps_are_enough(baseline, steps):
    outputs = fitted(baseline, steps=(steps, steps + 1)).predict(waves(9, steps=(2, 6), seed=2)[0])
    assert outputs.shape == (9, 2)
    assert np.isfinite(outputs).all()


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("value", [0.0, 0.1, -1e6 / 3])
def test_a_constant_channel_does_no_harm(baseline, value):
    def widened(series):
        return [np.concatenate([values, np.full_like(values, value)], 1) for values in series]

    (series, labels), (others, answers) = waves(30), waves(20, seed=2)
    model = baseline.fit(widened(series), labels, (widened(others), answers), 2)
    outputs = model.predict(widened(others))
    assert np.isfinite(outputs).all()
    assert (outputs.argmax(1) == answers).mean() > 0.9


@pytest.mark.parametrize("baseline", BASELINES)
def test_an_answer_does_not_depend_on_the_series_beside_it(baseline):
    model, series, places = fitted(baseline), waves(300, seed=2)[0], [0, 255, 256, 299]
    alone = np.concatenate([model.predict(series[place : place + 1]) for place in places])
    np.testing.assert_allclose(alone, model.predict(series)[places], atol=1e-4)


def test_the_nearest_neighbour_is_as_sure_as_it_was_right_on_validation():
    (series, labels), (others, answers) = waves(20), waves(8, seed=1)
    answers[0] = 1 - answers[0]
    model = NearestNeighbour.fit(series, labels, (others, answers), 2)
    np.testing.assert_allclose(model.predict(series).max(1), 8 / 10, atol=1e-6)
    np.testing.assert_array_equal(model.predict(series).argmax(1), labels)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(2, 200), st.integers(1, 4))
def test_as_many_kernels_as_asked_for_and_the_same_in_every_call(count, steps, channels):
    first, second = kernels(count, LENGTHS, steps, channels), kernels(count, LENGTHS, steps, channels)
    assert sum(len(weight) for weight, *_ in first) == sum(len(bias) for _, bias, *_ in first) == count
    assert len(first) == len(second)
    for (weight, bias, dilation, padding), (weight_2, bias_2, *shape) in zip(first, second, strict=True):
        assert torch.equal(weight, weight_2)
        assert torch.equal(bias, bias_2)
        assert [dilation, padding] == shape
        assert weight.shape[1] == channels
        assert (weight.shape[2] - 1) * dilation < steps
        assert not len(bias) or bias.abs().max() <= 1
        torch.testing.assert_close(weight.mean(2), torch.zeros(weight.shape[:2]), atol=1e-5, rtol=0)
        if len(weight):
            out = torch.nn.functional.conv1d(torch.zeros(1, channels, steps), weight, bias, dilation=dilation, padding=padding)
            assert 0 < out.shape[2] <= steps


def test_random_numbers_from_elsewhere_do_not_change_the_kernels():
    before = torch.cat([weight.flatten() for weight, *_ in kernels(100, LENGTHS, 50, 2)])
    torch.manual_seed(7)
    np.random.default_rng(7).random(10)
    assert torch.equal(before, torch.cat([weight.flatten() for weight, *_ in kernels(100, LENGTHS, 50, 2)]))


@pytest.mark.parametrize("classes", [2, 3])
def test_an_unsure_neighbour_still_gives_its_label(classes):
    rng, labels = np.random.default_rng(0), np.arange(20) % classes
    series = [rng.standard_normal((6, 1)) for _ in range(20)]
    model = NearestNeighbour.fit(series, labels, (series, (labels + 1) % classes), classes)
    assert (model.predict(series).argmax(1) == labels).all()
    np.testing.assert_allclose(model.predict(series).sum(1), 1, rtol=1e-5)


def test_a_channel_that_is_constant_but_for_rounding_says_nothing():
    rng = np.random.default_rng(0)
    labels = np.arange(20) % 2
    series = [np.column_stack([rng.standard_normal(12) + label, np.full(12, 0.1)]).astype(np.float32) for label in labels]
    model = RandomConvolutions.fit(series, labels, (series, labels), 2)
    moved = [values * np.array([1, 1.01], np.float32) for values in series]
    np.testing.assert_allclose(model.predict(moved), model.predict(series), atol=0.05)


def test_the_neighbour_is_found_under_the_scaling_that_does_best_on_validation():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    loud = [np.column_stack([np.full(8, float(label)), 1000 * rng.standard_normal(8)]) for label in labels]
    model = NearestNeighbour.fit(loud[:20], labels[:20], (loud[20:], labels[20:]), 2)
    assert NearestNeighbour.SCALINGS[int(model.tensors["numbers"][2])] == "training part"
    assert (model.predict(loud[20:]).argmax(1) == labels[20:]).mean() > 0.9
    shapes = [(1 + 100 * rng.random()) * np.sin((1 + label) * np.arange(8.0))[:, None] + 1000 * rng.random() for label in labels]
    model = NearestNeighbour.fit(shapes[:20], labels[:20], (shapes[20:], labels[20:]), 2)
    assert NearestNeighbour.SCALINGS[int(model.tensors["numbers"][2])] == "own series"
    assert (model.predict(shapes[20:]).argmax(1) == labels[20:]).all()


def test_no_series_get_no_answers():
    series, labels = [np.full((4, 1), float(n)) for n in range(20)], np.arange(20) % 2
    for kind in (NearestNeighbour, RandomConvolutions):
        assert kind.fit(series, labels, (series, labels), 2).predict([]).shape == (0, 2)
