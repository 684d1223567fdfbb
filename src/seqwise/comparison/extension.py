"""The space extended: where any model's kept setting lies on its edge, every model of the replicate tries one more, beyond it."""

from collections.abc import Iterable, Sequence

from seqwise.comparison.search import SHARED, Dimension

BEYOND = 0.25
"""How far outside the extended setting lies, as a share of the range."""

End = tuple[int, float]
"""A shared dimension, and the share that lies beyond one of its two ends."""


def reached_ends(points: Iterable[Sequence[float]], dimensions: Sequence[Dimension]) -> set[End]:
    """The ends of the shared ``dimensions`` that one of the kept points lies on."""
    return {
        (index, _beyond(point[index]))
        for point in points
        for index, dimension in enumerate(dimensions[:SHARED])
        if dimension.on_edge(point[index])
    }


def extended(point: Sequence[float], ends: set[End]) -> list[float]:
    """The point moved beyond every end; where both ends of one dimension were reached, beyond the nearer one."""
    moved = list(point)
    for index in {index for index, _ in ends}:
        moved[index] = min((share for i, share in ends if i == index), key=lambda share: abs(share - point[index]))
    return moved


def _beyond(share: float) -> float:
    return -BEYOND if share < 0.5 else 1 + BEYOND
