"""Whether a process of this host still lives, and when it started, as each system tells it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

WINDOWS = os.name == "nt"
QUERY_LIMITED_INFORMATION = (
    0x1000  # a right on Windows: to ask when a process started, whoever's it is
)
ACCESS_DENIED = 5
TICKS = 1e7  # of Windows' clock in a second


def is_alive(process: int, started: float | None) -> bool:
    """Whether the process with that number lives and is the one that `started` then, if that is known."""
    if WINDOWS:
        begun = _windows_start(process)
        return begun is not None and (started is None or begun in (0.0, started))
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # a process of another user, which may have been given the number since
        pass
    now_started = start_of(process)
    return started is None or now_started is None or now_started == started


def start_of(process: int) -> float | None:
    """When a process started: in clock ticks since boot (proc(5), field 22), or by the clock of Windows in seconds.

    None where no system tells it, as on macOS.
    """
    if WINDOWS:
        return _windows_start(process) or None
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    # A zombie has ended; its parent has just not asked for its status yet.
    return -1.0 if fields[0] == "Z" else float(fields[19])


def _windows_start(process: int) -> float | None:
    """When a process of Windows started, in seconds; 0 if it lives and may not be asked, None if there is none.

    os.kill(process, 0) can't ask there: it would be Ctrl-C to all that share a console.
    """
    import ctypes

    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]  # of Windows
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(QUERY_LIMITED_INFORMATION, 0, process)
    if not handle:
        refused = ctypes.get_last_error() == ACCESS_DENIED  # type: ignore[attr-defined,unused-ignore]  # of Windows
        return 0.0 if refused else None
    started, ended, system, user = (ctypes.c_uint64() for _ in range(4))
    times = [ctypes.byref(time) for time in (started, ended, system, user)]
    known = kernel.GetProcessTimes(ctypes.c_void_p(handle), *times)
    kernel.CloseHandle(ctypes.c_void_p(handle))
    if not known:
        return 0.0
    # One that has ended is there until the last program that looks at it closes its handle.
    return None if ended.value else started.value / TICKS
