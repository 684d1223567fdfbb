"""``demo:dates``: dates as people write them, and as ISO 8601 writes them."""

import datetime
import random
import re

from seqwise.data.tables import Table, content_hash

LATIN = ("en_US", "en_GB", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "pl", "cs", "hu", "ro", "tr", "id")
LOCALES = (*LATIN, "el", "ru", "uk", "ja")
STYLES = ("full", "long", "medium", "short")
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
PAIRS = 10_000
SLASHES = re.compile(r"\d{1,2}/\d{1,2}/\d{4}")
"""Day and month in an order that only the country tells."""


def dates() -> Table:
    """10,000 dates of two centuries in 22 languages and countries and four styles of the CLDR, as Babel formats them, and in ISO form.

    Left out is what has two meanings: years of two digits, and numbers between slashes. The rows depend on the version of Babel.
    """
    from babel.dates import format_date

    draw, found = random.Random(0), {}
    while len(found) < PAIRS:
        date = FIRST + datetime.timedelta(draw.randrange((LAST - FIRST).days + 1))
        written = format_date(date, format=draw.choice(STYLES), locale=draw.choice(LOCALES))
        if str(date.year) in written and not SLASHES.fullmatch(written):
            found.setdefault(written, date.isoformat())
    columns = {"date": list(found), "iso": list(found.values())}
    return Table(columns, "demo:dates", content_hash(columns))
