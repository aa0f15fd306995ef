"""Functions that report instead of yielding: `report(epoch, accuracy=0.9)` from anywhere in the code that trains.

Such a function runs on a thread of its own. While it trains, the search waits, and while the search decides whether
it goes on, the function waits in `report`. So it becomes a generator, as every other training is.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from contextvars import copy_context
from typing import Any

Report = Callable[..., None]


class Stop(BaseException):
    """Raised by `report` when a training should end: its trial was pruned, or the search ends.

    Like `GeneratorExit`, it is no `Exception`, so that code that catches all errors does not catch it.
    """


def reports(train: Callable[[Report], Any]) -> Generator[Any, Any, None]:
    """Yield what a function reports, one value after another, or the value that it returns if it reports nothing.

    Raises:
        TypeError, ValueError: an epoch or a value is missing, or epochs are out of order.
        BaseException: whatever the function raised.
    """
    told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    goes_on: queue.SimpleQueue[bool] = queue.SimpleQueue()
    stopped, epochs, first = threading.Event(), 0, 1

    def report(epoch: int, /, *values: Any, **metrics: Any) -> None:
        """Report the metrics of an epoch: the first is 0 or 1."""
        nonlocal epochs, first
        if stopped.is_set():
            raise Stop
        if len(values) + bool(metrics) != 1:
            raise TypeError("report takes an epoch and its metrics: report(epoch, accuracy=0.9)")
        if not epochs:
            first = epoch
        if epoch != first + epochs or first not in (0, 1):
            raise ValueError(_out_of_order(epoch, first + epochs - 1 if epochs else None))
        epochs += 1
        told.put(("reported", values[0] if values else metrics))
        if not goes_on.get():
            raise Stop

    def run() -> None:
        try:
            told.put(("returned", train(report)))
        except Stop:
            told.put(("returned", None))
        except BaseException as error:  # raised again by the generator
            told.put(("raised", error))

    thread = threading.Thread(target=copy_context().run, args=(run,), name="reporting", daemon=True)
    thread.start()
    try:
        while True:
            match told.get():
                case "reported", value:
                    yield value
                    goes_on.put(True)
                case "raised", error:
                    raise error
                case _, returned:
                    if returned is not None and epochs:
                        raise TypeError(
                            f"the trainer reported {epochs} epochs and returned {returned!r}, too: "
                            "what it reported counts, so it should return nothing"
                        )
                    if returned is not None:
                        yield returned
                    return
    finally:
        stopped.set()
        goes_on.put(False)
        thread.join()


def _out_of_order(epoch: Any, last: int | None) -> str:
    if last is None:
        return (
            f"the first epoch that a trial reports is 1 (or 0), not {epoch!r}: where it goes on from a checkpoint, "
            "it reports those before it again"
        )
    return f"the trainer reported epoch {epoch!r} after epoch {last}"
