"""How numbers, times, ranges and settings are written, the same in the terminal, in reports, figures and messages.

Everything here is cheap to import and knows nothing of ours, so any module may use it.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

AGES = (  # unit, its seconds, and below how many of it it is used
    ("s", 1, 60),
    ("min", 60, 60),
    ("h", 3600, 48),
    ("days", 86400, 61),
    ("months", 30.44 * 86400, 24),
    ("years", 365.25 * 86400, float("inf")),
)


def number(value: float | None, digits: int = 3) -> str:
    """A number with 3 significant digits, whole numbers in full, no exponent below a million; a dash for None."""
    if value is None:
        return "–"
    if abs(value) < 1e6 and value == round(value):
        return f"{value + 0.0:.0f}"  # -0.0 + 0.0 is 0.0
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if 1e3 <= abs(value) < 1e6 and "e" in text else text


def decimals(
    values: Iterable[float | None], intervals: Iterable[tuple[float, float] | None] = ()
) -> int:
    """With how many decimals the values of a list are shown; -2: in hundreds.

    They show two significant digits of half the narrowest interval; four of the largest value if there is no interval.
    There are never too few to tell unequal values apart.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    halves = [half for ends in intervals if ends and 0 < (half := _half(ends)) < math.inf]
    largest = max(map(abs, known), default=0.0)
    found = 1 - _exponent(min(halves), 2) if halves else 3 - _exponent(largest, 4)
    # Values that differ by less than arithmetic may round them are equal.
    least = 1e-9 * largest
    ordered = sorted(known)
    pairs = [(a, b) for a, b in itertools.pairwise(ordered) if b - a > least]
    while any(rounded(a, found) == rounded(b, found) for a, b in pairs):
        found += 1
    return found


def rounded(value: float | None, decimals: int) -> str:
    """A number with so many decimals, in hundreds for -2; a dash for None. A very large one has an exponent."""
    if value is None:
        return "–"
    if abs(value) < 1e6 and decimals < 9:
        return f"{round(value, decimals) + 0.0:.{max(decimals, 0)}f}"
    if value == 0 or not math.isfinite(value):
        return number(value)
    return f"{value:.{min(max(0, _exponent(value, 1) + decimals), 16)}e}"


def estimate(
    value: float | None, ends: tuple[float, float] | None, shown: int | None = None
) -> str:
    """A value with its interval: `0.9753 ± 0.0042`, or `0.994, 0.971 … 1.000` if the value is not in the middle.

    `shown` are the decimals of a list that it stands in; without it they follow from its own interval.
    """
    shown = decimals([value], [ends]) if shown is None else shown
    if value is None or not ends or ends[0] == ends[1]:
        return rounded(value, shown)
    below, above = (rounded(abs(end - value), shown) for end in ends)
    if below == above:
        return f"{rounded(value, shown)} ± {above}"
    return f"{rounded(value, shown)}, {between(ends, shown)}"


def between(ends: tuple[float, float], shown: int) -> str:
    """An interval: `0.971 … 1.000`."""
    return f"{rounded(ends[0], shown)} … {rounded(ends[1], shown)}"


def _half(ends: tuple[float, float]) -> float:
    return (ends[1] - ends[0]) / 2


def _exponent(value: float, digits: int) -> int:
    """The power of ten of the first digit, after rounding to so many digits."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2]) if math.isfinite(value) else 0


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 trial, 1,200 trials."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def without_addresses(text: str) -> str:
    """The text of an error without places in memory, which differ each time: <Net object at 0x…>."""
    return re.sub(r"\b0x[0-9a-fA-F]{6,}", "0x…", text)


def distinct(value: Any) -> tuple[bool, Any]:
    """A choice as a key which differs for true and 1, and for false and 0, that are equal in Python."""
    return isinstance(value, bool), value


def setting(value: Any) -> str:
    """The value of one setting, or a list of them."""
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value))
    return number(value) if isinstance(value, float) else str(value)


def settings(params: Mapping[str, Any]) -> str:
    """Settings in a line: `learning_rate 0.07 · weight_decay 0.00267`."""
    return " · ".join(f"{name} {setting(value)}" for name, value in params.items())


def of_range(choices: Any, low: float = 0.0, high: float = 0.0) -> str:
    """A range, or the choices if they are a list or a tuple: `1e-05 … 1`, `relu, tanh`."""
    if isinstance(choices, list | tuple):
        return ", ".join(map(str, choices))
    return f"{number(low)} … {number(high)}"


def describe(parameter: Any) -> str:
    """The range or the choices of a parameter: of an object or a mapping with `choices`, or with `low` and `high`."""
    fields = parameter if isinstance(parameter, Mapping) else vars(parameter)
    return of_range(fields.get("choices"), fields.get("low", 0.0), fields.get("high", 0.0))


def duration(seconds: float) -> str:
    """A length of time: 0.35 s, 8 s, 3 min, 2 h 05 min, 4 days."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60:02d} min" if minutes % 60 else "")
    return f"{seconds / 86400:,.0f} days"


def age(seconds: float) -> str:
    """How long ago something was: 8 s, 3 min, 2 h, 5 days."""
    unit, size = next((unit, size) for unit, size, below in AGES if seconds < size * below)
    return f"{max(0, int(seconds / size))} {unit}"


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean 'epochs'?` with the known name that is nearest to a mistyped one, or whose words begin with its
    letters; `otherwise` if there is none.
    """
    names = {name.casefold(): name for name in known}
    initials = {"".join(part[:1] for part in name.split("_")): name for name in names}
    near = difflib.get_close_matches(word.casefold(), names, n=1)
    near = near or [name for short, name in initials.items() if short == word.casefold()]
    return f"did you mean {names[near[0]]!r}?" if near else otherwise
