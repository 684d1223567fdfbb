"""Packages import only from those above them, nothing imports itself in a circle, and importing the package is light."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import seqwise
from seqwise.core.registry import Registry

ROOT = Path(seqwise.__file__).parent
ORDER = (
    "core",
    "zoo",
    "report",
    "kernels",
    "models",
    "nn",
    "data",
    "tasks",
    "training",
    "comparison",
    "pretraining",
    "textbook",
    "predictor",
    "generator",
    "api",
    "cli",
    "__main__",
)
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path, *, top_level: bool = False) -> set[str]:
    """Modules of the package that a file imports, at its top level only or anywhere, also for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {name if (name := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names}
    return {name for name in found if name == "seqwise" or name.startswith("seqwise.")}


def package_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", [path for path in FILES if path.parent != ROOT or path.stem in ORDER], ids=module_of)
def test_imports_come_from_above(path):
    place = ORDER.index(package_of(module_of(path)))
    for name in imported(path):
        assert name != "seqwise", "imports the whole package"
        assert ORDER.index(package_of(name)) <= place, f"{module_of(path)} imports {name}"


def test_every_package_has_its_place():
    assert {package_of(name) for name in MODULES if name != "seqwise"} <= set(ORDER)


def test_no_circles():
    graph = {name: imported(path, top_level=True) - {name} for name, path in MODULES.items()}
    assert len(tuple(TopologicalSorter(graph).static_order())) >= len(MODULES)


def in_a_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("module", ["seqwise", "seqwise.cli", "seqwise.api"])
def test_importing_it_is_light(module):
    heavy = ("torch", "transformers", "datasets", "sklearn", "scipy", "pandas", "accelerate")
    said = in_a_new_process(f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])")
    assert said == "[]"


def test_every_public_name_is_there():
    for name in seqwise.__all__:
        assert getattr(seqwise, name) is not None
        assert name in dir(seqwise)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = seqwise.nothing


def registries() -> dict[str, Registry]:
    """Every registry that a module, a table of registries or a task holds."""
    from seqwise.kernels import KERNELS
    from seqwise.tasks import TASKS

    found = {f"{table} kernels": registry for table, registry in KERNELS.items()}
    found |= {f"{name} baselines": TASKS[name].baselines for name in TASKS}
    for module in MODULES:
        members = vars(import_module(module)).items()
        found |= {f"{module}.{name}": value for name, value in members if type(value) is Registry}
    return found


def test_every_registry_entry_resolves():
    found = registries()
    assert {"seqwise.models.mixers.MIXERS", "seqwise.tasks.TASKS", "seqwise.data.tables.DEMOS"} <= set(found)
    for name, table in found.items():
        assert len(table) > 0, name
        assert all(callable(table[entry]) for entry in table), name
