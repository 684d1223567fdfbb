"""Pictures in a report: a PNG that decoders read, recordings that fit a phone, and words side by side."""

import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from itertools import pairwise

from seqwise.report.pictures import LEFT, WIDEST, alignment, palette, png, spectrograms

SVG = "{http://www.w3.org/2000/svg}"


def parse(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def chunks(data: bytes) -> dict[bytes, bytes]:
    found, place = {}, 8
    while place < len(data):
        (size,), kind = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        body, check = data[place + 8 : place + 8 + size], data[place + 8 + size : place + 12 + size]
        assert struct.unpack(">I", check)[0] == zlib.crc32(kind + body)
        found[kind], place = body, place + 12 + size
    return found


def test_a_png_holds_its_pixels():
    rows = [bytes([0, 100, 255]), bytes([7, 8, 9])]
    data = png(rows)
    found = chunks(data)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (3, 2, 8, 3, 0, 0, 0)
    assert zlib.decompress(found[b"IDAT"]) == b"\0" + rows[0] + b"\0" + rows[1]
    assert list(found)[-1] == b"IEND"


def test_the_louder_the_brighter():
    colours = [palette()[3 * i : 3 * i + 3] for i in range(256)]
    light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in colours]
    assert len(colours) == 256
    assert all(a <= b + 1 for a, b in pairwise(light))
    assert light[-1] - light[0] > 200


def test_recordings_share_a_scale_and_wrap():
    rows = [bytes(4)] * 5
    drawn = parse(spectrograms("Class <a>", "spoken", [("a&b", 0.8, rows), ("b", 0.4, rows), ("c", 0.8, rows)], 4000.0))
    images = drawn.findall(f"{SVG}image")
    widths = [float(image.get("width")) for image in images]
    assert widths[0] == widths[2] == 2 * widths[1]
    first, second, third = (float(image.get("y")) for image in images)
    assert first == second < third
    assert float(drawn.get("viewBox").split()[2]) <= LEFT + WIDEST + 40
    assert drawn.find(f"{SVG}title").text == "Class <a>"
    assert images[0].find(f"{SVG}title").text == "a&b"


def test_errors_are_marked_by_colour_and_by_what_is_missing():
    drawing = alignment("two errors", "spoken", [("a", "a"), ("b", ""), ("", "<c>")] + [("word", "word")] * 20)
    drawn = parse(drawing)
    assert [box.get("class") for box in drawn.findall(f"{SVG}rect")] == ["cell pos", "cell neg", "cell neg"] + ["cell pos"] * 20
    words = [text.text for text in drawn.findall(f"{SVG}text") if text.get("class") == "value mid"]
    assert words[:6] == ["a", "a", "b", "–", "–", "<c>"]
    assert len({text.get("y") for text in drawn.findall(f"{SVG}text")}) > 2
    assert float(re.search(r'viewBox="0 0 ([\d.]+)', drawing)[1]) < 360
