"""The acceptance checks that are programs of their own, where the machine has them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACCEPTANCE = Path(os.environ.get("SEQWISE_ACCEPTANCE", Path(__file__).parents[2] / "../shared/acceptance"))


@pytest.mark.slow
def test_bad_input():
    script, program = ACCEPTANCE / "bad_input.sh", Path(sys.executable).parent / "seqwise"
    if not script.exists() or not program.exists():
        pytest.skip(f"no {script} or no {program} (set SEQWISE_ACCEPTANCE)")
    said = subprocess.run(["bash", str(script), str(program)], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
