"""How often a series is measured: the step between its times, found from them, and the times that come next."""

import dataclasses
import datetime
import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqwise.core.errors import UserError, first_line
from seqwise.report import numbers

SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
SEASONS = {"minute": 60, "hour": 24, "day": 7, "business day": 5, "week": 52, "month": 12, "quarter": 4}
"""Steps of the usual cycle."""
DAY = 86_400
ROWS = "take times that are as far apart, or let steps follow the rows, whatever their times, with --time none"
SHORTEST_MONTH = 28
WEEKDAYS = 5
QUARTER = re.compile(r"(\d{4})-?[Qq]([1-4])")
DATE_OF_DIGITS = re.compile(r"(1[89]|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])")
"""A date such as 20200131, which could also be a number."""


@dataclasses.dataclass(frozen=True)
class Frequency:
    """So many units between one time and the next.

    Args:
        unit: second, minute, hour, day, business day, week, month, quarter, year, or step for times that are plain numbers.
        count: of units.
    """

    unit: str
    count: float = 1

    def __str__(self) -> str:
        return f"every {self.unit}" if self.count == 1 else f"every {self.count:g} {self.unit}s"

    @property
    def season(self) -> int:
        """Steps of the usual cycle: a day of hours or minutes, a week of days, a year of weeks, months or quarters; else 1."""
        usual = SEASONS.get(self.unit, 1)
        if self.unit == "minute" and self.count > 1:
            usual = 24 * 60
        return round(usual / self.count) if usual > self.count and usual % self.count == 0 else 1

    def after(self, last: Any, steps: int) -> list[Any]:
        """The ``steps`` times that follow ``last``: datetimes, or numbers."""
        if self.unit == "step":
            count = int(self.count) if self.count == int(self.count) else self.count
            return [last + count * step for step in range(1, steps + 1)]
        if self.unit in MONTHS:
            return [_months_later(last, int(self.count) * MONTHS[self.unit] * step) for step in range(1, steps + 1)]
        if self.unit == "business day":
            days = np.busday_offset(np.datetime64(last.date()), np.arange(1, steps + 1), roll="backward")
            return [last + datetime.timedelta(days=int((day - np.datetime64(last.date())).astype(int))) for day in days]
        return [last + datetime.timedelta(seconds=SECONDS[self.unit] * self.count * step) for step in range(1, steps + 1)]


def parse_times(values: Sequence[Any], where: str) -> tuple[list[Any], bool]:
    """Whole numbers, numbers, or datetimes from dates as ISO 8601 writes them; and whether the datetimes are in UTC.

    A month such as 1949-01 or a quarter such as 1949Q1 is its first day. Dates with zones are taken as they stand where all have the same
    time of day; else they are put into UTC. Raises :class:`UserError` where they are none of these.
    """
    written = [str(value).strip() for value in values]
    kinds = () if all(DATE_OF_DIGITS.fullmatch(text) for text in written) else (int, float)
    for kind in kinds:
        try:
            found = [kind(text) for text in written]
        except ValueError:
            continue
        if not all(map(math.isfinite, found)):
            raise UserError(f"{where} holds a time that is not finite", expected="numbers, or dates such as 2016-07-01 13:00")
        return found, False
    try:
        moments = [_datetime(text) for text in written]
    except ValueError as error:
        raise UserError(f"{where} holds no times ({first_line(error)})", expected="numbers, or dates such as 2016-07-01 13:00") from error
    return _without_zones(moments)


def _datetime(text: str) -> datetime.datetime:
    if found := QUARTER.fullmatch(text):
        return datetime.datetime(int(found[1]), 3 * int(found[2]) - 2, 1)
    return datetime.datetime.fromisoformat(f"{text}-01" if len(text) == 7 and text[4] == "-" else text)


def _without_zones(moments: list[datetime.datetime]) -> tuple[list[datetime.datetime], bool]:
    walls = [moment.replace(tzinfo=None) for moment in moments]
    if not any(moment.tzinfo for moment in moments) or len({wall.time() for wall in walls}) == 1:
        return walls, False
    return [moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment for moment in moments], True


def _months_later(moment: datetime.datetime, months: int) -> datetime.datetime:
    """The same day of a later month; the last day stays the last day."""
    month = moment.year * 12 + moment.month - 1 + months
    last = _last_day(month)
    day = last if moment.day == _last_day(moment.year * 12 + moment.month - 1) else min(moment.day, last)
    return moment.replace(year=month // 12, month=month % 12 + 1, day=day)


def _last_day(month: int) -> int:
    first, following = (datetime.date(number // 12, number % 12 + 1, 1) for number in (month, month + 1))
    return (following - first).days


def infer_frequency(series: Sequence[Sequence[Any]]) -> Frequency:
    """The step that most times of all series, each ascending, are apart; every day or step where no series has two times."""
    longest = max(series, key=len)
    dated = isinstance(longest[0], datetime.datetime)
    gaps = np.concatenate([_gaps(times, dated) for times in series])
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return Frequency("day" if dated else "step")
    usual = _most_common(gaps)
    if not dated:
        return Frequency("step", usual)
    if np.median(gaps) >= SHORTEST_MONTH * DAY and (months := _months(series)):
        unit = next(unit for unit, size in reversed(MONTHS.items()) if months % size == 0)
        return Frequency(unit, months // MONTHS[unit])
    if usual == DAY and _only_weekdays(series):
        return Frequency("business day")
    unit = next((unit for unit, seconds in reversed(SECONDS.items()) if usual % seconds == 0), "second")
    return Frequency(unit, usual / SECONDS[unit])


def _gaps(times: Sequence[Any], dated: bool) -> np.ndarray:
    if dated:
        return np.array([(b - a).total_seconds() for a, b in itertools.pairwise(times)])
    return np.diff(np.asarray(times, float))


def _months(series: Sequence[Sequence[datetime.datetime]]) -> int:
    """Months from one time to the next, where all fall on one day of the month, or on its last; else 0."""
    every = {time for times in series for time in times}
    same = len({(time.day, time.time()) for time in every}) == 1
    last = all(time.day == _last_day(time.year * 12 + time.month - 1) for time in every)
    counts = [b.year * 12 + b.month - a.year * 12 - a.month for times in series for a, b in itertools.pairwise(times)]
    return math.gcd(*counts) if same or last else 0


def _most_common(values: np.ndarray) -> float:
    found, counts = np.unique(values, return_counts=True)
    return found[np.argmax(counts)]


def _only_weekdays(series: Sequence[Sequence[datetime.datetime]]) -> bool:
    """Whether no time falls on a weekend, in data that are long enough to have one."""
    days = {time.weekday() for times in series for time in times}
    return max(map(len, series)) > WEEKDAYS and max(days) < WEEKDAYS


def places(times: Sequence[Any], frequency: Frequency) -> np.ndarray:
    """How many steps each time lies after the first; a fraction where it lies between two."""
    if frequency.unit == "step":
        return (np.asarray(times, float) - times[0]) / frequency.count
    if frequency.unit in MONTHS:
        months = np.array([time.year * 12 + time.month for time in times], float)
        return (months - months[0]) / (MONTHS[frequency.unit] * frequency.count)
    if frequency.unit == "business day":
        days = np.array([time.date() for time in times], "datetime64[D]")
        return np.busday_count(days[0], days).astype(float)
    seconds = np.array([(time - times[0]).total_seconds() for time in times])
    return seconds / (SECONDS[frequency.unit] * frequency.count)


def check_regular(times: Sequence[Any], frequency: Frequency, where: str, written: Callable[[Any], str] = str) -> None:
    """Raises :class:`UserError` naming the first gap, repeated time, or time between two steps."""
    steps = places(times, frequency)
    gaps = np.diff(steps)
    wrong = np.flatnonzero(~(np.abs(gaps - 1) <= 1e-6))
    if not len(wrong):
        return
    first = int(wrong[0])
    before, after = written(times[first]), written(times[first + 1])
    if gaps[first] == 0:
        fix = "keep one value for each time; of several series in one table, name the column that tells them apart with --id"
        raise UserError(f"{where} has the time {after} more than once", expected="every time once", fix=fix)
    more = f"; {numbers.plural(len(wrong), 'such place')} in all" if len(wrong) > 1 else ""
    if gaps[first] > 1 and abs(gaps[first] - round(gaps[first])) < 1e-6:
        missing = numbers.plural(round(gaps[first]) - 1, "time")
        raise UserError(
            f"{where} has a gap: {missing} missing between {before} and {after}{more}",
            expected=f"a value {frequency}",
            fix="fill the gaps, or let steps follow the rows, whatever their times, with --time none",
        )
    raise UserError(f"{where} is not regular: {before} is followed by {after}{more}", expected=f"a value {frequency}", fix=ROWS)
