"""What claims that measure time share: where something runs, and a clock that waits for the device."""

import contextlib
import time
from collections.abc import Iterator

import torch

from seqwise.core.environment import core_count

ALL, ONE, GPU = "all cores", "one thread", "gpu"
"""Where something is timed."""


def with_gpu(*places: str) -> tuple[str, ...]:
    """These places, and the GPU where there is one."""
    return (*places, GPU) if torch.cuda.is_available() else places


@contextlib.contextmanager
def placed(place: str) -> Iterator[torch.device]:
    """On the device and with the threads of a place; the threads are afterwards what they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(core_count() if place == ALL else 1)
    try:
        yield torch.device("cuda" if place == GPU else "cpu")
    finally:
        torch.set_num_threads(before)


def seconds_now(device: torch.device) -> float:
    """Monotonic, when the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
