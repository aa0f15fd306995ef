"""A Python process in which hpo, trainer and studies find what they would find on Windows.

    python tests/windows.py FOLDER    runs COMMANDS there, and prints each with its exit status

Only the modules of these packages see it: the modules of the system lack for them what they lack there, `select` takes
only sockets, and asking whether a process lives by os.kill fails. Everything else, also the libraries, is of the system
that this runs on. Paths, locks of files and terminals are therefore not proven.
"""

from __future__ import annotations

import builtins
import ctypes
import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = "hpo", "trainer", "studies"
NO_MODULES = "fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"
LACKING = {
    os: "chown fork getegid geteuid getgid getpgid getuid killpg mkfifo set_blocking setsid statvfs sysconf uname",
    signal: "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGUSR1 SIGXFSZ pthread_sigmask setitimer",
    select: "epoll poll",
}
FUNCTION = """
def train(params, *, epochs, seed):
    print("training", params)
    for epoch in range(epochs):
        yield {"loss": (params["x"] - 0.3) ** 2 + 1 / (epoch + 1)}
"""
OWN = "search --trainer m.py:train --space x=0:1 --metric loss --direction minimize --epochs 2 --trials 10"
DONE = (
    "search wine --trials 12 --epochs 1",
    f"{OWN} --name own --workers 2",
    "resume own --trials 12",
    "list",
    "show own 3",
    "report own",
    "export wine --table epochs -o epochs.csv",
    "train wine -o wine.hpo",
)
REFUSED = (
    "search --program 'train {x}' --space x=0:1 --metric loss --direction minimize",
    f"{OWN} --name a --executor processes",
    f"{OWN} --name b --trial-timeout 60",
    f"{OWN} --name c --trial-memory 1GB",
)


def _kill(process: int, number: int) -> None:
    assert number == signal.SIGTERM, "any other number is Ctrl-C, or unknown, on Windows"
    os.kill(process, signal.SIGKILL)  # there, too, the process ends at once


def _sockets_only(*_: object) -> None:
    raise OSError(10038, "select takes only sockets on Windows")


class _Popen(subprocess.Popen[Any]):
    def __init__(self, *args: Any, **options: Any) -> None:
        assert not options.get("pass_fds"), "pass_fds is not supported on Windows"
        assert not options.get("preexec_fn"), "preexec_fn is not supported on Windows"
        super().__init__(*args, **options)


def _opened(_right: int, _inherit: int, process: int) -> int | None:
    return process if Path(f"/proc/{process}").exists() else None


class _Kernel:
    """What studies/database/processes.py asks of kernel32."""

    def __init__(self, *_: object, **__: object) -> None:
        self.OpenProcess = _opened  # a function, since its result's type is set

    def CloseHandle(self, _: object) -> int:  # noqa: N802  # its name
        return 1

    def GetProcessTimes(self, handle: Any, started: Any, ended: Any, *_: Any) -> int:  # noqa: N802
        fields = Path(f"/proc/{handle.value}/stat").read_text().rpartition(")")[2].split()
        started._obj.value, ended._obj.value = int(fields[19]), 0
        return 1


def _seen(module: ModuleType, **different: Any) -> ModuleType:
    lacking = LACKING.get(module, "").split()
    there = {name: value for name, value in vars(module).items() if name not in lacking}
    seen = ModuleType(module.__name__)
    vars(seen).update(there | different)
    return seen


def simulate() -> None:
    """From now on, modules of ours that are imported see Windows."""
    seen = {
        "os": _seen(os, name="nt", kill=_kill),
        "signal": _seen(signal),
        "select": _seen(select, select=_sockets_only),
        "subprocess": _seen(subprocess, Popen=_Popen),
        # Not in place: colorama, which some libraries bring, would take this for Windows.
        "ctypes": _seen(ctypes, WinDLL=_Kernel, get_last_error=lambda: 87),
    }
    plain = builtins.__import__

    def imported(
        name: str,
        globals: dict[str, Any] | None = None,  # noqa: A002  # the names of __import__
        locals: dict[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        if level == 0 and (globals or {}).get("__name__", "").partition(".")[0] in OURS:
            if name in NO_MODULES:
                raise ModuleNotFoundError(f"No module named {name!r}")
            if name in seen:
                return seen[name]
        return plain(name, globals, locals, fromlist, level)

    builtins.__import__ = imported  # type: ignore[assignment]


def main(folder: str) -> None:
    simulate()
    os.chdir(folder)
    Path("m.py").write_text(FUNCTION)
    from hpo.cli import run

    for command in (*DONE, *REFUSED):
        print(run(shlex.split(command)), command, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
