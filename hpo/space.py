"""Parameters and their ranges, and the same as Optuna distributions.

A space is a dict of name -> parameter; a round's ranges are a space too, each parameter inside the first one's.
Ranges are searched in log space where `log` is set. As text (flags, TOML) a parameter is `LOW:HIGH[:log][:int]` or
`a,b,c`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Choice: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Choice
Settings: TypeAlias = dict[str, Value]


@dataclass(frozen=True)
class Float:
    """A real number from `low` to `high`, both included; searched on a log scale where `log` is set.

    Raises:
        ValueError: low > high, a bound that is not finite, log with low ≤ 0, step ≤ 0, beside log or missing high.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        for bound in ("low", "high"):
            value = getattr(self, bound)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{bound} = {value!r} is not a number")
            object.__setattr__(self, bound, float(value))
        _check_range(self)


@dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`, both included; searched on a log scale where `log` is set.

    Raises:
        ValueError: low > high, a bound that is not whole, log with low ≤ 0, step < 1, beside log or missing high.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        for bound in ("low", "high", "step"):
            value = getattr(self, bound)
            if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
                raise ValueError(f"{bound} = {value!r} is not a whole number")
            object.__setattr__(self, bound, int(value))
        _check_range(self)


@dataclass(frozen=True)
class Categorical:
    """One of some choices: text, numbers, true / false.

    Raises:
        ValueError: no choices, a choice named twice, or a choice that is none of these.
    """

    choices: tuple[Choice, ...]

    def __post_init__(self) -> None:
        if isinstance(self.choices, str) or not self.choices:
            raise ValueError(f"choices = {self.choices!r} is not a list of at least one choice")
        object.__setattr__(self, "choices", tuple(self.choices))
        for i, choice in enumerate(self.choices):
            if choice is not None and not isinstance(choice, str | int | float):
                raise ValueError(f"choice {choice!r} is not text, a number, true or false")
            if choice in self.choices[:i]:
                raise ValueError(f"choice {choice!r} is named twice")


Parameter: TypeAlias = Float | Int | Categorical
Numeric: TypeAlias = Float | Int
Space: TypeAlias = dict[str, Parameter]


def _check_range(p: Numeric) -> None:
    if not (math.isfinite(p.low) and math.isfinite(p.high)):
        raise ValueError(f"{number(p.low)}:{number(p.high)} is not a finite range")
    if p.low > p.high:
        raise ValueError(f"low {number(p.low)} is above high {number(p.high)}: write LOW:HIGH")
    if p.log and p.low <= 0:
        raise ValueError(f"a log range can't start at {number(p.low)}: low must be above 0")
    if p.step is not None and p.step <= 0:
        raise ValueError(f"step {number(p.step)} must be above 0")
    if p.log and p.step not in (None, 1):
        raise ValueError(f"step {number(p.step or 0)} can't be used on a log range")
    if p.step is not None and (last := _stepped(p, p.high, ROUND_FLOOR)) != p.high:
        raise ValueError(f"steps of {p.step:g} from {p.low:g} miss high {p.high:g}: write {last:g}")


def _stepped(p: Numeric, value: float, rounding: str) -> float:
    """The step of a range next to a value. In decimal, where 0.1 × 3 is 0.3."""
    low, step = Decimal(str(p.low)), Decimal(str(p.step))
    count = ((Decimal(str(value)) - low) / step).to_integral_value(rounding)
    return float(low + count * step)


def number(value: float) -> str:
    """A number as a person writes it: 3 significant digits, whole numbers in full, no exponent below a million."""
    if abs(value) < 1e6 and value == round(value):
        return f"{value + 0.0:.0f}"  # -0.0 + 0.0 is 0.0
    text = f"{value:.3g}"
    return f"{float(text):.0f}" if 1e3 <= abs(value) < 1e6 else text


def describe(parameter: Parameter) -> str:
    """A range or the choices in a few characters: `1e-05 … 1`, `relu, tanh`."""
    if isinstance(parameter, Categorical):
        return ", ".join(str(choice) for choice in parameter.choices)
    return f"{number(parameter.low)} … {number(parameter.high)}"


def parse_parameter(text: str) -> Parameter:
    """`LOW:HIGH[:log][:int]` or `a,b,c` as a parameter.

    Raises:
        ValueError: it is neither, or what it says breaks a rule of `Float`, `Int` or `Categorical`.
    """
    if ":" not in text or "," in text:  # a choice may hold a colon, as normal:0.01 does
        choices = [part.strip() for part in text.split(",")]
        if not all(choices):
            raise ValueError(f"{text!r} is neither LOW:HIGH[:log][:int] nor choices a,b,c")
        return Categorical(tuple(_literal(choice) for choice in choices))
    low, high, *words = (part.strip() for part in text.split(":"))
    unknown = [word for word in words if word not in ("log", "int")]
    if unknown:
        raise ValueError(f"{unknown[0]!r} in {text!r} is neither 'log' nor 'int'")
    bounds = []
    for part in (low, high):
        try:
            bounds.append(float(part))
        except ValueError:
            raise ValueError(f"{part!r} in {text!r} is not a number") from None
    if "int" in words:
        return Int(bounds[0], bounds[1], log="log" in words)  # type: ignore[arg-type]  # checked there
    return Float(bounds[0], bounds[1], log="log" in words)


def _literal(text: str) -> Choice:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def from_mapping(fields: Mapping[str, Any]) -> Parameter:
    """The inverse of `to_mapping`; also what a TOML table holds.

    Raises:
        ValueError: a field is missing or unknown, or a value breaks a rule of the parameter.
    """
    known = {"choices"} if "choices" in fields else {"low", "high", "log", "int", "step"}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(sorted(known))}")
    if "choices" in fields:
        return Categorical(fields["choices"])
    missing = [bound for bound in ("low", "high") if bound not in fields]
    if missing:
        raise ValueError(f"{missing[0]!r} is missing: give low and high, or choices")
    options = {name: fields[name] for name in ("log", "step") if name in fields}
    kind = Int if fields.get("int", False) else Float
    return kind(fields["low"], fields["high"], **options)


def to_mapping(parameter: Parameter) -> dict[str, Any]:
    """`{low, high, log}` or `{choices}`, as plain data; `int` and `step` only where they say something."""
    if isinstance(parameter, Categorical):
        return {"choices": list(parameter.choices)}
    fields = asdict(parameter)
    if isinstance(parameter, Int):
        fields["int"] = True
    if fields["step"] is None or (isinstance(parameter, Int) and parameter.step == 1):
        del fields["step"]
    return fields


def distribution(parameter: Parameter) -> BaseDistribution:
    """The same range as an Optuna distribution."""
    from optuna import distributions

    if isinstance(parameter, Categorical):
        return distributions.CategoricalDistribution(parameter.choices)
    if isinstance(parameter, Int):
        return distributions.IntDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    return distributions.FloatDistribution(
        parameter.low, parameter.high, log=parameter.log, step=parameter.step
    )


def contains(parameter: Parameter, value: Value) -> bool:
    """Whether a value lies inside the range or is one of the choices."""
    if isinstance(parameter, Categorical):
        return value in parameter.choices
    return isinstance(value, int | float) and parameter.low <= value <= parameter.high


def inside(space: Mapping[str, Parameter], settings: Mapping[str, Value]) -> bool:
    """Whether settings give every parameter of the space a value inside its range."""
    return all(name in settings and contains(p, settings[name]) for name, p in space.items())


def position(parameter: Numeric, value: float) -> float:
    """Where a value stands in its range, 0 at low and 1 at high, in log space where the range is."""
    low, high, x = parameter.low, parameter.high, value
    if parameter.log:
        low, high, x = math.log(low), math.log(high), math.log(value)
    return (x - low) / (high - low) if high > low else 0.5


def section(parameter: Numeric, start: float, stop: float) -> Numeric:
    """The part of a range from position `start` to `stop`; whole numbers and steps are rounded outwards."""
    if parameter.log:
        a, b = math.log(parameter.low), math.log(parameter.high)
        first, last = math.exp(a + start * (b - a)), math.exp(a + stop * (b - a))
    else:
        width = parameter.high - parameter.low
        first, last = parameter.low + start * width, parameter.low + stop * width
    # An end that has not moved stays what it was, to the last digit; no rounding passes it.
    first = parameter.low if start <= 0 else min(max(first, parameter.low), parameter.high)
    last = parameter.high if stop >= 1 else max(min(last, parameter.high), first)
    if parameter.step is not None:
        first = _stepped(parameter, first, ROUND_FLOOR)
        last = min(_stepped(parameter, last, ROUND_CEILING), parameter.high)
    if isinstance(parameter, Int):
        return replace(parameter, low=int(first), high=int(last))
    return replace(parameter, low=first, high=last)
