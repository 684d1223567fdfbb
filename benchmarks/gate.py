"""No speed of wrong numbers: the kernels' and the conformance tests first."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from figures import Bench, Skipped

from seqwise.core.environment import source_hash
from seqwise.core.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[1]
NO_GATE = {"passed": None, "said": "not run"}


def run_gate() -> dict[str, Any]:
    """Run the tests; returns whether they passed, and their last line."""
    arguments = [sys.executable, "-m", "pytest", "tests/kernels", "tests/conformance", "-q"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines() or ["no output"]
    return {"passed": done.returncode == 0, "said": lines[-1], "source_sha256": source_hash()}


def require_gate(bench: Bench) -> dict[str, Any]:
    """The gate's result for the source as it is, from disk where it is there.

    Raises :class:`Skipped` where the tests fail.
    """
    path = bench.out / "gate.json"
    found = read_json(path) if path.exists() else {}
    if not found.get("passed") or found["source_sha256"] != source_hash():
        print("running the kernels' and the conformance tests first", flush=True)
        found = run_gate()
        write_json(path, found)
    if not found["passed"]:
        raise Skipped(f"no speed is reported: the kernels' or the conformance tests fail ({found['said']})")
    return found
