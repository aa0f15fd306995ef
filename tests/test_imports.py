"""The house's rules on who may import whom, held by reading every import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("hpo", "trainer", "studies")
MAY_USE_ALL = {"__init__", "errors", "operations", "run", "trainables", "cli", "display"}
NEED_MORE_THAN_NUMPY = {
    "sources",
    "tables",
    "encoding",
    "splits",
    "estimator",
    "labels",
    "model_file",
    "population",
}
IN_A_PROCESS_OF_ITS_OWN = {"worker": "threadpoolctl"}


def imported(path: Path) -> set[str]:
    """The top-level packages a file imports, anywhere in it, but for those that only type checkers see."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "studies.words":
            return  # how things are written: it knows nothing of ours, and anyone may use it
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(str(node.module).split(".")[0])
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return found


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("package", ["trainer", "studies"])
def test_trainer_and_studies_know_neither_each_other_nor_hpo(package: str) -> None:
    others = set(PACKAGES) - {package}
    for path in files(package):
        assert not imported(path) & others, path


def test_in_hpo_only_a_few_modules_touch_trainer_and_studies() -> None:
    for path in files("hpo"):
        if path.match("plan/*.py") and "trainer" in imported(path):
            # The table of the network's fields is the one thing that a plan knows of the trainer.
            assert set(re.findall(r"from (trainer\S*)", path.read_text())) == {"trainer.fields"}
            continue
        module = path.relative_to(ROOT / "hpo").parts[0].removesuffix(".py")
        if module not in MAY_USE_ALL:
            assert not imported(path) & {"trainer", "studies"}, path


def test_the_trainer_needs_numpy_alone_outside_its_doors() -> None:
    for path in files("trainer"):
        if path.stem not in NEED_MORE_THAN_NUMPY:
            third_party = imported(path) - set(sys.stdlib_module_names) - {"trainer"}
            assert third_party <= {
                "numpy",
                "lazy_loader",
                IN_A_PROCESS_OF_ITS_OWN.get(path.stem),
            }, path


def test_every_folder_at_the_top_is_one_of_the_house() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    folders = {name.split("/")[0] for name in tracked if "/" in name}
    assert folders == {"hpo", "trainer", "studies", "scripts", "tests", ".ci"}


def test_help_imports_nothing_heavy() -> None:
    heavy = [
        "numpy",
        "pandas",
        "matplotlib",
        "optuna",
        "sklearn",
        "scipy",
        "sqlalchemy",
        "pydantic",
        "rich",
    ]
    code = f"""
import sys
from hpo.cli import cli
try:
    cli.main(["--help"])
except SystemExit:
    pass
heavy = [name for name in {heavy!r} if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
