"""What a shell is told to complete, and that real shells do."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hpo import cli
from studies.database.store import create_store
from tests.running import HPO

Complete = Callable[[str], list[str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a database of three studies; it is where we are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    with create_store("sqlite:///hpo.db") as store:
        for name in ("digits", "digits-2", "my wine"):
            with store.create_study(
                name, direction="maximize", plan="{}", metric="m", data_hash="", provenance={}
            ):
                pass
    return tmp_path


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """What bash is told for what stands before the cursor."""

    def completed(line: str) -> list[str]:
        monkeypatch.setenv("_HPO_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        with pytest.raises(SystemExit) as ended:
            cli.run([])
        assert ended.value.code == 0
        out, error = capsys.readouterr()
        assert error == ""
        return [told.removeprefix("plain,") for told in out.splitlines() if told]

    return completed


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("hpo re", ["report", "reproduce", "resume"]),
        ("hpo search di", ["file,di", "digits", "diabetes"]),
        ("hpo search pen", ["file,pen"]),
        ("hpo search --sampler t", ["thompson", "tpe"]),
        ("hpo search --metric r", ["roc_auc", "rmse", "r2"]),
        ("hpo search --direction ", ["maximize", "minimize"]),
        ("hpo search --activation g", ["gelu"]),
        ("hpo search --optimizer adam", ["adam", "adamw"]),
        ("hpo search --config st", ["file,st"]),
        ("hpo export digits --table e", ["epochs"]),
        ("hpo completion ", ["bash", "zsh", "fish"]),
        ("hpo show d", ["digits", "digits-2"]),
        ("hpo report m", ["'my wine'"]),
    ],
)
@pytest.mark.usefixtures("folder")
def test_commands_options_choices_files_and_studies_are_completed(
    line: str, told: list[str], complete: Complete
) -> None:
    assert complete(line) == told


@pytest.mark.parametrize("command", ["show", "resume", "export", "report", "reproduce"])
def test_studies_are_those_of_the_storage_that_is_given(
    command: str, folder: Path, complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "hpo.db").rename(folder / "other.db")
    assert complete(f"hpo {command} d") == []
    assert complete(f"hpo {command} --storage sqlite:///other.db d") == ["digits", "digits-2"]
    monkeypatch.setenv("HPO_STORAGE", "sqlite:///other.db")
    assert complete(f"hpo {command} d") == ["digits", "digits-2"]


def test_where_there_is_no_database_nothing_is_told_and_none_is_made(
    tmp_path: Path, complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.db").write_text("no database\n")
    for storage in ("sqlite:///hpo.db", "sqlite:///text.db", "nonsense", "mysql://me@host/d"):
        monkeypatch.setenv("HPO_STORAGE", storage)
        assert complete("hpo show ") == []
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


TYPED = {
    "bash": (["--norc", "--noprofile"], "source <(hpo completion bash)"),
    "zsh": (["-f"], "autoload -U compinit; compinit -u -D; source <(hpo completion zsh)"),
}


@pytest.mark.parametrize("shell", TYPED)
def test_a_shell_completes_what_is_typed(shell: str, folder: Path) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    options, setting_up = TYPED[shell]
    environment = os.environ | {
        "PATH": f"{HPO.parent}:{os.environ['PATH']}", "TERM": "xterm", "PS1": "", "HOME": str(folder),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", path, *options, "-i"],
        cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
    ) as terminal:  # fmt: skip
        try:
            assert terminal.stdin is not None
            terminal.stdin.write(f"{setting_up}; echo re''ady\r".encode())
            seen(terminal, r"[\r\n]ready")
            terminal.stdin.write(b"hpo sho\tm\t--js\t")
            seen(terminal, r"hpo show ('my wine'|my\\ wine) --json")
        finally:
            terminal.kill()


def seen(terminal: subprocess.Popen[bytes], pattern: str) -> None:
    """Wait until a terminal shows something."""
    assert terminal.stdout is not None
    shown, patience = "", time.monotonic() + 30
    while not re.search(pattern, shown):
        assert time.monotonic() < patience, shown
        if select.select([terminal.stdout], [], [], 1)[0]:
            shown += os.read(terminal.stdout.fileno(), 65536).decode()
            # Without what moves the cursor, and what is shown in a place of what was there.
            shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\n]\x08|\x07", "", shown)


def test_fish_completes(folder: Path) -> None:
    path = shutil.which("fish")
    if path is None:
        pytest.skip("no fish here")
    asked = 'hpo completion fish | source; complete -C "hpo show d"; complete -C "hpo show --js"'
    environment = os.environ | {"PATH": f"{HPO.parent}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(
        [path, "--no-config", "-c", asked], cwd=folder, env=environment, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        "digits", "digits-2", "--json",
    ]  # fmt: skip
