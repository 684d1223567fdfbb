import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqwise.report import svg
from seqwise.report.charts import Estimate, MatrixCell, Point, Series, interval_chart, line_chart, matrix_chart, pareto_front, scatter_chart
from seqwise.report.document import Style
from seqwise.report.svg import Axis, Scale

AXIS = Axis("value (%)", lambda value: f"{value:g}")
LOG_AXIS = Axis("cost (ms)", lambda value: f"{value:g}", log=True)
finite = st.floats(-1e6, 1e6)
positive = st.floats(1e-3, 1e6)


def drawings(markup: str) -> list[ElementTree.Element]:
    """Every drawing of the markup, parsed: a drawing that is not well-formed raises."""
    return [ElementTree.fromstring(found) for found in re.findall(r'<svg.*?class="drawing".*?</svg>', markup, re.DOTALL)]


def places(root: ElementTree.Element) -> list[tuple[float, float]]:
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    return [(float(one.attrib["x"]) / width, float(one.attrib["y"]) / height) for one in root.iter("text")]


def series(name: str, *points: Point, index: int = 0) -> Series:
    return Series(name, Style(index, index, "4 4" if index else ""), points)


@given(finite, st.floats(1e-3, 1e6))
def test_linear_ticks_are_round_and_inside(low, span):
    ticks = svg.linear_ticks(low, low + span)
    assert 2 <= len(ticks) <= 7
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in ticks)
    steps = [b - a for a, b in pairwise(ticks)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-6, abs=1e-9 * abs(low))


@given(positive, st.floats(1.5, 1e6))
def test_log_ticks_rise_inside_the_range(low, factor):
    ticks = svg.log_ticks(low, low * factor)
    assert ticks == sorted(set(ticks))
    assert all(low * 0.99 <= tick <= low * factor * 1.01 for tick in ticks)


@given(positive, st.floats(1.01, 1e4), st.floats(0, 1), st.booleans())
def test_scale_stays_between_its_ends(low, factor, share, log):
    high = low * factor
    scale = Scale(low, high, 60, 700, log)
    assert 60 - 1e-6 <= scale(min(high, low + share * (high - low))) <= 700 + 1e-6
    assert [scale(low), scale(high)] == pytest.approx([60, 700])


@given(st.lists(st.tuples(positive, finite), min_size=1, max_size=12))
def test_pareto_front_is_what_no_other_beats(pairs):
    points = [Point(x, y) for x, y in pairs]
    front = pareto_front(points)
    beaten = [one for one in points if any((o.x < one.x and o.y >= one.y) or (o.x <= one.x and o.y > one.y) for o in points)]
    assert {(p.x, p.y) for p in front} == {(p.x, p.y) for p in points if p not in beaten}
    assert [p.y for p in front] == sorted(p.y for p in front)


def test_pareto_front_when_lower_is_better():
    points = [Point(1, 0.9), Point(2, 0.5), Point(3, 0.7)]
    assert pareto_front(points, lower_is_better=True) == points[:2]


@given(st.lists(st.tuples(finite, st.floats(0, 1e3)), min_size=1, max_size=8))
def test_interval_chart_keeps_everything_inside(values):
    rows = [
        Estimate(f"model {i}", Style(i, i), value, value - half, value + half, (value,), "1 %") for i, (value, half) in enumerate(values)
    ]
    for root in drawings(interval_chart("Scores", "spoken", rows, AXIS)):
        assert [one.text for one in root][:2] == ["Scores", "spoken"]
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in places(root))
        for ring in root.iter("circle"):
            assert 0 <= float(ring.attrib["cx"]) <= float(root.attrib["viewBox"].split()[2])


@pytest.mark.parametrize("spread", ["band", "bars"])
def test_line_chart_draws_each_series_once_per_width(spread):
    shown = [series(name, Point(1, 2, 1, 3, f"{name} at 1"), Point(10, 4, 3, 5), index=i) for i, name in enumerate("ab")]
    for root in drawings(line_chart("Curves", "", shown, LOG_AXIS, AXIS, spread=spread)):
        classes = [one.attrib.get("class", "") for one in root.iter()]
        assert sum(name.startswith("l ") for name in classes) == 2
        assert sum(name.startswith("m ") for name in classes) == 4
        assert sum(name.startswith("band " if spread == "band" else "err ") for name in classes) == (2 if spread == "band" else 4)


def test_equal_values_still_make_a_drawing():
    shown = [series("a", Point(1, 0.5), Point(1, 0.5))]
    assert len(drawings(line_chart("Flat", "", shown, AXIS, AXIS))) == 2
    assert "nan" not in line_chart("Zero", "", [series("a", Point(0, 0), Point(1, 0))], AXIS, AXIS)


def test_names_in_a_scatter_do_not_cover_each_other():
    crowd = [series(f"model-{i}", Point(1 + 0.02 * i, 80 + 0.1 * i, 79, 82), index=i) for i in range(6)]
    for root in drawings(scatter_chart("Crowd", "", crowd, LOG_AXIS, AXIS)):
        names = [one for one in root.iter("text") if one.attrib.get("class") == "name"]
        boxes = [(float(one.attrib["x"]), float(one.attrib["y"])) for one in names]
        assert len(names) == 6
        for i, a in enumerate(boxes):
            assert all(abs(a[0] - b[0]) >= svg.text_width("model-0") or abs(a[1] - b[1]) >= 14 for b in boxes[i + 1 :])


def test_matrix_escapes_and_shortens_names():
    names = ['a<b>&"c"', "comp.os.ms-windows.miscellaneous.group-number-7"]
    cells = [[MatrixCell("1", 1.0, "<tip>"), MatrixCell("", -0.5)], [MatrixCell("2"), MatrixCell("3")]]
    (root,) = drawings(matrix_chart("Matrix", "", names, names, cells, row_name="true", column_name="answer"))
    texts = [one.text for one in root.iter("text")]
    assert names[0] in texts
    assert any(text.endswith("number-7") and len(text) == 26 for text in texts)
    assert "<tip>" in [one.text for one in root.iter("title")]


@given(st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True))
def test_series_differ_in_shape_too(indices):
    shapes = {svg.marker(0, 0, Style(0, index)) for index in indices}
    assert len(shapes) == len(indices)


def test_markers_are_of_similar_size():
    for index in range(len(svg.MARKERS)):
        values = [abs(float(number)) for number in re.findall(r"-?\d+\.\d+", svg.MARKERS[index](0.0, 0.0, 10.0))]
        assert 8 <= max(values) <= 14
