"""The site is built without a warning, and its reference has every public name and every command."""

from __future__ import annotations

import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hpo.cli import cli
from hpo.plan.fields import FIELDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("sphinx") is None, reason="Sphinx comes with the extra docs"
    ),
]
ROOT = Path(__file__).parents[1]


def build(root: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-P",
        "-m",
        "sphinx",
        "-W",
        "-n",
        "--keep-going",
        "-q",
        "docs",
        "site",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=root, env=environment, check=False, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, and the files beside them to which they link."""
    root = tmp_path_factory.mktemp("site")
    for name in ("docs", "hpo", "scripts", "tests"):
        hidden = shutil.ignore_patterns("_build", "reference", "__pycache__")
        shutil.copytree(ROOT / name, root / name, ignore=hidden)
    for name in ("pyproject.toml", *(path.name for path in ROOT.glob("*.md"))):
        shutil.copy(ROOT / name, root / name)
    done = build(root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return root


def shown(root: Path, page: str) -> str:
    return (root / "site" / "reference" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["hpo", "trainer", "studies"])
def test_every_public_name_is_in_the_reference(copied: Path, package: str) -> None:
    anchors = set(re.findall(r'id="([^"]+)"', shown(copied, "python.html")))
    for name in importlib.import_module(package).__all__:
        assert {f"{package}.{name}", f"module-{package}.{name}"} & anchors, name


def test_every_command_is_in_the_reference(copied: Path) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", shown(copied, "commands.html")))
    for name in cli.commands:
        assert f"Usage: hpo {name} " in text


def test_every_field_of_a_plan_is_in_the_reference(copied: Path) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", shown(copied, "plan.html")))
    for name in FIELDS:
        assert re.search(rf"^(#|\[)?{name}( =|\])", text, re.M), name


@pytest.mark.parametrize(
    "link", ["[a](absent.md)", "[a](laws.md#absent)", "[a](../absent.md)", "[a](../absent.py)"]
)
def test_a_broken_link_fails(copied: Path, link: str) -> None:
    page = copied / "docs" / "releasing.md"
    before = page.read_text(encoding="utf-8")
    page.write_text(f"{before}\n{link}\n", encoding="utf-8")
    try:
        done = build(copied)
    finally:
        page.write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert "releasing.md" in done.stderr
