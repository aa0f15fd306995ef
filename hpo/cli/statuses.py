"""The exit statuses, and which of them and which line an error of ours comes to."""

from __future__ import annotations

from hpo.cli.output import no_room
from hpo.errors import HeldError, HpoError, PlanError, as_ours

DONE, ERROR, USAGE, NO_TRIAL_SUCCEEDED, HELD = 0, 1, 2, 3, 4


def status_and_line(error: Exception) -> tuple[int, str]:
    """The exit status and the line for an error of ours. Anything else is a bug: its traceback is wanted."""
    unwritten = no_room(error)
    if unwritten is not None:
        return ERROR, unwritten
    ours = as_ours(error)
    for kind, status in ((PlanError, USAGE), (HeldError, HELD), (HpoError, ERROR)):
        if isinstance(ours, kind):
            return status, str(ours)
    raise error
