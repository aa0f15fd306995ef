"""No room: on the disk of the study, of a report, of the home folder, or behind stdout."""

# Law 5: nothing that is finished is lost.

from __future__ import annotations

import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import studies
from hpo import cli
from tests.running import HPO, Call, OneLine, Run, Tables, without_worker

PLAN = (
    "digits", "--trials", "150", "--finalists", "5", "--repeats", "3", "--epochs", "12",
    "--rows", "300", "--name", "d", "-q", "--storage",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> dict[str, bytes]:
    """The tables of the study when there is room enough."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('whole') / 'hpo.db'}"
    with without_worker():
        assert cli.run(["search", *PLAN, storage]) == 0
    return tables("d", storage)


def done_trials(storage: str) -> int:
    frame = studies.load("d", storage).trials_frame()
    return int((frame["state"] != "running").sum())


def test_a_search_on_a_full_disk_keeps_what_is_finished_and_goes_on_when_there_is_room(
    disk: Callable[[str], Path],
    call_hpo: Call,
    tables: Tables,
    whole: dict[str, bytes],
) -> None:
    file = disk("480k") / "hpo.db"
    storage = f"sqlite:///{file}"
    done = call_hpo(shlex.join(["search", *PLAN, storage]))
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    said = f"{file} can't be written: the disk is full; what was finished is kept"
    assert said in done.err
    shown = call_hpo(f"show d --storage {storage}")
    assert shown.status == 0, shown.err
    assert shown.out.startswith("d · interrupted · ")
    kept = done_trials(storage)
    assert 0 < kept < 135
    assert kept in (10, 45, 90)  # whole batches
    disk("20m")
    assert call_hpo(f"resume d -q --storage {storage}").status == 0
    assert tables("d", storage) == whole


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_told_as_that(
    tmp_path: Path, run_hpo: Run, tables: Tables, whole: dict[str, bytes]
) -> None:
    file = tmp_path / "hpo.db"
    storage, limit = f"sqlite:///{file}", 440_000
    done = subprocess.run(
        [HPO, "search", *PLAN, storage], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert f"{file} can't be written: files may not pass 440,000 bytes (ulimit -f)" in done.stderr
    assert 0 < done_trials(storage) < 135
    assert run_hpo("resume", "d", "-q", "--storage", storage).returncode == 0
    assert tables("d", storage) == whole


@pytest.mark.slow
def test_a_process_whose_search_found_no_room_can_go_on_with_it(
    tmp_path: Path, tables: Tables, whole: dict[str, bytes]
) -> None:
    program = f"""
import hpo, resource, studies
from studies.errors import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (440_000, resource.RLIM_INFINITY))
plan = dict(trials=150, finalists=5, repeats=3, epochs=12, rows=300, name="d", storage={f"sqlite:///{tmp_path}/hpo.db"!r})
try:
    hpo.search("digits", progress=False, **plan)
except StoreError as error:
    print(error)
print(studies.load("d", plan["storage"]).summary()["state"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
hpo.resume("d", storage=plan["storage"], progress=False)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "files may not pass 440,000 bytes (ulimit -f)" in done.stdout
    assert done.stdout.splitlines()[1] == "interrupted"
    assert tables("d", f"sqlite:///{tmp_path}/hpo.db") == whole


def test_a_study_is_shown_from_a_full_disk(
    stored: Path, disk: Callable[[str], Path], called: Call
) -> None:
    """In WAL mode SQLite makes files beside a database even to read it."""
    folder = disk("300k")
    file = Path(shutil.copy(stored, folder / "hpo.db"))
    room = os.statvfs(folder)
    (folder / "filling").write_bytes(bytes(room.f_bavail * room.f_frsize))
    for command in ("list", "show wine", "export wine"):
        done = called(f"{command} --storage sqlite:///{file}")
        assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("command", ["report wine", "export wine --table epochs"])
def test_a_full_disk_leaves_the_file_that_was_there(
    command: str, file: Path, disk: Callable[[str], Path], one_line: OneLine
) -> None:
    folder = disk("4k")
    page = folder / "page.html"
    page.write_text("good")
    content = b"x" * 4096 if "export" in command else b"good"
    if "export" in command:  # it is short
        page.write_bytes(content)
    said = one_line(f"{command} -o {page}")
    assert said == f"Error: can't write {page}: No space left on device\n"
    assert page.read_bytes() == content
    assert [path.name for path in folder.iterdir()] == ["page.html"]
    assert file.exists()


def test_a_file_is_replaced_whole_with_its_rights_and_through_a_link(
    file: Path, called: Call, tmp_path: Path
) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    page.write_text("old")
    page.chmod(0o640)
    link.symlink_to(page)
    assert called(f"report wine -o {link}").status == 0
    assert link.is_symlink()
    assert page.read_text().startswith("<!doctype html>")
    assert page.stat().st_mode & 0o777 == 0o640
    assert called("report wine -o /dev/null").status == 0
    assert not Path("/dev/null").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "hpo.db", "link.html", "mine.py", "page.html",
    ]  # fmt: skip
    assert file.exists()


@pytest.mark.parametrize(
    "command", ["export wine", pytest.param("show wine", marks=pytest.mark.slow)]
)
def test_a_full_disk_behind_stdout_is_told(command: str, file: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with full.open("wb") as out:
        done = subprocess.run(
            [HPO, *command.split()], cwd=file.parent, stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Error: can't write to stdout: No space left on device\n"


def test_a_full_disk_behind_stderr_does_not_end_a_search(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with full.open("wb") as err:
        done = subprocess.run(
            [HPO, "search", "wine", "--trials", "8", "--epochs", "1", "--finalists", "0"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=err, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith("wine · complete · 8 trials")


@pytest.mark.slow
def test_without_a_home_or_a_place_for_temporary_files_all_is_as_ever(
    file: Path, run_ordinary: Callable[..., list[Any]], tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir(mode=0o555)
    environment = dict.fromkeys(
        ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(nowhere)
    )
    where = f" --storage sqlite:///{file}"
    lines = (
        "search --trainer mine:train --space x=0:1 --trials 5 --epochs 1 -q", "show wine", "list",
        "export wine --format parquet -o w.parquet", "report wine -o w.html",
    )  # fmt: skip
    left = set(Path(tempfile.gettempdir()).glob("matplotlib-*"))
    done = run_ordinary(*(line + where for line in lines), MPLCONFIGDIR="", **environment)
    assert [(each.status, each.err) for each in done] == [(0, "")] * 4 + [(0, "w.html written\n")]
    assert set(Path(tempfile.gettempdir()).glob("matplotlib-*")) <= left
