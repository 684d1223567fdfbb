"""The compiled loops of this machine, or why there are none."""

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import torch

from seqwise.core.errors import UserError, did_you_mean

VERSION = 2
"""Of what ``loops.c`` and its callers agree on."""
DECODE = [*([ctypes.c_void_p] + [ctypes.c_long] * 3), *([ctypes.c_void_p] * 4), ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
HERE = Path(__file__).parent
_chosen: ContextVar[str | None] = ContextVar("seqwise_instruction_set", default=None)


@functools.cache
def _loaded() -> tuple[ctypes.CDLL | None, str]:
    """The library; or None, and the reason."""
    files = sorted(HERE.glob("_loops*.so")) + sorted(HERE.glob("_loops*.pyd"))
    if not files:
        return None, "not compiled: no C compiler was found when the package was installed; install one, then the package again"
    try:
        library = ctypes.CDLL(str(files[0]))
        library.seqwise_version.restype = library.seqwise_wide.restype = ctypes.c_long
        loops = (library.seqwise_forward, library.seqwise_backward, library.seqwise_scan_forward, library.seqwise_scan_backward)
        library.seqwise_decode.argtypes = DECODE
        found = library.seqwise_version()
    except (OSError, AttributeError) as error:
        return None, f"{files[0].name} cannot be used ({error}): install the package again"
    if found != VERSION:
        return None, f"{files[0].name} is of version {found}, not {VERSION}: install the package again"
    library.seqwise_set.restype = ctypes.c_char_p
    library.seqwise_set.argtypes = [ctypes.c_long]
    library.seqwise_wide.argtypes = [ctypes.c_long, ctypes.c_long]
    library.seqwise_pool.argtypes = [ctypes.c_void_p]
    library.seqwise_pool(_pool())
    os.register_at_fork(after_in_child=lambda: library.seqwise_pool(None))
    for loop in loops:
        loop.argtypes = [ctypes.c_void_p, ctypes.c_long]
    return library, ""


def _pool() -> int | None:
    """The address of ``GOMP_parallel`` in the libgomp that torch has loaded. It is of no use in a forked process: its threads are gone."""
    home = str(Path(torch.__file__).parent)
    try:
        files = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libgomp" in line}
        return next(ctypes.cast(ctypes.CDLL(file).GOMP_parallel, ctypes.c_void_p).value for file in files if file.startswith(home))
    except (OSError, AttributeError, StopIteration):
        return None


@functools.cache
def _sets() -> dict[str, int]:
    """Names and places of the instruction sets that this processor has, the fastest first."""
    library, _ = _loaded()
    found, place = {}, 0
    while library is not None and (name := library.seqwise_set(place)) is not None:
        if name:
            found[name.decode()] = place
        place += 1
    return found


def instruction_sets() -> list[str]:
    """The fastest first; none where the loops are not there."""
    return list(_sets())


def available() -> bool:
    return _loaded()[0] is not None


def reason() -> str:
    """Why the loops are not there; empty where they are."""
    return _loaded()[1]


@contextlib.contextmanager
def instructions(name: str) -> Iterator[None]:
    """Use another instruction set than the fastest inside the block. Raises :class:`UserError` for one that is not there."""
    if name not in _sets():
        raise UserError(f"there is no instruction set '{name}' here", fix=did_you_mean(name, instruction_sets()) if _sets() else reason())
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def library() -> tuple[ctypes.CDLL, int]:
    """The library, and the place of the instruction set that is used. Raises :class:`UserError` where the loops are not there."""
    found, why = _loaded()
    if found is None:
        raise UserError("the loops in C are not there", expected="backend 'auto', or one of torch's", fix=why)
    chosen = _chosen.get()
    return found, _sets()[chosen] if chosen else next(iter(_sets().values()))
