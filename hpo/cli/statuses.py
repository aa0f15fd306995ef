"""The exit statuses, and which of them and which line an error of ours comes to."""

from __future__ import annotations

import sys

from hpo.cli.output import no_room

DONE, ERROR, USAGE, NO_TRIAL_SUCCEEDED, HELD = 0, 1, 2, 3, 4


def told(error: Exception) -> tuple[int, str]:
    """The exit status and the line for an error of ours. Anything else is a bug: its traceback is wanted."""
    unwritten = no_room(error)
    if unwritten is not None:
        return ERROR, unwritten
    modules = sys.modules  # what was not imported can't have been raised
    ours = {
        ("hpo.errors", "PlanError"): USAGE,
        ("hpo.errors", "TooManyFailuresError"): ERROR,
        ("trainer.errors", "DataError"): ERROR,
        ("studies.errors", "LeaseError"): HELD,
        ("studies.errors", "StoreError"): ERROR,
    }
    for (module, name), status in ours.items():
        if module in modules and isinstance(error, getattr(modules[module], name)):
            return status, str(error)
    raise error
