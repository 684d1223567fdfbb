"""What a number was measured on: packages, processor, and the source that produced it."""

import functools
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "datasets",
    "scikit-learn",
    "scipy",
    "numpy",
    "safetensors",
    "sacrebleu",
    "jiwer",
    "soundfile",
)


def package_versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


DECIDING = ("kernels/", "models/", "data/", "tasks/", "training/", "comparison/")
DRAWING = ("page", "wording", "summary", "card", "verdict_text", "said", "deliver")
"""Modules, by the start of a name, that draw and say and decide no number."""


@functools.cache
def source_hash() -> str:
    """SHA-256 over the files, in Python and C, that decide a number: where the code changes, a plan is another plan."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(path for ending in ("py", "c", "h") for path in root.rglob(f"*.{ending}")):
        name = path.relative_to(root).as_posix()
        if name.startswith(DECIDING) and not path.name.startswith(DRAWING) and not path.stem.endswith("_page"):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
