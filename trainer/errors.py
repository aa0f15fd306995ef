"""The errors of this package beside ValueError. It imports nothing, so that anyone can catch them."""


class DataError(ValueError):
    """A source can't be read or used; the message names it and the rule, in one line."""


class DivergedError(ValueError):
    """A network diverged when it was trained to be used: `which` of the settings, from 0, and in which `epoch`."""

    def __init__(self, which: int, epoch: int) -> None:
        self.which, self.epoch = which, epoch
        super().__init__(f"the training with settings[{which}] diverged in epoch {epoch}")
