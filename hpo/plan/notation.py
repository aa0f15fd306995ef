"""Ranges, choices and values as text, in flags and TOML: `LOW:HIGH[:log][:int]` or `a,b,c`."""

from __future__ import annotations

from hpo.plan.space import Categorical, Float, Int, Parameter, Value


def parse_parameter(text: str) -> Parameter:
    """`LOW:HIGH[:log][:int]` or `a,b,c` as a parameter.

    Raises:
        ValueError: it is neither, or it breaks a rule of `Float`, `Int` or `Categorical`.
    """
    if ":" not in text or "," in text:  # a choice may hold a colon, as normal:0.01 does
        choices = [part.strip() for part in text.split(",")]
        if not all(choices):
            raise ValueError(f"{text!r} is neither LOW:HIGH[:log][:int] nor choices a,b,c")
        return Categorical(tuple(map(parse_value, choices)))
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


def parse_value(text: str) -> Value:
    """A choice or a number as text, as the value that it stands for."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
