"""Every error that a user can meet. The message is one line that says what was wrong, where, and what would be right.

HpoError
├── PlanError (ValueError)             a plan, or a change of one, breaks a rule
├── DataError (trainer.errors)         a source can't be read or used
├── StorageError (studies.errors)      a database, or a study in it, can't be used as asked
│   ├── NoSuchStudyError               it has no study of that name
│   ├── StudyExistsError               it has one already
│   ├── HeldError                      another process holds the study, or has taken it over
│   └── ConnectionLostError            the server does not answer; trying again may help
├── TooManyFailuresError               so many trainings failed that the search has given up
│   └── NoTrialSucceededError          the search is done, and all its trials failed or diverged
├── ServiceError                       a service (hpo serve) refuses a request, or does not answer
├── CancelledError                     the search was asked to end before it was done
└── NothingToAskError                  no task can be asked for before the result of another is there

`trainer` and `studies` know nothing of `hpo` and have errors of their own: what they raise in a function of `hpo` is
raised as the class here that is theirs, too. So `except hpo.HpoError` catches everything, and `except
studies.errors.StoreError` goes on to work.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import studies.errors
import trainer.errors


class HpoError(Exception):
    """Above all errors that a user can meet."""


class PlanError(HpoError, ValueError):
    """A plan that breaks a rule; the message names the field, the value and the rule."""


class DataError(HpoError, trainer.errors.DataError):
    """A source that can't be read or used; the message names it and the rule."""


class StorageError(HpoError, studies.errors.StoreError):
    """A database or a study in it that can't be used as asked; the message names it and what would be right."""


class NoSuchStudyError(StorageError, studies.errors.NoSuchStudyError):
    """The database has no study of that name."""


class StudyExistsError(StorageError, studies.errors.StudyExistsError):
    """The database already has a study of that name."""


class HeldError(StorageError, studies.errors.LeaseError):
    """Another process holds the study, or has taken it over from this one."""


class ConnectionLostError(StorageError, studies.errors.ConnectionLostError):
    """The connection to a server broke, or could not be made: it may be there again in a moment."""


class TooManyFailuresError(HpoError):
    """So many trainings raised an error that the search has given up."""


class NoTrialSucceededError(TooManyFailuresError):
    """A search is done, and no trial has a value. The first error that a function raised is the cause."""


class ServiceError(HpoError):
    """A service that refuses a request, with the `status` of its answer; without one, it does not answer."""

    def __init__(self, line: str, status: int | None = None) -> None:
        super().__init__(line)
        self.status = status


class CancelledError(HpoError):
    """The search was asked to end before it was done; it can be resumed."""


class NothingToAskError(HpoError):
    """No task can be asked for before the result of one that was asked for is there."""


_OURS: dict[type, type[HpoError]] = {
    trainer.errors.DataError: DataError,
    studies.errors.StoreError: StorageError,
    studies.errors.NoSuchStudyError: NoSuchStudyError,
    studies.errors.StudyExistsError: StudyExistsError,
    studies.errors.LeaseError: HeldError,
    studies.errors.ConnectionLostError: ConnectionLostError,
}


def as_ours(error: Exception) -> Exception:
    """What `trainer` or `studies` raised, as the class of ours, with the same text; any other error as it is."""
    if isinstance(error, HpoError):
        return error
    ours = next((_OURS[kind] for kind in type(error).__mro__ if kind in _OURS), None)
    return ours(*error.args).with_traceback(error.__traceback__) if ours else error


def in_python(message: str) -> str:
    """A message that names commands and flags, as Python's users write them."""
    message = re.sub(r"\bhpo resume ('[^']+'|[\w.-]+)(?=[,;]|$)", _call_of_resume, message)
    message = re.sub(r"\bhpo (search|resume|confirm)\b(?! --)", r"hpo.\1", message)
    message = re.sub(
        r"--([a-z][a-z-]*)=(\w+)", r'\1="\2"', message.replace("--take-over", "take_over=True")
    )
    if "hpo upgrade" in message:  # a command for the shell
        return message
    return re.sub(r"(?<![\w-])--([a-z][a-z-]*)", lambda flag: flag[1].replace("-", "_"), message)


def _call_of_resume(command: re.Match[str]) -> str:
    return f"hpo.resume({shlex.split(command[1])[0]!r})"


@contextmanager
def raised_as_ours() -> Iterator[None]:
    """Raise what `trainer` and `studies` raise as the class of ours, in Python's words; also a decorator."""
    try:
        yield
    except Exception as error:
        ours = as_ours(error)
        if isinstance(ours, HpoError):
            ours.args = (in_python(str(ours)), *ours.args[1:])
        if ours is error:
            raise
        raise ours from error.__cause__
