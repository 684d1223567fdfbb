"""Pictures of numbers: a small PNG inside a drawing, the same colours on light and dark pages."""

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape

from seqwise.report import svg

ANCHORS = ((13, 8, 40), (72, 26, 104), (150, 44, 96), (219, 92, 60), (250, 178, 60), (252, 250, 200))
"""From silence to the loudest, dark to light, so that brightness alone tells them apart."""
BAND_HEIGHT = 2.5
PIXELS_PER_SECOND, NARROWEST, WIDEST = 220.0, 90.0, 560.0
LEFT, TOP, BOTTOM, GAP = 44.0, 22.0, 24.0, 16.0


def palette() -> bytes:
    """256 colours, three bytes each."""
    found = []
    for level in range(256):
        place = level / 255 * (len(ANCHORS) - 1)
        low = min(int(place), len(ANCHORS) - 2)
        pair = zip(ANCHORS[low], ANCHORS[low + 1], strict=True)
        found += [round(a + (b - a) * (place - low)) for a, b in pair]
    return bytes(found)


def png(rows: Sequence[bytes]) -> bytes:
    """A picture of one byte a pixel, the first row on top, in the colours of :func:`palette` (ISO/IEC 15948)."""
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"PLTE", palette()), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def image(x: float, y: float, width: float, height: float, rows: Sequence[bytes], tip: str) -> str:
    source = "data:image/png;base64," + base64.b64encode(png(rows)).decode()
    return svg.element(
        "image",
        svg.element("title", escape(tip)),
        x=float(x),
        y=float(y),
        width=float(width),
        height=float(height),
        preserveAspectRatio="none",
        href=source,
    )


def spectrograms(title: str, description: str, pictures: Sequence[tuple[str, float, Sequence[bytes]]], highest: float) -> str:
    """Spectrograms below each other, all at one scale of time.

    Args:
        pictures: of each the name, the seconds and the rows of pixels, the highest band on top.
        highest: Hz at the upper edge.
    """
    longest = max(seconds for _, seconds, _ in pictures)
    scale = min(PIXELS_PER_SECOND, WIDEST / longest)
    parts, y, width = [], 0.0, 0.0
    for name, seconds, rows in pictures:
        wide, high = max(scale * seconds, 8.0), BAND_HEIGHT * len(rows)
        parts.append(svg.text(LEFT, y + TOP - 8, f"{name}, {seconds:.2f} s", class_="name"))
        parts.append(image(LEFT, y + TOP, wide, high, rows, f"{name}, {seconds:.2f} s"))
        parts.append(svg.text(LEFT - 6, y + TOP + 9, f"{highest / 1000:g} kHz", class_="tick end"))
        parts.append(svg.text(LEFT - 6, y + TOP + high, "0", class_="tick end"))
        width = max(width, LEFT + wide, LEFT + svg.text_width(f"{name}, {seconds:.2f} s"))
        y += TOP + high + GAP
    return svg.drawing(max(width + 8, NARROWEST), y, title, description, "".join(parts))
