"""What is wrong with a field of a plan, in one line."""

from __future__ import annotations

from pydantic import ValidationError

from hpo.plan.fields import FIELDS
from studies.words import nearest
from trainer.fields import Rule


def broken(rule: Rule, value: object) -> str:
    """What is wrong with a value that breaks a rule, with the choice that may have been meant."""
    near = nearest(str(value), rule.choices, "")
    return f"{value!r} is not {rule.text}; {near}".removesuffix("; ")


_KINDS = ("int", "float", "bool", "tuple", "string")
_WRONG = ("type", "parsing", "parsing_size", "from_float")
_OF_RULES = {"literal_error", *(f"{kind}_{wrong}" for kind in _KINDS for wrong in _WRONG)}
"""What pydantic says of a value of another type than its field's: the field's rule says it better."""


def one_line(error: ValidationError, where: str) -> str:
    """The first error of a plan, with `where` the plan comes from."""
    # A wrong field is more helpful to hear of than a missing one: it may be the missing one, misspelt.
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda e: e["type"] == "missing")
    field = ".".join(str(part) for part in first["loc"] if part != "[key]")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = f"the fields are {', '.join(FIELDS)}"
        message = f"there is no such field; {nearest(field, FIELDS, known)}"
    elif first["type"] == "string_pattern_mismatch":
        message = "a parameter's name is letters, digits and _ only"
        if field == "trainer":
            message = f"{first['input']!r} is not FILE.py:FUNCTION or MODULE:FUNCTION, such as my_model.py:train"
    elif first["type"] in _OF_RULES and (plan_field := FIELDS.get(str(first["loc"][0]))):
        field, rule = plan_field.name, plan_field.rule
        message = broken(rule, first["input"])
        if rule.kind is tuple:
            message += f", such as {plan_field.metavar}"
    elif first["type"] not in ("value_error", "missing"):
        message = f"{message[0].lower()}{message[1:]}, not {first['input']!r}"
    return ": ".join(part for part in (where, field, message) if part)
