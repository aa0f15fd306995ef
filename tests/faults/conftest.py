"""What the tests of faults share: a small study in a file, every command that opens one, and a full disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hpo import cli
from tests.running import Call, Done, without_worker

READING = ("list", "show wine", "export wine", "report wine -o r.html")
SEARCH = "search --trainer mine:train --space x=0:1 --trials 5 --epochs 1 -q"
QUICK = "--trials 10 --rounds 2 --epochs 2 --finalists 2 --repeats 2"
TRAINER = """
def train(params, *, epochs, seed):
    for _ in range(epochs):
        yield {"score": params["x"]}
"""
IN_ONE_PROCESS = """
import io, json, os, shlex, sys
from hpo import cli
given, done = sys.stdout, []
for line in sys.argv[1:]:
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in "oe")
    status = cli.run(shlex.split(line))
    texts = (stream.buffer.getvalue().decode() for stream in (sys.stdout, sys.stderr))
    done.append([status, *texts])
sys.stdout, sys.stderr = given, sys.__stderr__
print(json.dumps(done), flush=True)
os._exit(0)  # as the command itself ends
"""


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the study "wine", done. Not to be written to."""
    file = tmp_path_factory.mktemp("stored") / "hpo.db"
    search = f"search wine {QUICK} -q --storage sqlite:///{file}"
    with without_worker():
        assert cli.run(search.split()) == 0
    return file


@pytest.fixture
def file(stored: Path, tmp_path: Path) -> Path:
    """A copy of it, where commands look for it."""
    return Path(shutil.copy(stored, tmp_path / "hpo.db"))


@pytest.fixture
def called(tmp_path: Path, call_hpo: Call, undrawn: None) -> Call:
    """Run a command in this process, in a folder with a trainer. Its reports have no figures."""
    (tmp_path / "mine.py").write_text(TRAINER)
    return call_hpo


@pytest.fixture
def one_line(called: Call) -> Callable[..., str]:
    """Run a command that fails, and return the one line that it says on stderr."""

    def run(line: str, status: int = 1) -> str:
        done, out, err = called(line)
        assert (done, out) == (status, ""), (line, err)
        assert err.startswith("Error: "), (line, err)
        assert err.count("\n") == 1, (line, err)
        return err

    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of a size ("400k"), mounted; asked again, it has another size."""
    folder = tmp_path / "disk"

    def sized(size: str) -> Path:
        mounted = folder.is_mount()
        folder.mkdir(exist_ok=True)
        options = f"{'remount,' if mounted else ''}size={size}"
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"a disk can't be mounted here: {error}")
        return folder

    yield sized
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def ordinary() -> list[str]:
    """What to put in front of a command so that permissions hold for it, though the tests may run as root."""
    if os.geteuid() != 0:
        return []
    without = ["setpriv", "--bounding-set=-all"]
    try:
        subprocess.run([*without, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"root's rights can't be given up here: {error}")
    return without


@pytest.fixture
def run_ordinary(ordinary: list[str], tmp_path: Path) -> Callable[..., list[Done]]:
    """Run commands in an empty folder without root's rights: what each gave. One process for all, which is quicker."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "mine.py").write_text(TRAINER)

    def run(*lines: str, **environment: str) -> list[Done]:
        inherited = {k: v for k, v in os.environ.items() if k != "HPO_STORAGE"}
        done = subprocess.run(
            [*ordinary, sys.executable, "-c", IN_ONE_PROCESS, *lines],
            cwd=work, env=inherited | environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        return [Done(*each) for each in json.loads(done.stdout)]

    return run
