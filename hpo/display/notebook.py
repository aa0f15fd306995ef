"""Shows a search in the output of a notebook's cell, and redraws it there."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from typing import Any

from rich.console import Console

from hpo.display.terminal import Progress
from hpo.plan.space import Settings
from studies.database.records import Confirmation, Result

WIDTH = 100  # columns of a cell's output
DRAWN_SECONDS = 0.25


class InNotebook(Progress):
    """Shows a search in the output of the cell that runs it, without widgets, which some notebooks lack."""

    line_seconds = DRAWN_SECONDS

    def __init__(self) -> None:
        # Without these options rich would write HTML to stdout.
        console = Console(file=sys.stdout, force_jupyter=False, force_terminal=False, width=WIDTH)
        super().__init__(console, quiet=False, verbose=False)
        self._display = import_module("IPython.display").display
        self._shown: Any = None
        with warnings.catch_warnings():
            # Optuna imports it, and it warns about missing widgets, which are not used here.
            warnings.simplefilter("ignore")
            import_module("tqdm.auto")

    def trials_finished(self, results: Sequence[Result], settings: Sequence[Settings]) -> None:
        """Count, and draw."""
        super().trials_finished(results, settings)
        self._going_on()

    def stage_finished(self, results: Sequence[Confirmation]) -> None:
        """Count, and draw; the picture after the last stage stays."""
        super().stage_finished(results)
        self._going_on()

    def _going_on(self) -> None:
        drawn = Console(file=StringIO(), force_jupyter=False, force_terminal=False, width=WIDTH)
        with drawn.capture() as text:
            drawn.print(self._picture())
        lines = "\n".join(line.rstrip() for line in text.get().splitlines())
        if self._shown is None:
            self._shown = self._display({"text/plain": lines}, raw=True, display_id=True)
        else:
            self._shown.update({"text/plain": lines}, raw=True)
