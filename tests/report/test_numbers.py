import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.report import numbers


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.number(1234567), "1,230,000"),
        (numbers.number(0.012345), "0.0123"),
        (numbers.number(-2.5), "−2.50"),
        (numbers.number(None), "not measured"),
        (numbers.number(math.nan), "not measured"),
        (numbers.fixed(-0.0004, 1, scale=100), "0.0"),
        (numbers.fixed(0.0231, 1, scale=100, signed=True), "+2.3"),
        (numbers.interval((-0.004, 0.028), 1, scale=100, signed=True), "−0.4 to +2.8"),
        (numbers.interval(None, 1), ""),
        (numbers.share(0.0312), "3.1 %"),
        (numbers.count(102_345), "102 k"),
        (numbers.count(999_999), "1.00 M"),
        (numbers.size(512), "512 B"),
        (numbers.size(4_190_000), "4.19 MB"),
        (numbers.size(None), "not measured"),
        (numbers.duration(0.00031), "0.31 ms"),
        (numbers.duration(4.23), "4.2 s"),
        (numbers.duration(200), "3 min 20 s"),
        (numbers.duration(900), "15 min"),
        (numbers.duration(7500), "2 h 05 min"),
        (numbers.listed(["a", "b", "c"]), "a, b and c"),
        (numbers.plural(1, "class", "classes"), "1 class"),
        (numbers.plural(2, "class", "classes"), "2 classes"),
    ],
)
def test_written(written, expected):
    assert written == expected


@given(st.floats(1e-4, 1e11), st.sampled_from([1, -1]))
def test_three_digits_keep_the_value(value, sign):
    written = numbers.number(sign * value).replace(",", "").replace(numbers.MINUS, "-")
    assert float(written) == pytest.approx(sign * value, rel=0.00501)


@given(st.floats(0.001, 1e9), st.floats(1.05, 100))
def test_longer_durations_are_written_differently(seconds, factor):
    assert numbers.duration(seconds) != numbers.duration(seconds * factor) or factor < 1.2
