"""The errors of this package beside ValueError. It imports nothing, so that anyone can catch them."""


class DataError(ValueError):
    """A source can't be read or used; the message names it and the rule, in one line."""
