"""References that are fitted while a search goes on, in the worker that has its data.

They are needed at its end, on splits that are known before. So a search of few rows does not wait for them, whose
trainings take no longer. What is fitted beforehand is what would be fitted at the end, so nothing depends on it: a
search that is resumed or has no worker fits all of them at its end.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from hpo.trainables.task import TEST, Which
from trainer.references import Reference

ROWS = 2500
"""The most that may train: with more, fitting would keep those waiting who train or draw in the worker."""


class Beforehand:
    """Fits references in a thread. `fit(splits, ahead)` returns all, and fits those that are not ahead."""

    def __init__(
        self, fit: Callable[[Sequence[Which], Sequence[Reference]], Sequence[Reference]]
    ) -> None:
        self._fit = fit
        self._asked: queue.SimpleQueue[Which | None] = queue.SimpleQueue()
        self._fitted: Sequence[Reference] = ()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.expect(TEST)

    def expect(self, which: Which) -> None:
        """References will be needed on this split."""
        self._asked.put(which)

    def fitted(self) -> Sequence[Reference]:
        """What is fitted, as soon as that is all that was expected. Nothing can be expected afterwards."""
        self._asked.put(None)
        self._thread.join()
        return self._fitted

    def _run(self) -> None:
        splits: list[Which] = []
        while (which := self._asked.get()) is not None:
            splits.append(which)
            try:
                self._fitted = self._fit(splits, self._fitted)
            except Exception:
                # Such as that the worker died: whoever needs the references fits them, and hears of it.
                return
