"""Small parts of a drawing: elements, markers, scales, ticks and the frame around a plot."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from seqwise.report.document import Style

CHARACTER_WIDTH = 6.6
"""Pixels of an average character at the 12-pixel size of a drawing."""
WIDER = dict.fromkeys("0123456789", 7.7) | dict.fromkeys("−+", 10.1) | {"%": 11.4}
"""What numbers are made of, in DejaVu Sans."""


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """An SVG element. ``stroke_width`` becomes ``stroke-width``, ``class_`` becomes ``class``; content is taken as markup."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if type(value) is float else escape(str(value))


def text(x: float, y: float, content: str, /, **attributes: object) -> str:
    return element("text", escape(content), x=float(x), y=float(y), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, /, **attributes: object) -> str:
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), **attributes)


def drawing(width: float, height: float, title: str, description: str, content: str) -> str:
    """A whole drawing with the title and description that a screen reader tells."""
    head = element("title", escape(title)) + element("desc", escape(description))
    return element("svg", head + content, viewBox=f"0 0 {width:g} {height:g}", role="img", class_="drawing", style=f"--natural:{width:g}px")


def shortened(label: str, longest: int) -> str:
    """The label without its middle, since long names often share their beginning."""
    head = longest // 2
    return label if len(label) <= longest else f"{label[:head]}…{label[head + 1 - longest :]}"


def text_width(label: str, *, strong: bool = False) -> float:
    """Pixels, about; bold letters are wider."""
    return sum(WIDER.get(character, CHARACTER_WIDTH) for character in label) * (1.12 if strong else 1.0)


def _polygon(*points: tuple[float, float]) -> Callable[[float, float, float], str]:
    def path(x: float, y: float, r: float) -> str:
        return "M" + "L".join(f"{x + r * dx:.1f} {y + r * dy:.1f}" for dx, dy in points) + "Z"

    return path


def _circle(x: float, y: float, r: float) -> str:
    return f"M{x - r:.1f} {y:.1f}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0Z"


_SPOKES = [
    (math.sin(math.pi * i / 5) * (1.35 if i % 2 == 0 else 0.6), -math.cos(math.pi * i / 5) * (1.35 if i % 2 == 0 else 0.6))
    for i in range(10)
]
MARKERS = (
    _circle,
    _polygon((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    _polygon((0, -1.2), (1.1, 0.85), (-1.1, 0.85)),
    _polygon((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    _polygon((0, 1.2), (1.1, -0.85), (-1.1, -0.85)),
    _polygon(
        (-0.4, -1.2),
        (0.4, -1.2),
        (0.4, -0.4),
        (1.2, -0.4),
        (1.2, 0.4),
        (0.4, 0.4),
        (0.4, 1.2),
        (-0.4, 1.2),
        (-0.4, 0.4),
        (-1.2, 0.4),
        (-1.2, -0.4),
        (-0.4, -0.4),
    ),
    _polygon(*_SPOKES),
    _polygon((-1.2, 0), (-0.6, -1.04), (0.6, -1.04), (1.2, 0), (0.6, 1.04), (-0.6, 1.04)),
)


def marker(x: float, y: float, style: Style, tip: str = "", radius: float = 5.0) -> str:
    """The series' shape at a point; ``tip`` is shown when pointed at."""
    tooltip = element("title", escape(tip)) if tip else ""
    return element("path", tooltip, d=MARKERS[style.marker % len(MARKERS)](x, y, radius), class_=f"m c{style.colour % 8}")


def swatch(style: Style, *, with_line: bool) -> str:
    """The marker as it stands in a legend."""
    stroke = line(0, 8, 28, 8, class_=f"l c{style.colour % 8}", stroke_dasharray=style.dash or None) if with_line else ""
    return element("svg", stroke + marker(14, 8, style), viewBox="0 0 28 16", width=28, height=16, aria_hidden="true")


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log10(number) for number in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        return log_ticks(self.low, self.high) if self.log else linear_ticks(self.low, self.high)


def linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values inside [low, high], about ``about`` of them."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten inside [low, high]; more where the range is narrow, the powers alone where it is wide."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    factors = (1, 1.5, 2, 3, 5, 7) if decades < 0.7 else (1, 2, 5) if decades < 2.2 else (1, 3) if decades < 3.2 else (1,)
    values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    return [value for value in values if low * 0.999 <= value <= high * 1.001]


def padded(values: Sequence[float], *, log: bool = False, share: float = 0.06) -> tuple[float, float]:
    """A range a little wider than the values; never empty."""
    low, high = min(values), max(values)
    if log:
        margin = max((high / low) ** share, 1.25)
        return low / margin, high * margin
    margin = (high - low) * share or max(abs(high) * 0.05, 1e-6)
    return low - margin, high + margin


@dataclass(frozen=True)
class Axis:
    """An axis of a plot: its name with the unit, how a tick is written, and whether it is logarithmic."""

    label: str
    tick: Callable[[float], str]
    log: bool = False
    ticks: tuple[float, ...] = ()
    """Where to write ticks; empty: at round values."""


@dataclass(frozen=True)
class Plot:
    """The rectangle between the axes, in pixels."""

    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        return self.x.start

    @property
    def right(self) -> float:
        return self.x.end

    @property
    def top(self) -> float:
        return self.y.end

    @property
    def bottom(self) -> float:
        return self.y.start


def frame(plot: Plot, x_axis: Axis, y_axis: Axis) -> str:
    """Grid lines, tick labels and axis names."""
    parts = [text(plot.left - 46, plot.top - 12, y_axis.label, class_="axis")]
    for value in y_axis.ticks or plot.y.ticks():
        y = plot.y(value)
        parts += [line(plot.left, y, plot.right, y, class_="grid"), text(plot.left - 8, y + 4, y_axis.tick(value), class_="tick end")]
    parts += x_ticks(plot, x_axis)
    return "".join(parts)


def x_ticks(plot: Plot, axis: Axis) -> list[str]:
    """The axis below a plot. Labels that would touch their left neighbour are left out."""
    parts = [line(plot.left, plot.bottom, plot.right, plot.bottom, class_="base")]
    free = -math.inf
    for value in axis.ticks or plot.x.ticks():
        x, label = plot.x(value), axis.tick(value)
        parts.append(line(x, plot.bottom, x, plot.bottom + 4, class_="base"))
        if x - text_width(label) / 2 > free:
            parts.append(text(x, plot.bottom + 18, label, class_="tick mid"))
            free = x + text_width(label) / 2 + 6
    return [*parts, text((plot.left + plot.right) / 2, plot.bottom + 38, axis.label, class_="axis mid")]
