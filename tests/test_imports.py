"""What the contracts on imports (pyproject.toml, checked by scripts/check) can't say, and what a command imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("hpo", "trainer", "studies")
MORE_THAN_NUMPY = {  # its doors, and what each needs
    "trainer": {"lazy_loader"},
    "trainer.data": {"charset_normalizer", "lazy_loader", "pandas", "pyarrow", "sklearn"},
    "trainer.estimator": {"sklearn", "threadpoolctl"},
    "trainer.labels": {"scipy", "sklearn"},
    "trainer.model": {"pandas", "scipy", "sklearn"},
    "trainer.model_file": {"pandas", "safetensors"},
    "trainer.onnx_file": {"onnx"},
    "trainer.onnx_graph": {"onnx"},
    "trainer.population": {"threadpoolctl"},
    "trainer.references": {"pandas", "sklearn", "threadpoolctl"},
    "trainer.worker": {"threadpoolctl"},
}


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """All that each module of ours imports, in functions and for type checkers, too, and where lazy names come from."""
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)
    ours = {module for module in graph.modules if module.split(".")[0] in PACKAGES}
    imported = {module: graph.find_modules_directly_imported_by(module) for module in ours}
    for package in PACKAGES:
        for stub in (ROOT / package).rglob("__init__.pyi"):
            door = ".".join(stub.relative_to(ROOT).parent.parts)
            for node in ast.walk(ast.parse(stub.read_text())):
                if isinstance(node, ast.ImportFrom):
                    names = [node.module] if node.module else [name.name for name in node.names]
                    imported[door] |= {f"{door}.{name}" for name in names}
    return imported


def test_no_circle_of_modules(imports: dict[str, set[str]]) -> None:
    TopologicalSorter(imports).prepare()  # raises CycleError, which names one


def test_the_trainer_needs_numpy_alone_outside_its_doors(imports: dict[str, set[str]]) -> None:
    for module, imported in imports.items():
        names = {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names)
        door = ".".join(module.split(".")[:2])
        if module.startswith("trainer"):
            assert names <= {"trainer", "numpy"} | MORE_THAN_NUMPY.get(door, set()), module


def test_every_folder_at_the_top_is_one_of_the_house() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    folders = {name.split("/")[0] for name in tracked if "/" in name}
    assert folders == {"hpo", "trainer", "studies", "docs", "scripts", "tests", ".ci", ".github"}


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


def test_the_service_starts_without_what_only_some_requests_need() -> None:
    heavy = ["pandas", "matplotlib", "sklearn", "scipy", "optuna"]
    code = f"""
import sys
import hpo.serve.running
heavy = [name for name in {heavy!r} if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_every_file_holds_one_idea() -> None:
    """A file of 350 lines has grown past one."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for package in ("hpo", "trainer", "studies")
        for path in (ROOT / package).rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length >= 350} == {}
