"""The README's file tree is what the files say of themselves. ``python tests/test_readme.py`` writes it anew."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
START, END = "<!-- tree -->\n```\n", "```\n<!-- /tree -->"


def first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n")[0].replace("``", "").rstrip(".")


def tree() -> str:
    lines = []
    package = ROOT / "src" / "seqwise"
    for folder in [package, *sorted(path for path in package.rglob("*") if path.is_dir() and path.name != "__pycache__")]:
        modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
        if not (folder / "__init__.py").exists() and not modules:
            continue
        depth = len(folder.relative_to(package).parts)
        about = first_line(folder / "__init__.py") if (folder / "__init__.py").exists() else ""
        lines.append(f"{'  ' * depth}{folder.name + '/':{30 - 2 * depth}} {about}".rstrip())
        lines += [f"{'  ' * (depth + 1)}{path.name:{28 - 2 * depth}} {first_line(path)}".rstrip() for path in modules]
    return "\n".join(lines) + "\n"


def test_tree_lists_every_file():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.partition(START)[2].partition(END)[0] == tree(), "run python tests/test_readme.py"


if __name__ == "__main__":
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = readme.partition(START)
    (ROOT / "README.md").write_text(before + START + tree() + END + rest.partition(END)[2], encoding="utf-8")
    sys.exit(0)
