"""Runs a program and sees to its end, also if hpo is killed.

    python -I -S guard.py GRACE MEMORY EXECUTABLE NAME ARGUMENT…

The guard is a process between hpo and the program (`hpo.trainables.guarded` begins it). Its standard input is a socket
to hpo, by which it is told to stop the program for a while (s) and to continue it (c), and by which it says how the
program ended, as a number: the exit status, or a signal's number, negative. When hpo closes the socket, or dies, all of
the program's process group gets SIGTERM, and SIGKILL after GRACE seconds. What a program leaves running at its own end
is ended in the same way. MEMORY is how many bytes each process of the program may have (0: as many as there are). The
guard imports nothing of ours, because it begins with every trial.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

HPO = 0  # the socket
PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h


def guard(grace: float, memory: int, executable: str, words: list[str]) -> None:
    """Run a program until it ends, or hpo does not want it any more."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # the program has ended: it wakes `select`
    null = os.open(os.devnull, os.O_RDWR)
    _adopt_orphans()
    program = os.fork()
    if program == 0:
        _become(memory, executable, words, null)
    with suppress(OSError):  # it has done so itself
        os.setpgid(program, program)
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)  # the guard ends after its program
    for stream in (1, 2):  # when the program has closed its own, hpo reads their end
        os.dup2(null, stream)
    status = None
    while True:
        ready = select.select([HPO, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 64)
            if (status := _reap().get(program)) is not None:
                with suppress(OSError):  # hpo is gone
                    os.write(HPO, b"%d" % os.waitstatus_to_exitcode(status))
                break
        if HPO in ready:
            with suppress(OSError):
                if order := os.read(HPO, 1):
                    os.killpg(program, signal.SIGSTOP if order == b"s" else signal.SIGCONT)
                    continue
            break
    _end(program, grace, ended=status is not None)


def _become(memory: int, executable: str, words: list[str], null: int) -> None:
    """Be the program, in a process group of its own, with the signals of any program."""
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        if memory:
            import resource

            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        os.dup2(null, 0)
        os.execv(executable, words)  # noqa: S606  # no shell
    except OSError as error:
        os.write(2, f"{executable} can't be run: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _end(group: int, grace: float, *, ended: bool) -> None:
    """End all processes of a program's group. It may have `ended` itself."""
    until, pause = time.monotonic() + grace, 0.01
    with suppress(OSError):  # there are none left
        os.killpg(group, signal.SIGTERM)
        os.killpg(group, signal.SIGCONT)  # one that is stopped hears nothing
        while time.monotonic() < until:
            ended = group in _reap() or ended
            # A child that it was just beginning when the signal came has not heard it.
            os.killpg(group, signal.SIGTERM if ended else 0)
            time.sleep(pause)
            pause = min(1.5 * pause, 0.2)
        os.killpg(group, signal.SIGKILL)


def _adopt_orphans() -> None:
    """Be the parent of what outlives its own, and see its end (Linux). PID 1 of a container may never do so."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap() -> dict[int, int]:
    """The children that have ended, with their statuses."""
    ended = {}
    with suppress(ChildProcessError):  # there are no others
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended[child[0]] = child[1]
    return ended


if __name__ == "__main__":
    guard(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
