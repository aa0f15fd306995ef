"""Settings and ranges as a person writes them, for the report and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from studies.plots.scales import number


def shown(value: Any) -> str:
    """A setting, or several; a dash for what is missing."""
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if value is None or value is pd.NA or value != value:
        return "–"
    return number(value) if isinstance(value, float) else str(value)


def of_range(choices: Sequence[Any] | None, low: float, high: float, *, log: bool = False) -> str:
    """A range, or the choices where there are some."""
    if isinstance(choices, list):
        return ", ".join(map(str, choices))
    return f"{number(low)} … {number(high)}{', log' if log else ''}"
