"""The demo of dates: many ways to write one, each with one meaning."""

import datetime
import re

from seqwise.data.dates import LOCALES, PAIRS
from seqwise.data.tables import read_table


def test_every_date_has_one_meaning_and_the_rows_are_always_the_same():
    table = read_table("demo:dates")
    written, iso = table.columns["date"], table.columns["iso"]
    assert len(written) == len(set(written)) == PAIRS
    assert len(set(iso)) > 0.8 * PAIRS
    assert table.sha256 == read_table("demo:dates").sha256
    for text, date in zip(written, iso, strict=True):
        found = datetime.date.fromisoformat(date)
        assert str(found.year) in text
        numbers = list(map(int, re.findall(r"\d+", text)))
        assert found.day in numbers
        if len(numbers) == 3 and not re.search(r"[^\W\d_]", text):
            assert numbers in ([found.day, found.month, found.year], [found.year, found.month, found.day])


def test_many_languages_and_styles():
    texts = " ".join(read_table("demo:dates").columns["date"])
    assert len(LOCALES) == 22
    for part in ("Monday", "Montag", "lundi", "понедельник", "понеділок", "Δευτέρα", "maanantai", "hétfő", "年", "01.01."):
        assert part.lower() in texts.lower()
