"""No speed of wrong numbers: the kernels' and the conformance tests first, whatever starts a benchmark of speed."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from figures import Bench, Findings, Skipped, print_figures, write_record

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


def run_alone(about: str, steps: Mapping[str, Callable[..., Findings]]) -> None:
    """The command line of a benchmark that is started by itself: run each step, write its record, print its figures."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, to see that it runs")
    parser.add_argument("--no-gate", action="store_true", help="measure without the conformance tests; the record says so")
    given = parser.parse_args()
    bench = Bench(out=given.out, data=Path("../shared/data"), quick=given.quick)
    for name, step in steps.items():
        begun = time.perf_counter()
        try:
            findings = step(bench, gated=not given.no_gate)
        except Skipped as reason:
            raise SystemExit(str(reason)) from None
        print_figures([write_record(bench, name, findings, time.perf_counter() - begun)])
