"""The plan that `hpo init` writes: every field with its default and purpose, as TOML."""

from __future__ import annotations

import json
import textwrap

from hpo.plan.fields import FIELDS, GROUPS, SPACE, PlanField
from trainer.fields import SEARCHED, readers

HEAD = """\
# The plan of a search:  hpo search --config {name}
#
# Every field is here. A line that begins with "#" and a name has no effect: it shows the default, or an example where
# nothing is set by default. Flags, such as --trials 200, override the file.
"""
RANGES = """\
# --- The ranges to search ---
#
# "LOW:HIGH", with :log on a log scale and :int for whole numbers; or "a,b,c", choices. The network has:
#
"""
EXAMPLES = """\
#weight_decay = { low = 1e-8, high = 0.1, log = true, zero = 0.1 }  # a tenth of the draws are 0
#dropout = { low = 0.0, high = 0.5, limit = [0.0, 0.8] }  # as far as it may grow; or extend = false
#units = "16:128:log:int"
#optimizer = "momentum,adam"
#beta1 = { low = 0.5, high = 0.99, when = { optimizer = "adam" } }  # only where it applies
"""
WIDTH = 100


def template(name: str) -> str:
    """The text of a plan that searches on digits with all defaults, for a file of that name."""
    parts = [HEAD.format(name=name)]
    for group in GROUPS:
        fields = [f for f in FIELDS.values() if f.group == group and f.name != "space"]
        parts += [f"\n\n# --- {group} ---\n", *map(_line, fields)]
    ranges = [f'{name} = "{text}"\n' for name, text in SPACE.items()]
    return "".join(
        [*parts, "\n\n", RANGES, *map(_parameter, SEARCHED), "\n[space]\n", *ranges, EXAMPLES]
    )


def _line(field: PlanField) -> str:
    unset = f" Not set: {field.unset}." if field.unset else ""
    value = json.dumps(field.example if field.default in (None, ()) else field.default)
    return f"\n{_comment(field.text + unset)}{'' if field.starts else '#'}{field.name} = {value}\n"


def _parameter(name: str) -> str:
    """A parameter's purpose, its rule, and which fields read it."""
    field, depends = SEARCHED[name], readers(name)
    read = f" Read by {' and '.join(depends[1])}." if depends else ""
    return _comment(
        f"{name}: {field.help[0].lower()}{field.help[1:-1]}; {field.rule.text}.{read}", "#     "
    )


def _comment(text: str, indent: str = "# ") -> str:
    lines = textwrap.wrap(
        text, WIDTH, initial_indent="# ", subsequent_indent=indent, break_on_hyphens=False
    )
    return "".join(f"{line}\n" for line in lines)
