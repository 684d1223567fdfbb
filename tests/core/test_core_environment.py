"""The source hash changes with the code that decides numbers, and with no other."""

import shutil
from pathlib import Path

import pytest

from seqwise.core import environment


@pytest.fixture
def hash_of_copy(tmp_path, monkeypatch):
    """A copy of the sources and a function that hashes it."""
    root = tmp_path / "seqwise"
    shutil.copytree(Path(environment.__file__).parent.parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(environment, "__file__", str(root / "core" / "environment.py"))
    return root, environment.source_hash.__wrapped__


@pytest.mark.parametrize(
    "name",
    [
        "training/loop.py",
        "models/mixers/lstm.py",
        "kernels/lstm/reference.py",
        "data/splits.py",
        "tasks/text_classification.py",
        "comparison/statistics.py",
        "comparison/verdict.py",
        "comparison/search.py",
        "comparison/trial.py",
    ],
)
def test_a_deciding_file_changes_the_hash(hash_of_copy, name):
    root, source_hash = hash_of_copy
    before = source_hash()
    with (root / name).open("a") as file:
        file.write("\n")
    assert source_hash() != before


@pytest.mark.parametrize(
    "name",
    [
        "cli/compare.py",
        "report/html.py",
        "comparison/page.py",
        "comparison/page_results.py",
        "comparison/wording.py",
        "comparison/summary.py",
        "comparison/card.py",
        "comparison/verdict_text.py",
        "tasks/text_classification_page.py",
    ],
)
def test_a_file_that_draws_does_not(hash_of_copy, name):
    root, source_hash = hash_of_copy
    before = source_hash()
    with (root / name).open("a") as file:
        file.write("\n")
    assert source_hash() == before


def test_a_new_deciding_file_changes_the_hash(hash_of_copy):
    root, source_hash = hash_of_copy
    before = source_hash()
    (root / "models" / "mixers" / "new.py").write_text("")
    assert source_hash() != before


def test_the_environment_is_described():
    versions = environment.package_versions()
    assert versions["torch"][0].isdigit()
    assert set(versions) == set(environment.PACKAGES)
    assert environment.core_count() >= 1
    assert environment.cpu_name()


def test_a_package_that_is_absent_is_said_so(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package-at-all",))
    assert environment.package_versions() == {"no-such-package-at-all": "not installed"}
