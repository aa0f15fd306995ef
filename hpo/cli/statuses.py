"""The exit statuses, and which of them and which line an error of ours comes to."""

from __future__ import annotations

from hpo.cli.output import no_room
from hpo.errors import HpoError, PlanError
from studies.errors import LeaseError, StoreError
from trainer.errors import DataError

DONE, ERROR, USAGE, NO_TRIAL_SUCCEEDED, HELD = 0, 1, 2, 3, 4


def status_and_line(error: Exception) -> tuple[int, str]:
    """The exit status and the line for an error of ours. Anything else is a bug: its traceback is wanted."""
    unwritten = no_room(error)
    if unwritten is not None:
        return ERROR, unwritten
    if isinstance(error, PlanError):
        return USAGE, str(error)
    if isinstance(error, LeaseError):
        return HELD, str(error)
    if isinstance(error, HpoError | DataError | StoreError):
        return ERROR, str(error)
    raise error
