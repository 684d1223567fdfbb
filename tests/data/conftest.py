"""Real data where the machine has it."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data():
    """A function from a data set's name to its folder; skips the test where the folder is absent."""
    root = Path(os.environ.get("SEQWISE_DATA", "../shared/data"))

    def folder(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"no data set {name} in {root} (set SEQWISE_DATA)")
        return root / name

    return folder
