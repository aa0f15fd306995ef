"""What Windows lacks is missed by no command, or is refused in one line that names what to leave out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import windows

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows is simulated on Linux")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str], Path]:
    """The lines of a process in which all commands ran: those printed, and the errors; and its folder."""
    folder = tmp_path_factory.mktemp("windows")
    root = Path(windows.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "tests.windows", str(folder)],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines(), folder


@pytest.mark.parametrize("command", windows.DONE)
def test_searches_and_what_reads_them_run_on_windows(
    command: str, simulated: tuple[list[str], list[str], Path]
) -> None:
    assert f"0 {command}" in simulated[0]


@pytest.mark.parametrize("command", windows.REFUSED)
def test_what_windows_cannot_do_is_refused(
    command: str, simulated: tuple[list[str], list[str], Path]
) -> None:
    assert f"2 {command}" in simulated[0]


def test_each_refusal_is_one_line(simulated: tuple[list[str], list[str], Path]) -> None:
    _, errors, folder = simulated
    told = [line for line in errors if line.startswith("Error: ")]
    assert len(told) == len(windows.REFUSED)
    assert all("only Linux and macOS" in line for line in told)
    assert (folder / "own.html").exists()
    assert (folder / "wine.hpo").exists()
