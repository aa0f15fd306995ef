"""How numbers, times, ranges and settings are written, the same in the terminal, in reports, figures and messages.

Everything here is cheap to import and knows nothing of ours, so any module may use it.
"""

from __future__ import annotations

import difflib
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


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 trial, 1,200 trials."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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
    """`did you mean 'epochs'?` with the known name that is nearest to a mistyped one; `otherwise` if none is near."""
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), names, n=1)
    return f"did you mean {names[near[0]]!r}?" if near else otherwise
