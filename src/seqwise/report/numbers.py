"""Numbers as people read them: sensible digits, the unit always there, the interval beside the point."""

import math
from collections.abc import Sequence

MISSING = "not measured"
MINUS = "−"


def _measured(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def number(value: float | None, digits: int = 3) -> str:
    """``digits`` significant digits, without an exponent where a person would not write one.

    >>> number(1234567), number(0.012345), number(None)
    ('1,230,000', '0.0123', 'not measured')
    """
    if not _measured(value):
        return MISSING
    if value == 0:
        return "0"
    if abs(value) < 1e-4 or abs(value) >= 1e12:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    places = digits - 1 - int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{round(value, places):,.{max(places, 0)}f}".replace("-", MINUS)


def fixed(value: float | None, places: int, *, scale: float = 1.0, signed: bool = False) -> str:
    """A fixed number of decimal places, with a true minus sign; ``signed`` writes the plus too."""
    if not _measured(value):
        return MISSING
    rounded = round(value * scale, places) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''},.{places}f}".replace("-", MINUS)


def whole(value: float | None) -> str:
    return f"{round(value):,}".replace("-", MINUS) if _measured(value) else MISSING


def interval(bounds: Sequence[float] | None, places: int, *, scale: float = 1.0, signed: bool = False) -> str:
    """``low to high``; empty when there is none."""
    if bounds is None or not all(map(_measured, bounds)):
        return ""
    return " to ".join(fixed(bound, places, scale=scale, signed=signed) for bound in bounds)


def share(value: float | None, places: int = 1) -> str:
    """A part of a whole in percent."""
    return f"{fixed(value, places, scale=100)} %" if _measured(value) else MISSING


def count(value: float | None) -> str:
    """A large count with k, M or G: 102,345 is ``102 k``."""
    return _scaled(value, 1000, ("", " k", " M", " G", " T"))


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def size(value: float | None) -> str:
    """Bytes in units of 1000."""
    return _scaled(value, 1000, (" B", " kB", " MB", " GB", " TB"))


def _scaled(value: float | None, base: int, units: Sequence[str]) -> str:
    if not _measured(value):
        return MISSING
    step = 0
    while abs(value) >= 0.9995 * base and step < len(units) - 1:
        value, step = value / base, step + 1
    return (number(value) if step else f"{value:g}") + units[step]


def duration(seconds: float | None) -> str:
    """Seconds as ``0.31 ms``, ``4.2 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    if not _measured(seconds):
        return MISSING
    if seconds < 1:
        return milliseconds(seconds * 1000)
    if seconds < 99.5:
        return f"{number(seconds, 2)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def milliseconds(value: float | None) -> str:
    return f"{number(value, 2 if value < 10 else 3)} ms" if _measured(value) else MISSING


def listed(names: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def plural(number_of: int, singular: str, several: str | None = None) -> str:
    return f"{number_of:,} {singular if number_of == 1 else several or singular + 's'}"
