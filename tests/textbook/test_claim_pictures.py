"""Lines with the numbers they were given."""

import pytest

from seqwise.report import numbers
from seqwise.report.svg import Axis
from seqwise.textbook.clause import Estimate
from seqwise.textbook.pictures import FAMILIES, averaged, estimated, lines, timed

AXES = Axis("length", numbers.count), Axis("share", numbers.number)


def test_what_was_not_measured_has_no_point():
    (point,) = estimated({2: None, 1: Estimate(0.5, 0.4, 0.6, 3), 3: Estimate(None)})
    assert (point.x, point.y, point.low, point.high) == (1, 0.5, 0.4, 0.6)
    assert averaged({1: []}) == ()


def test_times_are_medians_with_what_lies_around_them():
    (point,) = timed({16: list(range(101))}, "after")
    assert (point.y, point.low, point.high, point.tip) == (50, pytest.approx(10), pytest.approx(90), "50 ms after 16")


def test_a_figure_names_what_it_shows_and_nothing_else():
    (figure,) = lines("Title", {"rnn": averaged({1: [0.1] * 3, 2: [0.2] * 3}), "lstm": ()}, FAMILIES, AXES)
    assert [name for name, _ in figure.legend] == ["rnn"]
    assert lines("Title", {"rnn": ()}, FAMILIES, AXES) == ()
