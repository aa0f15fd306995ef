"""The exit statuses, and the status and message for an error."""

from __future__ import annotations

from hpo.cli.output import no_room
from hpo.errors import HeldError, HpoError, PlanError, as_ours

DONE, ERROR, USAGE, NO_TRIAL_SUCCEEDED, HELD = 0, 1, 2, 3, 4


def status_and_line(error: Exception) -> tuple[int, str]:
    """The exit status and message for an error of hpo's. Any other error is a bug, and is raised with its traceback."""
    if (message := no_room(error)) is not None:
        return ERROR, message
    ours = as_ours(error)
    for kind, status in ((PlanError, USAGE), (HeldError, HELD), (HpoError, ERROR)):
        if isinstance(ours, kind):
            return status, str(ours)
    raise error
