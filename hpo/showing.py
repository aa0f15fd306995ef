"""How a search that was begun in Python is shown, and how Ctrl-C ends it.

Progress is shown as the command shows it: live on a terminal, in a notebook in the cell's output, elsewhere by plain
lines on stderr. Ctrl-C ends a search in an orderly way, with a line that says how to resume it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hpo.callbacks.calling import calling
from hpo.errors import CancelledError
from hpo.run.cancel import Cancel
from hpo.run.watcher import Watcher

if TYPE_CHECKING:
    from hpo.trainables.call import Train
    from trainer.data import InMemory


@contextmanager
def shown(
    storage: str,
    cancel: Cancel | None,
    progress: bool | None,
    train: Train | str | None,
    data: InMemory | None,
    callbacks: Sequence[Any],
) -> Iterator[dict[str, Any]]:
    """What a search is run with, so that it is shown, and ends after its epoch when Ctrl-C is pressed.

    Ctrl-C before a study exists, or for a second time, ends it at once. A handler of the user's own stays in place.
    """
    cancel = cancel or Cancel()
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        if interrupted or cancel.study is None:
            raise KeyboardInterrupt
        interrupted = True
        cancel.request()

    main = threading.current_thread() is threading.main_thread()
    ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        with (
            watcher_of(progress) as shown,
            calling(callbacks, shown, storage) as watcher,
        ):
            yield {"watcher": watcher, "cancel": cancel}
    except (CancelledError, KeyboardInterrupt) as error:
        if isinstance(error, CancelledError) and not interrupted:
            raise
        if cancel.study is not None:
            from hpo.display.commands import resume_call

            again = [] if data is None else ["X=frame" if data.y is None else "X=X, y=y"]
            if callable(train):
                again = [f"train={getattr(train, '__name__', 'train')}"]
            line = f"Stopped. To go on: {resume_call(cancel.study, storage, again)}"
            with suppress(OSError):
                print(line, file=sys.stderr)
        raise KeyboardInterrupt from None
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def watcher_of(progress: bool | None) -> Watcher:
    """What shows a search: in the output of a notebook's cell, on a terminal, or by lines on stderr."""
    main = threading.current_thread() is threading.main_thread()
    if progress is False or (progress is None and not main):
        return Watcher()
    ipython = sys.modules.get("IPython")  # a notebook has imported it
    if ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None:
        from hpo.display.notebook import InNotebook

        return InNotebook()
    from rich.console import Console

    from hpo.display.terminal import Progress

    return Progress(Console(stderr=True, highlight=False), quiet=False, verbose=False)
