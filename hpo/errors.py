"""The errors of a search (the whole tree comes with the doors)."""


class HpoError(Exception):
    """Above all errors that a user can meet."""


class PlanError(HpoError, ValueError):
    """A plan that breaks a rule; the message names the field, the value and the rule, in one line."""


class TooManyFailuresError(HpoError):
    """So many trainings raised an error that the search has given up."""


class CancelledError(HpoError):
    """The search was asked to end before it was done; it can be resumed."""


class NothingToAskError(HpoError):
    """Nothing can be asked before one of the tasks that were asked for has been told."""
