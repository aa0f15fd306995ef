"""The numbers that each trial of a population may have its own of, because they change the shape of no array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

from trainer.initializers import deviation


class Number(NamedTuple):
    """A number's value where none is given, and what it may be: from low to high, without an end that is open."""

    default: float
    low: float = 0.0
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def allows(self, value: object) -> bool:
        """Whether it may be that."""
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond all floating-point numbers
            return False
        above = number > self.low if self.open_low else number >= self.low
        return above and (number < self.high if self.open_high else number <= self.high)

    @property
    def rule(self) -> str:
        """What it may be, in words."""
        low = f"above {self.low:g}" if self.open_low else f"of at least {self.low:g}"
        if self.high == math.inf:
            return f"a number {low}"  # and finite, where that end is open
        if self.open_high:
            return f"a number {low} and below {self.high:g}"
        return f"a number {low} and at most {self.high:g}"


PER_TRIAL: dict[str, Number] = {
    "learning_rate": Number(0.01, open_high=True),
    "weight_decay": Number(0.0, open_high=True),
    "l1": Number(0.0, open_high=True),
    "momentum": Number(0.9, high=1.0),
    "beta1": Number(0.9, high=1.0, open_high=True),
    "beta2": Number(0.999, high=1.0, open_high=True),
    "rho": Number(0.99, high=1.0),
    "dropout": Number(0.0, high=1.0, open_high=True),
    "label_smoothing": Number(0.0, high=1.0),
    "clip_norm": Number(math.inf, open_low=True),
    "schedule_factor": Number(0.1, high=1.0, open_low=True),
    "schedule_every": Number(10.0, open_low=True),
    "warmup": Number(0.0, open_high=True),
    "patience": Number(math.inf, low=1.0),
}
"""weight_decay is λ of ½ λ Σ W², and l1 that of λ Σ |W|: of weights only, and no part of a loss that is told. adamw
takes weight_decay apart from the gradient. momentum is read by momentum and nesterov, beta1 and beta2 by adam and
adamw, rho by rmsprop. dropout is the share of hidden units that a step leaves out. clip_norm is the longest that a
step's gradient may be, of all parameters of a trial together, before weight decay and l1. schedule_factor and
schedule_every (epochs) are read by the schedules step and exponential; warmup is in epochs. A trial leaves after
`patience` epochs without a lower validation loss than its best.
"""


def check(setting: Mapping[str, object], where: str = "") -> None:
    """Whether a trial's setting can be trained; `where` begins the message.

    Raises:
        ValueError: it can't; the message names the number and the rule.
    """
    for name, value in setting.items():
        if name == "init":
            try:
                deviation(str(value))
            except ValueError as error:
                raise ValueError(f"{where}{error}") from None
        elif name not in PER_TRIAL:
            names = ", ".join([*PER_TRIAL, "init"])
            raise ValueError(f"{where}there is no {name!r}: a trial can have {names}")
        elif not PER_TRIAL[name].allows(value):
            raise ValueError(f"{where}{name} = {value!r} is not {PER_TRIAL[name].rule}")
