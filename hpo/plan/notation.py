"""Ranges, choices and values as text, in flags and TOML: `LOW:HIGH[:log][:int][:step=S][:zero=SHARE]` or `a,b,c`.
In flags, a condition may come before: `CHOICE=a|b=LOW:HIGH`.

What looks like a range in another notation, or like a tuple, is refused with the right notation. As choices it would
be searched without a word.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hpo.plan.fields import RANGE
from hpo.plan.space import Categorical, Float, Int, Parameter, Value

WORDS: dict[str, Value] = {"true": True, "false": False, "none": None}
NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
TWO_NUMBERS = re.compile(rf"{NUMBER}\s*(?:\.\.+|…|[-–→;~|/,:]|\bto\b|\s)\s*{NUMBER}")
CHOICE = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,]*?)\s*,""")  # a comma in quotes is no end of it
QUOTES = ('"', "'")
VALUE = r"""("[^"]*"|'[^']*'|[^=@|"']+)"""
CONDITION = re.compile(rf"([A-Za-z_]\w*)=({VALUE}(?:\|{VALUE})*)([=@])")


def parse_parameter(text: str) -> Parameter:
    """A range or choices as a parameter.

    Raises:
        ValueError: it is neither, or it breaks a rule of `Float`, `Int` or `Categorical`.
    """
    if ":" in text and "," not in text and text.strip()[:1] not in QUOTES:
        return _range(text)
    choices = CHOICE.findall(f"{text},")  # a choice may hold a colon, as normal:0.01 does
    if not all(choices) or _is_mistaken([c for c in choices if not _is_quoted(c)]):
        what = f": {hint}" if (hint := _hint(text)) else f": write {RANGE} or a,b,c"
        raise ValueError(f"{text!r} is neither a range nor choices{what}")
    return Categorical(tuple(map(parse_value, choices)))


def parse_conditional(text: str) -> Parameter:
    """A range or choices after one or several conditions: `optimizer=sgd|momentum@schedule=step=0:0.99`.

    Raises:
        ValueError: it is something else.
    """
    when: dict[str, tuple[Value, ...]] = {}
    rest, more = text, True
    while more:
        if (condition := CONDITION.match(rest)) is None or condition[1] in when:
            raise ValueError(f"{text!r} is no condition and range: write CHOICE=a|b=LOW:HIGH")
        values = [found[0] for found in re.finditer(VALUE, condition[2])]
        when[condition[1]] = tuple(parse_value(value.strip()) for value in values)
        rest, more = rest[condition.end() :], condition[0].endswith("@")
    return replace(parse_parameter(rest), when=when)


def _range(text: str) -> Parameter:
    low, high, *words = (part.strip() for part in text.split(":"))
    fields: dict[str, Any] = {}
    for word in words:
        name, equals, value = (part.strip() for part in word.partition("="))
        if name in ("log", "int") and not equals:
            fields[name] = True
        elif name in ("step", "zero") and equals:
            fields[name] = _number(value, text)
        else:
            raise ValueError(f"{word!r} in {text!r} is none of log, int, step=S and zero=SHARE")
    ends = _number(low, text), _number(high, text)
    if not fields.pop("int", False):
        return Float(*ends, **fields)
    if "zero" in fields:
        raise ValueError(f"zero in {text!r}: whole numbers have none; let the range begin at 0")
    return Int(*ends, **fields)  # type: ignore[arg-type]  # checked there


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} in {whole!r} is not a number") from None


def _is_mistaken(choices: list[str]) -> bool:
    """Whether choices look like a range, a tuple or a list."""
    ranges = [c for c in choices if TWO_NUMBERS.fullmatch(c)]
    numbers = [c for c in choices if re.fullmatch(NUMBER, c)]
    alone = len(choices) == 1
    return (
        any(":" in c for c in ranges)
        or (alone and bool(ranges or re.search(r"[\s;|]", choices[0])))
        or (bool(ranges or numbers) and bool({"log", "int"} & set(map(str.lower, choices))))
        or any(
            c[0] in "([{\"'" or c.count(a) != c.count(b)
            for c in choices
            for a, b in ("()", "[]", "{}")
        )
    )


def _hint(text: str) -> str:
    """What would be right; empty if that is unknown."""
    bare = re.sub(r"[A-Za-z_]{3,}|[()\[\]{}]", " ", text).strip(
        " ,:"
    )  # without log, int and the like
    if ends := TWO_NUMBERS.fullmatch(bare):
        words = "".join(f":{word}" for word in ("log", "int") if word in text.lower())
        choices = f", {ends[1]},{ends[2]} for choices" if "," in text and not words else ""
        return f"write {ends[1]}:{ends[2]}{words} for a range{choices}"
    if re.search(r"[(\[{].*[(\[{]", text):
        return "a choice is no list; give each a name, such as 64x64, which your function turns into it"
    if text[:1] in ("(", "[", "{"):
        return f"write {text.strip('()[]{} ')}"
    if "," not in text and (parts := re.split(r"[\s;|]+", text.strip()))[1:]:
        return f"write {','.join(parts)}, or quote text that is one choice"
    return ""


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES


def parse_value(text: str) -> Value:
    """A choice or a number as text, as the value that it stands for; in quotes it is text."""
    if _is_quoted(text):
        return text[1:-1]
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
