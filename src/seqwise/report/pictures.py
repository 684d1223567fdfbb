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
PIXELS_PER_SECOND, WIDEST = 180.0, 280.0
LEFT, TOP, GAP = 52.0, 22.0, 16.0
NAME_WIDTH, LINE_WIDTH = 46.0, 300.0


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
    """Spectrograms side by side as far as there is room, all at one scale of time.

    Args:
        pictures: of each the name, the seconds and the rows of pixels, the highest band on top.
        highest: Hz at the upper edge.
    """
    scale = min(PIXELS_PER_SECOND, WIDEST / max(seconds for _, seconds, _ in pictures))
    parts, x, y, width = [], LEFT, 0.0, 0.0
    for name, seconds, rows in pictures:
        label, wide, high = f"{seconds:.2f} s", max(scale * seconds, 8.0), BAND_HEIGHT * len(rows)
        room = max(wide, svg.text_width(label))
        if x > LEFT and x + room > LEFT + WIDEST:
            x, y = LEFT, y + TOP + high + GAP
        if x == LEFT:
            parts.append(svg.text(LEFT - 6, y + TOP + 9, f"{highest / 1000:g} kHz", class_="tick end"))
            parts.append(svg.text(LEFT - 6, y + TOP + high, "0", class_="tick end"))
        parts += [svg.text(x, y + TOP - 8, label, class_="name"), image(x, y + TOP, wide, high, rows, name)]
        x += room + GAP
        width = max(width, x)
    return svg.drawing(width, y + TOP + BAND_HEIGHT * len(pictures[-1][2]) + 4, title, description, "".join(parts))


def alignment(title: str, description: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Words above the words that they are held against, in lines; a pair that differs is marked by colour and by a sign."""
    parts, x, y = [], 0.0, 0.0
    for said, heard in pairs:
        wide = max(svg.text_width(said), svg.text_width(heard), 10.0) + 14
        if x == 0 or x + wide > NAME_WIDTH + LINE_WIDTH:
            y = y + 62 if x else 0.0
            parts += [svg.text(NAME_WIDTH - 8, y + place, name, class_="tick end") for name, place in (("said", 18), ("heard", 42))]
            x = NAME_WIDTH
        kind, opacity = ("pos", 0.1) if said == heard else ("neg", 0.5)
        parts.append(svg.element("rect", x=x, y=y, width=wide - 4, height=50.0, rx=3, class_=f"cell {kind}", fill_opacity=f"{opacity:.2f}"))
        for word, place in ((said, 18), (heard, 42)):
            parts.append(svg.text(x + wide / 2 - 2, y + place, word or "–", class_="value mid"))
        x += wide
    return svg.drawing(NAME_WIDTH + LINE_WIDTH, y + 54, title, description, "".join(parts))
