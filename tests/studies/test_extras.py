"""What a message says installs an extra, by where this distribution came from."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

import hpo
from studies import extras

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://example.org/hpo.git"
ORIGINS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "a package index": (None, "'hpo-rounds[gp]'"),
    "a clone": (
        {"url": "file:///home/me/a%20clone", "dir_info": {"editable": True}},
        "-e '/home/me/a clone[gp]'",
    ),
    "a folder": ({"url": "file:///home/me/hpo", "dir_info": {}}, "'/home/me/hpo[gp]'"),
    "a file": (
        {"url": "file:///home/me/x.whl", "archive_info": {"hash": "sha256=0"}},
        "'/home/me/x.whl[gp]'",
    ),
    "a file elsewhere": (
        {"url": "https://example.org/x.whl", "archive_info": {}},
        "'hpo-rounds[gp] @ https://example.org/x.whl'",
    ),
    "a branch": (
        {
            "url": REPOSITORY,
            "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "ab12"},
        },
        f"'hpo-rounds[gp] @ git+{REPOSITORY}@main'",
    ),
    "a commit": (
        {"url": REPOSITORY, "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
        f"'hpo-rounds[gp] @ git+{REPOSITORY}@ab12'",
    ),
}


class Installed:
    """A distribution as pip left it."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return json.dumps(self.origin) if self.origin else None


@pytest.mark.parametrize(("origin", "what"), ORIGINS.values(), ids=ORIGINS)
def test_an_extra_is_installed_from_where_we_came_from(
    origin: dict[str, Any] | None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "distribution", lambda _: Installed(origin))
    assert extras.command("gp") == f"pip install {what}"


def test_a_folder_that_nobody_installed_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "distribution", missing)
    assert extras.command("gp") == f"pip install -e '{ROOT}[gp]'"


def test_this_clone_is_named() -> None:
    assert extras.command("postgres") == f"pip install -e '{ROOT}[postgres]'"


@pytest.mark.slow
def test_what_pip_recorded_of_a_wheel_is_understood(tmp_path: Path) -> None:
    """From a file pip records its path; from an index, here a folder of wheels, nothing."""

    def pip(*arguments: object) -> None:
        command = [sys.executable, "-m", "pip", "-q", "-q", *map(str, arguments)]
        subprocess.run(command, check=True)

    pip("wheel", ROOT, "--no-deps", "-w", tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    sources: dict[str, list[object]] = {
        f"'{wheel}[gp]'": [wheel],
        "'hpo-rounds[gp]'": ["--no-index", "--find-links", tmp_path, "hpo-rounds"],
    }
    for number, (what, source) in enumerate(sources.items()):
        folder = tmp_path / str(number)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = folder / "bin" / "python"
        pip("--python", python, "install", "--no-deps", *source)
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))  # what we depend on
        code = (
            "import hpo; from studies.extras import command; print(hpo.__version__, command('gp'))"
        )
        done = subprocess.run(
            [python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{hpo.__version__} pip install {what}\n"
