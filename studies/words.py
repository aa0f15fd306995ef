"""How numbers, times, ranges and settings are written, the same in the terminal, in reports, figures and messages.

Everything here is cheap to import and knows nothing of ours, so any module may use it.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeGuard

AGES = (  # unit, its seconds, and below how many of it it is used
    ("s", 1, 60),
    ("min", 60, 60),
    ("h", 3600, 48),
    ("days", 86400, 61),
    ("months", 30.44 * 86400, 24),
    ("years", 365.25 * 86400, float("inf")),
)

ROUNDING = 1e-9  # times a value: differences below that are of arithmetic
MILLION, MANY_DECIMALS = 1e6, 9  # from here on numbers have an exponent


def number(value: float | None, digits: int = 3) -> str:
    """A number with 3 significant digits, whole numbers in full, no exponent below a million; a dash for None."""
    if value is None:
        return "–"
    if abs(value) < 1e6 and value == round(value):
        return f"{value + 0.0:.0f}"  # -0.0 + 0.0 is 0.0
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if 1e3 <= abs(value) < 1e6 and "e" in text else text


class Notation(NamedTuple):
    """How the values of one list are written: with so many decimals (-2: in hundreds), or all with an exponent."""

    decimals: int
    exponent: bool = False


def notation(
    values: Iterable[float | None], intervals: Iterable[tuple[float, float] | None] = ()
) -> Notation:
    """One notation for a list of values and their intervals.

    It shows two significant digits of half the narrowest interval, four of the largest value if there is no interval,
    and two of the smallest value where an interval is up to a hundred times as wide. It never shows too few to tell
    unequal values apart. An interval below what arithmetic may round is none. Where a value has a million or more, or
    needs nine decimals, all have an exponent.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    intervals = list(intervals)
    halves = [(ends[1] - ends[0]) / 2 for ends in intervals if uncertain(ends)]
    halves = [half for half in halves if math.isfinite(half)]
    largest = max(map(abs, known), default=0.0)
    ends_of = [abs(end) for ends in intervals if uncertain(ends) for end in ends]
    widest = max([largest, *filter(math.isfinite, ends_of)])
    found = 3 - _exponent(largest, 4) if largest else 0
    if halves:
        by_interval = 1 - _exponent(min(halves), 2)
        smallest = min((abs(value) for value in known if value), default=0.0)
        by_value = 1 - _exponent(smallest, 2) if smallest else by_interval
        found = min(max(by_interval, by_value), by_interval + 2)
    # Values that differ by less than arithmetic may round them are equal.
    least = ROUNDING * largest
    ordered = sorted(known)
    pairs = [(a, b) for a, b in itertools.pairwise(ordered) if b - a > least]
    while True:
        shown = Notation(found, exponent=widest >= MILLION or found >= MANY_DECIMALS)
        if all(rounded(a, shown) != rounded(b, shown) for a, b in pairs):
            return shown
        found += 1


def uncertain(ends: tuple[float, float] | None) -> TypeGuard[tuple[float, float]]:
    """Whether an interval says anything: it is known, and wider than what arithmetic rounds."""
    return ends is not None and ends[1] - ends[0] > ROUNDING * max(map(abs, ends))


def rounded(value: float | None, shown: Notation) -> str:
    """A number in the notation of its list; a dash for None."""
    if value is None:
        return "–"
    if not math.isfinite(value) or (value == 0 and shown.exponent):
        return number(value)
    if shown.exponent:
        return f"{value:.{min(max(0, _exponent(value, 1) + shown.decimals), 16)}e}"
    return f"{round(value, shown.decimals) + 0.0:.{max(shown.decimals, 0)}f}"


def column(values: Iterable[float | None], digits: int = 4) -> list[str]:
    """The numbers of a column in one notation: with an exponent if they span more than three decades, or are very large
    or small; else in decimals, of which the smallest number has so many `digits`.
    """
    known = list(values)
    sizes = [abs(value) for value in known if value and math.isfinite(value)]
    least, most = min(sizes, default=1.0), max(sizes, default=1.0)
    whole = most < MILLION and all(size == round(size) for size in sizes)
    if not whole and (most > 1e3 * least or least < 1e-4 or most >= MILLION):
        return [
            number(v) if not v or not math.isfinite(v) else f"{v:.{digits - 1}e}" for v in known
        ]
    shown = Notation(0 if whole else digits - 1 - _exponent(least, digits))
    texts = [rounded(value, shown) for value in known]
    if shown.decimals > 0:  # zeros at the end of all of them say nothing
        ends = [len(t) - len(t.rstrip("0")) for t in texts if "." in t]
        cut = min([shown.decimals, *ends])
        texts = [t[:-cut].rstrip(".") if cut and "." in t else t for t in texts]
    return texts


def estimate(
    value: float | None, ends: tuple[float, float] | None, shown: Notation | None = None
) -> str:
    """A value with its interval: `0.9753 ± 0.0042`, or `0.994, 0.971 … 1.000` if the value is not in the middle.

    `shown` is the notation of a list that it stands in; without it, it follows from its own interval. Half the interval
    has two significant digits at most: `0.37 ± 1.7`.
    """
    shown = notation([value], [ends]) if shown is None else shown
    if value is None or not uncertain(ends):
        return rounded(value, shown)
    below, above = abs(ends[0] - value), abs(ends[1] - value)
    if rounded(below, shown) != rounded(above, shown):
        return f"{rounded(value, shown)}, {between(ends, shown)}"
    most = min(shown.decimals, 1 - _exponent(above, 2))
    return f"{rounded(value, shown)} ± {rounded(above, shown._replace(decimals=most))}"


def between(ends: tuple[float, float], shown: Notation) -> str:
    """An interval: `0.971 … 1.000`."""
    return f"{rounded(ends[0], shown)} … {rounded(ends[1], shown)}"


def _exponent(value: float, digits: int) -> int:
    """The power of ten of the first digit, after rounding to so many digits."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2]) if math.isfinite(value) else 0


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 trial, 1,200 trials."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(texts: Iterable[str], most: int) -> str:
    """The first of many texts, and how many there are more: `a, b, c and 12 more`."""
    known = list(texts)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def file_name(name: str) -> str:
    """A study's name as part of a file name, without folders and special characters."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.")[:60] or "study"


def percent(share: float) -> str:
    """A share in percent: 0 and 100 % are exactly that."""
    if 0 < share < 0.01:
        return "below 1 %"
    return "above 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


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


PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def placeholders(command: str) -> list[str]:
    """The names in braces of a command line, each once: `./train --lr {learning_rate}`."""
    return list(dict.fromkeys(PLACEHOLDER.findall(command)))


def filled(command: str, values: Mapping[str, Any], absent: Iterable[str] = ()) -> list[str]:
    """The words of a command line, with values in the places of its placeholders; those without a value stay.

    A word with the placeholder of a parameter that is `absent`, since it does not apply, is left out, and so is the
    option that a placeholder alone comes after.
    """
    words, names = shlex.split(command), set(absent)
    kept = [names.isdisjoint(placeholders(word)) for word in words]
    for k in range(1, len(words)):
        if not kept[k] and PLACEHOLDER.fullmatch(words[k]) and words[k - 1].startswith("-"):
            kept[k - 1] = False
    return [
        PLACEHOLDER.sub(lambda name: str(values.get(name[1], name[0])), word)
        for word in itertools.compress(words, kept)
    ]


def of_range(choices: Any, low: float = 0.0, high: float = 0.0) -> str:
    """A range, or the choices if they are a list or a tuple: `1e-05 … 1`, `relu, tanh`."""
    if isinstance(choices, list | tuple):
        return ", ".join(map(str, choices))
    return f"{number(low)} … {number(high)}"


def describe(parameter: Any) -> str:
    """The range or the choices of a parameter: of an object or a mapping with `choices`, or with `low` and `high`."""
    fields = parameter if isinstance(parameter, Mapping) else vars(parameter)
    return of_range(fields.get("choices"), fields.get("low", 0.0), fields.get("high", 0.0))


def one_of(values: Iterable[Any]) -> str:
    """Values of which any will do: `sgd, momentum or adam`."""
    *others, last = map(str, values)
    return f"{', '.join(others)} or {last}" if others else last


def condition(parameter: Any) -> str:
    """When a parameter applies, after its range: ` if optimizer is sgd or momentum`; nothing if it always does."""
    when = parameter.get("when") if isinstance(parameter, Mapping) else parameter.when
    terms = [f"{name} is {one_of(values)}" for name, values in (when or {}).items()]
    return f" if {' and '.join(terms)}" if terms else ""


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


def finite(data: Any) -> Any:
    """Plain data without NaN and infinities, which JSON lacks: they become None."""
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [*map(finite, data)]
    return None if isinstance(data, float) and not math.isfinite(data) else data
