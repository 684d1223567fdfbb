"""Who is trained on, who is selected on, who is tested on: fixed by the user, or stratified with duplicates on one side."""

import dataclasses
import enum
from typing import Protocol

import numpy as np

from seqwise.core.errors import UserError

FOLDS = 5
HOLDOUT_FROM = 20_000
MAX_TEST = 10_000
MIN_VALIDATION, MAX_VALIDATION = 50, 2_000
SELECTING = 500
"""Examples that are selected on where the labels are limited: more would cost more than training on so few."""


class Split(enum.StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class LabelledCorpus(Protocol):
    """What splits are drawn from: labelled examples of any kind.

    Attributes:
        keys: examples with the same key are the same.
        groups: what must not be divided, or None.
        given: "train", "validation" or "test" where the user fixed it, else "".
    """

    source: str
    sha256: str
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    groups: tuple[str, ...] | None
    given: tuple[str, ...]
    target_column: str
    notes: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class Splits:
    """The three parts of one replicate as sorted example numbers; disjoint, none empty."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def indices(self, split: Split) -> np.ndarray:
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}[split]


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """The splits of every replicate.

    Args:
        replicates: one :class:`Splits` each.
        scheme: "given test", "cross-validation" or "holdout".
        test_share: for cross-validation, test examples per example outside the test fold (train and validation), as the variance of
            Nadeau and Bengio (2003) needs it; else None.
    """

    replicates: list[Splits]
    scheme: str
    test_share: float | None


def make_splits(corpus: LabelledCorpus, *, replicates: int, seed: int) -> SplitPlan:
    """Splits for every replicate, a pure function of corpus and seed.

    A given test or validation part is the same for all replicates and stays as it is. Otherwise replicate r tests on fold r of
    max(replicates, 5), or, from 20,000 examples on, all test on one held-out tenth (at most 10,000); each replicate's validation part is
    a tenth of what is left (at least 50 and one per class, at most 2,000, never more than a fifth). What is drawn is stratified by
    class, and duplicates and groups stay on one side.

    Raises :class:`UserError` when there are too few distinct examples or groups to divide, or groups leave one class to learn from.
    """
    given = np.array(corpus.given)
    pool = np.flatnonzero((given == "") | (given == "train"))
    fixed = {split: np.flatnonzero(given == split) for split in (Split.VALIDATION, Split.TEST)}
    units = components(corpus)
    labels = np.unique(np.array(corpus.labels), return_inverse=True)[1]
    _check_divisible(corpus, units[pool], [split for split, indices in fixed.items() if not len(indices)])
    tests, scheme = _tests(pool, fixed[Split.TEST], labels, units, replicates, seed)
    plan = []
    for replicate, test in enumerate(tests):
        rest = np.setdiff1d(pool, test)
        validation = fixed[Split.VALIDATION]
        if not len(validation):
            validation = _validation(rest, labels, units, np.random.default_rng([seed, 2, replicate]))
        plan.append(Splits(np.setdiff1d(rest, validation), validation, test))
    _check_classes(corpus, plan, labels)
    share = float(np.mean([len(test) / (len(pool) - len(test)) for test in tests])) if scheme == "cross-validation" else None
    return SplitPlan(plan, scheme, share)


def limited(plan: SplitPlan, corpus: LabelledCorpus, count: int, seed: int) -> SplitPlan:
    """The same plan with at most ``count`` examples for training and as many, ``SELECTING`` at most, for validation.

    What so many labels are worth. They are stratified by class and drawn anew in each replicate; the test parts stay whole.
    """
    labels = np.unique(np.array(corpus.labels), return_inverse=True)[1]
    found = []
    for replicate, splits in enumerate(plan.replicates):
        rng = np.random.default_rng([seed, 3, replicate])
        train = _drawn(splits.train, labels, count, rng)
        validation = _drawn(splits.validation, labels, min(count, SELECTING), rng)
        found.append(Splits(train, validation, splits.test))
    return dataclasses.replace(plan, replicates=found)


def _drawn(part: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    if len(part) <= count:
        return part
    return part[allocate(labels[part], np.arange(len(part)), np.array([1 - count / len(part), count / len(part)]), rng) == 1]


def components(corpus: LabelledCorpus) -> np.ndarray:
    """Per example the number of its unit: examples with the same text or the same group, and so on through both relations."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    relations = [corpus.keys] + ([corpus.groups] if corpus.groups else [])
    count = len(corpus)
    nodes, offset = [], count
    for relation in relations:
        keys = {key: number for number, key in enumerate(dict.fromkeys(relation))}
        nodes.append(np.fromiter((keys[key] for key in relation), np.int64, count) + offset)
        offset += len(keys)
    edges = (np.tile(np.arange(count), len(nodes)), np.concatenate(nodes))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(offset, offset))
    return connected_components(graph, directed=False)[1][:count]


def allocate(labels: np.ndarray, units: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part (0 to len(shares)-1) of every example: stratified by label, units undivided, no part empty.

    Units of several examples go first, the largest before the others, each where its classes and the total are furthest below their
    shares. Single examples then fill every class up to its shares; roundings carry over to the next class, so that the sizes of the
    parts are right too.
    """
    _, labels = np.unique(labels, return_inverse=True)
    _, units, sizes = np.unique(units, return_inverse=True, return_counts=True)
    part = np.full(len(labels), -1)
    held = np.zeros((len(shares), labels.max() + 1))
    order = np.argsort(units, kind="stable")
    members = np.split(order, np.cumsum(sizes)[:-1])
    shuffled = rng.permutation(np.flatnonzero(sizes > 1))
    seen = np.zeros(held.shape[1])
    for unit in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        counts = np.bincount(labels[members[unit]], minlength=len(seen))
        seen += counts
        lacking = np.outer(shares, seen) - held
        chosen = np.argmax(lacking @ (counts > 0) + lacking.sum(axis=1))
        part[members[unit]] = chosen
        held[chosen] += counts
    _fill(part, labels, held, shares, rng)
    _leave_no_part_empty(part, members, len(shares))
    return part


def _fill(part: np.ndarray, labels: np.ndarray, held: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> None:
    carry = np.zeros(len(shares))
    for label in rng.permutation(held.shape[1]):
        free = rng.permutation(np.flatnonzero((labels == label) & (part < 0)))
        wanted = np.maximum(shares * (held[:, label].sum() + len(free)) - held[:, label], 0)
        wanted *= len(free) / max(wanted.sum(), 1e-9)
        counts = _whole(np.maximum(wanted + carry, 0), len(free))
        carry += wanted - counts
        part[free] = np.repeat(np.arange(len(shares)), counts)


def _whole(wanted: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers near ``wanted`` that add up to ``total`` (largest remainders)."""
    wanted = wanted * (total / max(wanted.sum(), 1e-9))
    counts = np.floor(wanted + 1e-9).astype(np.int64)
    largest = np.argsort(counts - wanted, kind="stable")[: total - counts.sum()]
    counts[largest] += 1
    return counts


def _leave_no_part_empty(part: np.ndarray, members: list[np.ndarray], parts: int) -> None:
    """An empty part gets the smallest unit of a part that keeps another."""
    for empty in sorted(set(range(parts)) - set(part.tolist())):
        unit_parts = part[[unit[0] for unit in members]]
        keeps_another = np.bincount(unit_parts, minlength=parts)[unit_parts] > 1
        smallest = min(np.flatnonzero(keeps_another), key=lambda unit: len(members[unit]))
        part[members[smallest]] = empty


def _tests(
    pool: np.ndarray, given: np.ndarray, labels: np.ndarray, units: np.ndarray, replicates: int, seed: int
) -> tuple[list[np.ndarray], str]:
    if len(given):
        return [given] * replicates, "given test"
    rng = np.random.default_rng([seed, 1])
    if len(pool) >= HOLDOUT_FROM:
        share = min(0.1, MAX_TEST / len(pool))
        test = pool[allocate(labels[pool], units[pool], np.array([1 - share, share]), rng) == 1]
        return [test] * replicates, "holdout"
    folds = min(max(replicates, FOLDS), len(np.unique(units[pool])))
    fold = allocate(labels[pool], units[pool], np.full(folds, 1 / folds), rng)
    return [pool[fold == replicate % folds] for replicate in range(replicates)], "cross-validation"


def _validation(rest: np.ndarray, labels: np.ndarray, units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    classes = len(np.unique(labels[rest]))
    size = min(max(len(rest) / 10, MIN_VALIDATION, classes), MAX_VALIDATION, len(rest) / 5)
    share = size / len(rest)
    return rest[allocate(labels[rest], units[rest], np.array([1 - share, share]), rng) == 1]


def _check_classes(corpus: LabelledCorpus, plan: list[Splits], labels: np.ndarray) -> None:
    """Raises :class:`UserError` where groups that stay together leave a single class to learn from."""
    alone = [splits for splits in plan if len(np.unique(labels[splits.train])) == 1]
    if corpus.groups and len(corpus.classes) > 1 and alone:
        only = corpus.labels[alone[0].train[0]]
        raise UserError(
            f"{corpus.source}: with groups undivided a training part holds nothing but '{only}'",
            expected="every class in several groups",
            fix="another --group, or none",
        )


def _check_divisible(corpus: LabelledCorpus, units: np.ndarray, missing: list[Split]) -> None:
    distinct, parts = len(np.unique(units)), 1 + len(missing)
    if distinct < parts + (Split.TEST in missing):
        what = "groups and distinct examples" if corpus.groups else "distinct examples"
        raise UserError(
            f"{corpus.source} has {distinct} {what} to divide into {', '.join([Split.TRAIN, *missing])}",
            expected=f"{parts + (Split.TEST in missing)} or more",
        )
