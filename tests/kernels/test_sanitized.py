"""The loops in C under the sanitizers of the compiler: no address outside of its array, nothing undefined."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"][0]
COMPILER = shutil.which("gcc")
CHECKS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fPIC", "-shared"]


def runtime(name: str) -> str:
    found = subprocess.run([COMPILER, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
    if not Path(found).is_absolute():
        pytest.skip(f"this compiler has no {name}")
    return found


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="there is no gcc")
def test_the_tests_of_the_loops_under_address_and_undefined_behaviour_sanitizers(tmp_path):
    """A fork under them ends in their own report of the parent's threads, so that one is left out."""
    preload = f"{runtime('libasan.so')} {runtime('libubsan.so')}"
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info"))
    arguments = [argument for argument in SETTINGS["extra-compile-args"] if argument not in ("-O3", "-g0")]
    target = tmp_path / "src" / "seqwise" / "kernels" / "c" / "_loops.abi3.so"
    subprocess.run([COMPILER, *arguments, *CHECKS, *(str(ROOT / s) for s in SETTINGS["sources"]), "-o", str(target)], check=True)
    tests = sorted(str(path) for path in Path(__file__).parent.glob("test_c_*.py"))
    settings = {"LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONPATH": str(tmp_path / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not fork", "-m", "not slow", *tests]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "passed" in done.stdout
