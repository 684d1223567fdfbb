"""Series to be foretold: what forecasting reads, splits by time and cuts into windows. The same splits for every replicate."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqwise.core.errors import UserError
from seqwise.core.files import read_json, write_json
from seqwise.data.batching import CutShare
from seqwise.data.frequency import places
from seqwise.data.panels import Panel, load_panel, written
from seqwise.data.series_format import SeriesColumns
from seqwise.data.splits import Split, SplitPlan
from seqwise.data.windows import LEAST_PAST, QUANTILE_LEVELS, WindowSet, division, scales_of, spread_of, windows_of
from seqwise.report import numbers
from seqwise.tasks.task_data import EncodedFacts, Encoding, Request, TaskData

ABOUT = "series.json"
"""What a model's folder holds of the series that it was trained on."""
SHARES = (0.7, 0.1, 0.2)
"""Of the time, for training, validation and test, where nothing else is asked."""
CONTEXT_OF_HORIZON, CONTEXT_OF_SEASON = 2, 3
SHORTEST, LEAST_TRAIN = 8, 5
"""Values of the longest series, and of a series in its training part."""
SHOWN_NAMES = 5
LENGTHS = ("context_length", "prediction_length")
"""Settings of a model that say how many values it reads and foretells."""
MOST_PATCH, FEWEST_PATCHES, USUAL_PATCHES = 32, 4, 8
MOST_TRAIN, MOST_VALIDATION, MOST_TEST = 1_000_000, 2_000, 40_000
"""Windows; beyond them origins are spread evenly."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A panel and what is asked of it.

    Args:
        horizon: steps to foretell.
        season: steps of the cycle that naive forecasts repeat.
        split: steps of the three parts of the time, as given; None where shares decide.
    """

    panel: Panel
    horizon: int
    season: int
    split: tuple[int, int, int] | None
    sha256: str

    @property
    def source(self) -> str:
        return self.panel.source

    @property
    def notes(self) -> tuple[str, ...]:
        return self.panel.notes


@dataclasses.dataclass(frozen=True)
class TimeSplits:
    """Where the parts of the time end, in steps of the whole panel; the training part begins at 0."""

    train: int
    validation: int
    test: int
    starts: np.ndarray
    """Steps of the panel at which each series begins."""
    kept: np.ndarray
    """The series whose training part says how large they are and how they vary; the others take part in nothing."""

    def bounds(self, split: Split) -> tuple[int, int]:
        return {Split.TRAIN: (0, self.train), Split.VALIDATION: (self.train, self.validation), Split.TEST: (self.validation, self.test)}[
            split
        ]


class SeriesPanels(TaskData):
    examples = WindowSet

    def check(self, request: Request) -> None:
        """What has no meaning for forecasts is refused; ``horizon``, ``split`` and ``season`` have one."""
        for name in ("text", "header", "group", "validation", "test"):
            if getattr(request, name) is not None:
                fix = "--split 8640:2880:2880 divides the time" if name in ("validation", "test") else "leave it out"
                raise UserError(f"--{name} has no meaning for forecasts", fix=fix)

    def read(self, request: Request) -> Asked:
        panel = load_panel(request.source, SeriesColumns(id=request.id, time=request.time, target=request.target))
        longest = max(len(values) for values in panel.values)
        if longest < SHORTEST:
            what = f"the longest series of {panel.source} has {numbers.plural(longest, 'value')}"
            raise UserError(what, expected=f"{SHORTEST} or more, to be divided into training, validation and test")
        season = _positive("--season", request.season, longest // 2) or min(panel.frequency.season, longest // 2)
        horizon = _positive("--horizon", request.horizon, longest // 4) or _usual_horizon(season, longest)
        told = [f"forecasts of {numbers.plural(horizon, 'step')}" + ("" if request.horizon else " (--horizon asks for others)")]
        told += [f"the season is {numbers.plural(season, 'step')}"] if season > 1 else []
        panel = dataclasses.replace(panel, notes=(*panel.notes, *told))
        return Asked(panel, horizon, season, parse_split(request.split), panel.sha256)

    def split(self, corpus: Asked, *, replicates: int, seed: int) -> SplitPlan:
        """Chronological: the past for training, then validation, then test, the same times for every series and replicate."""
        starts, length = panel_starts(corpus.panel)
        if corpus.split and sum(corpus.split) > length:
            raise UserError(
                f"--split {':'.join(map(str, corpus.split))} needs {sum(corpus.split):,} steps, {corpus.source} has {length:,}",
                fix="a smaller --split, or none: then it is 70 : 10 : 20 of the time",
            )
        sizes = corpus.split or _shared_out(length, corpus.horizon)
        splits = time_splits(corpus.panel, sizes, starts)
        if not len(splits.kept):
            raise UserError(
                f"no series of {corpus.source} has {LEAST_TRAIN} values in the first {sizes[0]:,} steps, or none changes there",
                expected="series that begin in the training part and change",
                fix="a longer training part (--split)",
            )
        return SplitPlan([splits] * replicates, "chronological", None)

    def choose_encoding(self, corpus: Asked, splits: TimeSplits, *, tokenizer: str, context: int | None) -> Encoding:
        """Raises :class:`UserError` where a tokenizer is asked for."""
        if tokenizer != "auto":
            raise UserError(f"--tokenizer {tokenizer} has no meaning for series", fix="leave it out")
        wanted = max(CONTEXT_OF_HORIZON * corpus.horizon, CONTEXT_OF_SEASON * corpus.season)
        length = max(len(part) for part in parts_of(corpus.panel, splits, Split.TRAIN, corpus.horizon).series)
        if context is not None and context + corpus.horizon > length:
            raise UserError(
                f"--context {context} and a forecast of {numbers.plural(corpus.horizon, 'step')} need {context + corpus.horizon:,} steps",
                expected=f"at most {length:,}, the longest training part",
                fix="a smaller --context, or none",
            )
        context = context or max(LEAST_PAST, min(wanted, length // 2 - corpus.horizon))
        patch = patch_length(context, corpus.season)
        settings = {"context_length": context, "prediction_length": corpus.horizon, "patch_length": patch}
        return Encoding(None, context, settings | {"num_input_channels": patch, "quantile_levels": list(QUANTILE_LEVELS)})

    def encode(self, corpus: Asked, splits: TimeSplits, encoding: Encoding, folder: Path) -> EncodedFacts:
        found, panel = {}, corpus.panel
        scales = scales_of(parts_of(panel, splits, Split.TRAIN, corpus.horizon).series, corpus.season)
        most = {Split.TRAIN: MOST_TRAIN, Split.VALIDATION: MOST_VALIDATION, Split.TEST: MOST_TEST}
        shape = {"context": encoding.context, "horizon": corpus.horizon, "together": panel.together}
        for split in Split:
            part = parts_of(panel, splits, split, corpus.horizon, encoding.context)
            found[split] = windows_of(part.series, scales, part.first, part.starts, **shape, most=most[split])
            _check_windows(found[split], split, corpus, encoding.context)
            found[split].save(folder / f"{split}.safetensors")
        frequency = {"unit": panel.frequency.unit, "count": panel.frequency.count}
        about = {"frequency": frequency, "season": corpus.season, "together": panel.together}
        write_json(
            folder / "preprocessor" / ABOUT,
            about | {"scales": dict(zip([panel.names[n] for n in splits.kept], scales.tolist(), strict=True))},
        )
        share = len(found[Split.TEST]) / len(found[Split.VALIDATION])
        return EncodedFacts(found[Split.TRAIN].lengths, CutShare(0.0, 0.0), share, typical_error(found[Split.VALIDATION], corpus.season))

    def adapted(self, model: Path, saved: Mapping[str, Any], corpus: Asked, encoding: Encoding) -> dict[str, Any]:
        """How much is read and foretold; patches stay the model's own.

        Raises :class:`UserError` for other quantiles, and for more patches than a table of learned positions has rows.
        """
        levels, patch = saved.get("quantile_levels"), saved["patch_length"]
        if levels != list(QUANTILE_LEVELS):
            raise UserError(f"{model} foretells the quantiles {levels}", expected=f"{list(QUANTILE_LEVELS)}")
        steps = sum(-(-encoding.settings[name] // patch) for name in LENGTHS)
        if saved["position_embedding"] == "learned" and steps > saved["max_position_embeddings"]:
            past, future = (numbers.plural(encoding.settings[name], "step") for name in LENGTHS)
            raise UserError(
                f"forecasts of {future} from {past} are {steps} patches of {patch} for {model}",
                expected=f"at most {saved['max_position_embeddings']}, the positions that it has learned",
                fix="a smaller --context or --horizon",
            )
        return {name: encoding.settings[name] for name in LENGTHS}

    def encode_as(self, model: Path, corpus: Asked, splits: TimeSplits, encoding: Encoding, longest: float, folder: Path) -> EncodedFacts:
        """As for the others: patches are made by the model itself."""
        return self.encode(corpus, splits, encoding, folder)

    def share(self, corpus: Asked, cache: Path) -> None:
        """Nothing: baselines read what models read."""

    def default_batch_size(self, lengths: np.ndarray) -> int:
        """A power of two from 8 to 64 that makes about 16 batches of an epoch."""
        return int(np.clip(2 ** np.floor(np.log2(max(len(lengths) / 16, 1))), 8, 64))

    def card(self, corpus: Asked, plan: SplitPlan) -> dict[str, Any]:
        splits, panel = plan.replicates[0], corpus.panel
        return {
            "source": corpus.source,
            "sha256": corpus.sha256,
            "counted": "steps",
            "length_in": "steps",
            "series": {"count": len(panel), "names": list(panel.names[:50]), "together": panel.together},
            "frequency": str(panel.frequency),
            "season": corpus.season,
            "horizon": corpus.horizon,
            "times": _told_times(panel, splits),
            "examples": self.counts(splits),
            "overlap": {"test_in_train": 0, "test_in_validation": 0, "share_of_test": 0.0},
            "scheme": plan.scheme,
            "notes": [*corpus.notes, *_left_out(panel, splits), *_units_told(corpus, splits)],
        }

    def columns(self, corpus: Asked) -> dict[str, str | None]:
        return {}

    def counts(self, splits: TimeSplits) -> dict[str, int]:
        """Steps of time."""
        return {str(split): splits.bounds(split)[1] - splits.bounds(split)[0] for split in Split}

    def test_examples(self, corpus: Asked, splits: TimeSplits) -> Sequence[tuple[str, np.ndarray, Sequence[Any], int]]:
        """Per series its name, its values and times up to the end of the test, and where the test begins."""
        found, panel = [], corpus.panel
        for number in splits.kept:
            name, values, times, start = panel.names[number], panel.values[number], panel.times[number], splits.starts[number]
            stop = int(min(splits.test - start, len(values)))
            begin = int(max(splits.validation - start, LEAST_PAST))
            if stop - begin >= corpus.horizon:
                found.append((name, values[:stop], [written(time) for time in times[:stop]], begin))
        return found

    def typical_examples(self, corpus: Asked, splits: TimeSplits, lengths: np.ndarray, count: int) -> list[np.ndarray]:
        """Pasts, by turns of the series."""
        pasts = parts_of(corpus.panel, splits, Split.TRAIN, corpus.horizon).series
        return [pasts[turn % len(pasts)] for turn in range(count)]


def series_facts(path: Path) -> dict[str, Any]:
    """``frequency``, ``season``, ``together`` and ``scales`` as :class:`SeriesPanels` wrote them; nothing where there is no file."""
    return read_json(path) if path.exists() else {}


def parse_split(text: str | None) -> tuple[int, int, int] | None:
    """Steps of ``8640:2880:2880``. Raises :class:`UserError`."""
    if text is None:
        return None
    if not re.fullmatch(r"\s*\d+\s*:\s*\d+\s*:\s*\d+\s*", text) or 0 in (sizes := tuple(map(int, text.split(":")))):
        raise UserError(f"--split '{text}' is not possible", expected="steps of training, validation and test, as in 8640:2880:2880")
    return sizes


def patch_length(context: int, season: int) -> int:
    """A season, where four of them and no more than 32 steps each make the past; else an eighth of it, at most 32 steps."""
    if 1 < season <= MOST_PATCH and context >= FEWEST_PATCHES * season:
        return season
    return int(np.clip(context // USUAL_PATCHES, 1, MOST_PATCH))


def typical_error(windows: WindowSet, season: int) -> float:
    """Mean squared error of the better of two naive forecasts of some windows: the last value, and the last season."""
    rows = np.unique(np.linspace(0, len(windows) - 1, 1000).astype(int))
    past, future = windows.pasts(rows), windows.futures(rows)
    seasonal = past[:, repeated(windows.context, windows.horizon, season)]
    return float(min(((future - past[:, -1:]) ** 2).mean(), ((future - seasonal) ** 2).mean())) or 1.0


def repeated(context: int, horizon: int, season: int) -> np.ndarray:
    """For each step of the future (H,), the place in the past that lies whole seasons before it; the last one for a shorter past."""
    if season > context:
        return np.full(horizon, context - 1)
    return context - season + np.arange(horizon) % season


def _positive(option: str, value: int | None, most: int) -> int | None:
    if value is not None and (type(value) is not int or not 1 <= value <= most):
        raise UserError(f"{option} {value} is not possible", expected=f"a whole number from 1 to {most:,}, for series of this length")
    return value


def _usual_horizon(season: int, length: int) -> int:
    """A season, or a tenth of the longest series where that is shorter or there is no season."""
    tenth = max(1, length // 10)
    return min(season, tenth) if season > 1 else min(tenth, 24)


def panel_starts(panel: Panel) -> tuple[np.ndarray, int]:
    """The step of the panel at which each series begins, and how many steps the panel has."""
    first = min(times[0] for times in panel.times)
    starts = np.array([int(places([first, times[0]], panel.frequency)[1]) for times in panel.times])
    return starts, int(max(start + len(values) for start, values in zip(starts, panel.values, strict=True)))


def time_splits(panel: Panel, sizes: Sequence[int], starts: np.ndarray) -> TimeSplits:
    train, validation, test = (int(end) for end in np.cumsum(sizes))
    own = [values[: max(0, train - start)] for values, start in zip(panel.values, starts, strict=True)]
    kept = [number for number, values in enumerate(own) if len(values) >= LEAST_TRAIN and spread_of(values[None])[0, 0] > 0]
    return TimeSplits(train, validation, test, starts, np.array(kept, int))


def _shared_out(length: int, horizon: int) -> tuple[int, int, int]:
    """70 : 10 : 20 of the time, but at least a forecast and a quarter for validation, and for the test three forecasts or a third."""
    least = horizon + max(1, horizon // 4)
    validation = max(int(SHARES[1] * length), least)
    test = max(int(SHARES[2] * length), least, min(3 * horizon, length // 3))
    if length - validation - test < least:
        raise UserError(
            f"{length:,} steps cannot be divided into training, validation and test for forecasts of {numbers.plural(horizon, 'step')}",
            expected=f"{4 * least:,} steps or more",
            fix="a smaller --horizon, or longer series",
        )
    return length - validation - test, validation, test


@dataclasses.dataclass(frozen=True)
class Part:
    """Of the kept series what may be read up to the end of a part of the time.

    Args:
        series: values; nothing after the part's end is in them.
        first: where in each the first forecast may begin.
        starts: steps of the panel at which they begin.
    """

    series: list[np.ndarray]
    first: list[int]
    starts: list[int]


def parts_of(panel: Panel, splits: TimeSplits, split: Split, horizon: int, context: int = 0) -> Part:
    """A part with ``context`` steps before it. In training the first forecast has a whole past, where the series is long enough."""
    low, high = splits.bounds(split)
    found = Part([], [], [])
    for number in splits.kept:
        values, start = panel.values[number], int(splits.starts[number])
        stop = int(np.clip(high - start, 0, len(values)))
        begin = int(np.clip(low - start, 0, stop))
        lead = max(0, begin - context)
        found.series.append(values[lead:stop])
        found.first.append(begin - lead if split != Split.TRAIN else max(LEAST_PAST, min(context, stop - lead - horizon)))
        found.starts.append(start + lead)
    return found


def _left_out(panel: Panel, splits: TimeSplits) -> list[str]:
    names = [name for number, name in enumerate(panel.names) if number not in set(splits.kept)]
    if not names:
        return []
    shown = numbers.listed(names) if len(names) <= SHOWN_NAMES else f"{len(names)} series, such as {numbers.listed(names[:SHOWN_NAMES])}"
    return [f"left out, with fewer than {LEAST_TRAIN} values in the training part or always the same one: {shown}"]


def _units_told(corpus: Asked, splits: TimeSplits) -> list[str]:
    """What stands against the intervals, where the test is short."""
    part = parts_of(corpus.panel, splits, Split.TEST, corpus.horizon)
    lengths = [len(values) for values in part.series]
    block, by_time = division(lengths, part.first, part.starts, horizon=corpus.horizon, together=corpus.panel.together)
    if not by_time:
        return ["the test is too short for blocks of time: series count as independent, intervals are too narrow where they move together"]
    if block < corpus.horizon:
        return ["the test holds less than two forecasts that do not overlap: intervals are too narrow"]
    return []


def _check_windows(windows: WindowSet, split: Split, corpus: Asked, context: int) -> None:
    """Raises :class:`UserError` for a part that holds no forecast, or too few to say anything."""
    if split == Split.TEST and windows.units < 2 and len(windows):
        raise UserError(
            f"the test part of {corpus.source} holds one forecast of {numbers.plural(corpus.horizon, 'step')}",
            expected="two or more, which scores can be compared on",
            fix="a longer test part (--split), or a smaller --horizon",
        )
    if not len(windows):
        raise UserError(
            f"the {split} part of {corpus.source} holds no forecast of {numbers.plural(corpus.horizon, 'step')} from {context} before it",
            fix="a longer part (--split), or a smaller --horizon",
        )


def _told_times(panel: Panel, splits: TimeSplits) -> dict[str, list[str]]:
    """First and last time of each part, of the first series that goes through all."""
    whole = [n for n in splits.kept if splits.starts[n] == 0 and len(panel.values[n]) >= splits.test]
    if not whole:
        return {}
    times = panel.times[whole[0]]
    return {str(split): [written(times[low]), written(times[high - 1])] for split in Split for low, high in [splits.bounds(split)]}
