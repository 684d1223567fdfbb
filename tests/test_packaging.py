"""What an installation gets: every file that is no module is named as package data, and the pretrained models load from a wheel."""

import fnmatch
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "seqwise"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def is_data(name: str) -> bool:
    """Whether a pattern of the package data names a file; a star stands for a part of one name, as setuptools has it."""
    parts = name.split("/")
    patterns = (pattern.split("/") for pattern in SETTINGS["package-data"]["seqwise"])
    return any(len(given) == len(parts) and all(map(fnmatch.fnmatchcase, parts, given)) for given in patterns)


def test_every_file_is_a_module_or_package_data():
    others = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".so")]
    assert len(others) > 4
    assert [name for path in others if not is_data(name := path.relative_to(PACKAGE).as_posix())] == []


@pytest.mark.parametrize(
    "file", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md", "record.json"]
)
def test_the_files_of_a_pretrained_model_are_package_data(file):
    assert is_data(f"zoo/models/lstm-tiny/{file}")
    assert not is_data(f"zoo/models/{file}")


def test_every_package_is_found():
    assert SETTINGS["packages"]["find"] == {"where": ["src"], "namespaces": False}
    expected = {".".join(path.parent.relative_to(ROOT / "src").parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(find_packages(ROOT / "src")) == expected


PROGRAM = """
import sys, seqwise
assert seqwise.__file__.startswith(sys.argv[1]), seqwise.__file__
from transformers import AutoModel
for name in sys.argv[2:]:
    model, tokenizer = seqwise.load(name)
    AutoModel.from_pretrained(seqwise.path(name))
    print(type(model).__name__, model.dtype, len(tokenizer("the river")["input_ids"]) > 0)
"""


@pytest.mark.slow
def test_models_load_from_an_installed_wheel(made, tmp_path):
    """The package with models made here, built and installed elsewhere."""
    source, names = tmp_path / "source", ("lstm-made", "transformer-made-mlm")
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in names:
        shutil.copytree(made / "models" / name, source / "src" / "seqwise" / "zoo" / "models" / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    quiet = {"check": True, "capture_output": True, "cwd": tmp_path}
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", "wheels", "./source"], **quiet)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(tmp_path / "installed"), str(wheel)], **quiet)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path / "installed"), *names], env=environment, **quiet, text=True)
    assert done.stdout.splitlines() == ["SeqwiseForCausalLM torch.float32 True", "SeqwiseForMaskedLM torch.float32 True"]
