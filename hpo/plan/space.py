"""Parameters and their ranges: as objects, as plain data, and as Optuna's distributions.

A space maps names to parameters; the ranges of a round are a space, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from studies.words import distinct, nearest, number

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Limit: TypeAlias = tuple[float | None, float | None]
Choice: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Choice
When: TypeAlias = Mapping[str, Any]  # of a name: one value or several, kept as a tuple
Settings: TypeAlias = dict[str, Value]

HUGE = 1e300  # no range goes beyond
UNORDERED = (str, set, frozenset, dict)  # the order of a set of text changes from run to run


@dataclass(frozen=True)
class _Range:
    """From `low` to `high`, both included; searched on a log scale where `log` is set.

    A search may extend the range past an end where the best likely lies: never beyond `limit` (lowest, highest; None is
    no limit), never across 0, and not at all if `extend` is false. With `when`, as {"optimizer": "sgd"}, it applies
    only where that choice has that value, or one of several: {"optimizer": ["sgd", "momentum"]}.

    Raises:
        ValueError: low > high; a bound beyond ±1e300, or not whole where it must be; log with low < 1e-300; a step that
            is ≤ 0, misses high or comes with log; a range outside its limit.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    limit: Limit | None = None
    extend: bool = True
    when: When | None = field(default=None, kw_only=True, hash=False)

    def _convert(self, kind: type[int | float], *bounds: str) -> None:
        for name in vars(self):
            object.__setattr__(self, name, plain(getattr(self, name)))
        object.__setattr__(self, "when", _condition(self.when))
        for bound in bounds:
            value = getattr(self, bound)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or (kind is int and value != int(value)):
                raise ValueError(f"{bound} = {value!r} is not a {'whole ' * (kind is int)}number")
            object.__setattr__(self, bound, kind(value))


@dataclass(frozen=True)
class Float(_Range):
    """A range of real numbers (see `_Range`).

    `zero` is the share of draws that are exactly 0, which a log range can't reach.

    Raises:
        ValueError: beside those of every range, zero outside [0, 1) or with a range that includes 0.
    """

    zero: float = 0.0

    def __post_init__(self) -> None:
        self._convert(float, "low", "high")
        _check_range(self)
        if isinstance(self.zero, bool) or not (
            isinstance(self.zero, int | float) and 0 <= self.zero < 1
        ):
            raise ValueError(f"zero = {self.zero!r} is not a share of at least 0 and below 1")
        if self.zero and self.low <= 0 <= self.high:
            raise ValueError(f"zero = {self.zero:g}: the range from {number(self.low)} includes 0")


@dataclass(frozen=True)
class Int(_Range):
    """A range of whole numbers (see `_Range`)."""

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        self._convert(int, "low", "high", "step")
        _check_range(self)


@dataclass(frozen=True)
class Categorical:
    """One of some choices: text, finite numbers, true / false, None. 0 and false are two choices, 1 and 1.0 are one.

    `when` says where it applies, as that of a range does.

    Raises:
        ValueError: no choices, the same choice twice, or a choice of another kind.
    """

    choices: tuple[Choice, ...]
    when: When | None = field(default=None, kw_only=True, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _condition(self.when))
        values = plain(self.choices)
        ordered = isinstance(values, Iterable) and not isinstance(values, UNORDERED)
        object.__setattr__(self, "choices", tuple(map(plain, values)) if ordered else ())
        if not self.choices:
            raise ValueError(f"choices = {values!r} is not a list of at least one choice")
        for i, choice in enumerate(self.choices):
            if isinstance(choice, list | tuple):
                raise ValueError(
                    f"choice {choice!r} is a list: give each a name as text, which your function turns into it"
                )
            if choice is not None and not isinstance(choice, str | int | float):
                raise ValueError(f"choice {choice!r} is not text, a number, true or false")
            if isinstance(choice, float) and not math.isfinite(choice):
                raise ValueError(f"choice {choice!r} is not a finite number: None may stand for it")
            if place(self, choice) < i:
                raise ValueError(f"choice {choice!r} is named twice")


def _condition(when: Any) -> When | None:
    """When a parameter applies: if each of some choices has one of the values given for it; None: always."""
    if when is None:
        return None
    condition: dict[str, tuple[Choice, ...]] = {}
    for name, values in when.items() if isinstance(when, Mapping) else ():
        values = plain(values)
        condition[name] = tuple(values) if isinstance(values, list | tuple) else (values,)
    if not condition or not all(condition.values()):
        raise ValueError(f"when = {when!r} is not a condition, such as {{'optimizer': 'sgd'}}")
    return condition


def plain(value: Any) -> Any:
    """A number or an array of NumPy's as Python's own; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def place(parameter: Categorical, value: Value) -> int:
    """The place of a value among the choices.

    Raises:
        ValueError: it is none of them.
    """
    return list(map(distinct, parameter.choices)).index(distinct(value))


Parameter: TypeAlias = Float | Int | Categorical
Numeric: TypeAlias = Float | Int
Space: TypeAlias = dict[str, Parameter]


def _check_range(p: Numeric) -> None:
    if not (abs(p.low) <= HUGE and abs(p.high) <= HUGE):  # nor where one is NaN
        raise ValueError(f"{number(p.low)}:{number(p.high)} goes beyond {HUGE:g}")
    if p.low > p.high:
        raise ValueError(f"low {number(p.low)} is above high {number(p.high)}: write LOW:HIGH")
    if p.log and p.low < 1 / HUGE:
        raise ValueError(f"a log range can't start at {number(p.low)}: low must be at least 1e-300")
    if p.step is not None and p.step <= 0:
        raise ValueError(f"step {number(p.step)} must be above 0")
    if p.log and p.step not in (None, 1):
        raise ValueError(f"step {number(p.step or 0)} can't be used on a log range")
    if p.step is not None and (last := _stepped(p, p.high, ROUND_FLOOR)) != p.high:
        raise ValueError(f"steps of {p.step:g} from {p.low:g} miss high {p.high:g}: write {last:g}")
    if not isinstance(p.extend, bool):
        raise ValueError(f"extend = {p.extend!r} is neither true nor false")
    if p.limit is not None:
        _check_limit(p)


def _check_limit(p: Numeric) -> None:
    try:
        lowest, highest = (None if end is None else float(end) for end in p.limit or ())
    except (TypeError, ValueError):
        raise ValueError(f"limit = {p.limit!r} is not two numbers, lowest and highest") from None
    object.__setattr__(p, "limit", (lowest, highest))
    bottom, top = ends(p)
    if not bottom <= p.low <= p.high <= top:  # nor where one is NaN
        raise ValueError(
            f"{number(p.low)}:{number(p.high)} is not inside its limit {bottom:g}:{top:g}"
        )


def ends(p: Numeric) -> tuple[float, float]:
    """The lowest and the highest value that a range may ever reach: its limit, or else 0 if the range is on one side of
    it. Whole numbers of at least 1 stay at least 1.
    """
    lowest, highest = p.limit or (None, None)
    if lowest is None:
        lowest = -HUGE if p.low < 0 else 1.0 if isinstance(p, Int) and p.low >= 1 else 0.0
    if highest is None:
        highest = 0.0 if p.low < 0 >= p.high else HUGE
    if p.log or (p.low > 0 and isinstance(p, Float) and p.zero):  # 0 is near, but not inside
        lowest = max(lowest, 1.0 if isinstance(p, Int) else min(p.low, 1 / HUGE))
    elif isinstance(p, Float) and p.zero:
        highest = min(highest, max(p.high, -1 / HUGE))
    return lowest, highest


def within(p: Numeric, limit: Limit | None) -> Numeric:
    """The same range with one more limit, except for an end that the range itself lies beyond."""
    if limit is None:
        return p
    own = p.limit or (None, None)
    lows = [low for low in (own[0], limit[0]) if low is not None and low <= p.low]
    highs = [high for high in (own[1], limit[1]) if high is not None and high >= p.high]
    return replace(p, limit=(max(lows, default=None), min(highs, default=None)))


def _stepped(p: Numeric, value: float, rounding: str) -> float:
    """A value rounded to a step of a range, in decimal numbers, in which 0.1 × 3 is 0.3."""
    low, step = Decimal(str(p.low)), Decimal(str(p.step))
    count = ((Decimal(str(value)) - low) / step).to_integral_value(rounding)
    return float(low + count * step)


def on_a_step(p: Numeric, value: float) -> bool:
    """Whether a value, inside the range or not, is a whole number of steps from its low end."""
    return _stepped(p, value, ROUND_HALF_EVEN) == value


def from_mapping(fields: Mapping[str, Any]) -> Parameter:
    """The parameter of a mapping as `to_mapping` makes it, or as a TOML table holds it.

    Raises:
        ValueError: a field is missing or unknown, or a value breaks a rule of the parameter.
    """
    known = {"choices", "when"}
    if "choices" not in fields:
        known = {"low", "high", "log", "step", "limit", "extend", "int", "when"}
        known |= set() if fields.get("int") else {"zero"}
    unknown = sorted(set(fields) - known)
    if unknown:
        allowed = f"it may have {', '.join(sorted(known))}"
        raise ValueError(f"there is no {unknown[0]!r}: {nearest(unknown[0], known, allowed)}")
    if "choices" in fields:
        return Categorical(fields["choices"], when=fields.get("when"))
    missing = [bound for bound in ("low", "high") if bound not in fields]
    if missing:
        raise ValueError(f"{missing[0]!r} is missing: give low and high, or choices")
    options = {name: value for name, value in fields.items() if name not in ("low", "high", "int")}
    kind = Int if fields.get("int", False) else Float
    return kind(fields["low"], fields["high"], **options)


def to_mapping(parameter: Parameter) -> dict[str, Any]:
    """A parameter as plain data: `{low, high, log}` or `{choices}`, and what else is not at its default."""
    when = {"when": {n: [*v] for n, v in parameter.when.items()}} if parameter.when else {}
    if isinstance(parameter, Categorical):
        return {"choices": list(parameter.choices)} | when
    step = 1 if isinstance(parameter, Int) else None
    defaults = {"step": step, "limit": None, "extend": True, "zero": 0.0, "when": None}
    fields = asdict(replace(parameter, when=None))
    fields = {n: v for n, v in fields.items() if n not in defaults or v != defaults[n]}
    if isinstance(parameter, Int):
        fields["int"] = True
    return fields | when


def distribution(parameter: Parameter) -> BaseDistribution:
    """The same range as an Optuna distribution."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    p = parameter
    if isinstance(p, Categorical):
        return CategoricalDistribution(p.choices)
    if isinstance(p, Int):
        return IntDistribution(p.low, p.high, log=p.log, step=p.step)
    return FloatDistribution(p.low, p.high, log=p.log, step=p.step)


def contains(parameter: Parameter, value: Value) -> bool:
    """Whether a value is inside the range or one of the choices; 0 is if some draws are to be 0."""
    if isinstance(parameter, Categorical):
        return distinct(value) in map(distinct, parameter.choices)
    if not isinstance(value, int | float):
        return False
    return parameter.low <= value <= parameter.high or is_zero(parameter, value)


def is_zero(parameter: Parameter, value: Value) -> bool:
    """Whether a value is 0 and drawn apart from the range."""
    return isinstance(parameter, Float) and parameter.zero > 0 and value == 0


def position(parameter: Numeric, value: float) -> float:
    """Where a value lies in its range, from 0 at low to 1 at high, on the range's scale."""
    low, high, x = parameter.low, parameter.high, value
    if parameter.log:
        low, high, x = math.log(low), math.log(high), math.log(value)
    return (x - low) / (high - low) if high > low else 0.5


def at(parameter: Numeric, where: float) -> float | int:
    """The value at a position from 0 to 1, rounded to a whole number or a step: the inverse of `position`."""
    value = min(max(_at(parameter, where), parameter.low), parameter.high)
    if parameter.step is not None:
        value = min(_stepped(parameter, value, ROUND_HALF_EVEN), parameter.high)
    return int(value) if isinstance(parameter, Int) else value


def section(parameter: Numeric, start: float, stop: float) -> Numeric:
    """The part of a range from position `start` to `stop`. A start below 0 or a stop above 1 extends the range, but
    never beyond its limit. Whole numbers and steps are rounded outwards.
    """
    bottom, top = ends(parameter)
    # An end that does not move stays the same to the last digit.
    first = parameter.low if start == 0 else _at(parameter, start)
    last = parameter.high if stop == 1 else _at(parameter, stop)
    if start >= 0 and stop <= 1:
        bottom, top = parameter.low, parameter.high
    first = min(max(first, bottom), top)
    last = max(min(last, top), first)
    if parameter.step is not None:
        first = _stepped(parameter, first, ROUND_FLOOR)
        last = _stepped(parameter, last, ROUND_CEILING)
        if first < bottom:
            first = _stepped(parameter, bottom, ROUND_CEILING)
        if last > top:
            last = _stepped(parameter, top, ROUND_FLOOR)
    if isinstance(parameter, Int):
        return replace(parameter, low=int(first), high=int(last))
    return replace(parameter, low=first, high=last)


def _at(parameter: Numeric, where: float) -> float:
    """The value at any position, before it is rounded."""
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        low, high = math.log(low), math.log(high)
    try:
        value = low + where * (high - low)
        return math.exp(value) if parameter.log else value
    except OverflowError:
        return math.inf
