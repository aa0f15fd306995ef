"""Student's t distribution at the level of all intervals and comparisons.

The numbers are those of scipy.stats.t. They come from scipy.special, because scipy.stats takes half a second to import.
"""

from __future__ import annotations

LEVEL = 0.95


def reach(degrees: int) -> float:
    """How many standard errors an interval reaches on either side of a mean."""
    from scipy import special

    return float(special.stdtrit(degrees, (1 + LEVEL) / 2))


def differs(errors: float, degrees: int) -> bool:
    """Whether a mean that is so many standard errors away from 0 differs from it, by a two-sided test."""
    from scipy import special

    return bool(2 * special.stdtr(degrees, -abs(errors)) < 1 - LEVEL)
