"""The plan that `hpo init` writes: every field of `hpo.plan.plan.Plan` with its default and what it is, as TOML."""

from __future__ import annotations

import json
import textwrap
from typing import Any, NamedTuple

from hpo.plan.plan import METRICS, ROUNDS_OF_HALVING, Plan, choices

HEAD = """\
# The plan of a search:  hpo search --config {name}
#
# Every field is here. A line that begins with "#" and a name is left out: what it says is the default, or an example
# where the field is not set. Flags, such as --trials 200, override the file.
"""


def _listed(field: str) -> str:
    *some, last = choices(field)
    return f"{', '.join(some)} or {last}"


class Line(NamedTuple):
    """A field and what is said of it. `example` is shown where its default is to have none; `given`: not left out."""

    field: str
    said: str
    example: Any = None
    given: bool = False


SECTIONS: dict[str, tuple[Line, ...]] = {
    "What is trained on": (
        Line(
            "source",
            "digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv or .parquet file, or mnist:DIR.",
            "digits",
            given=True,
        ),
        Line(
            "target",
            "The label column of a table. Not set: the source knows its labels.",
            "species",
        ),
        Line("rows", "Search on so many rows, drawn once. Not set: on all.", 1000),
        Line(
            "trainer",
            "MODULE:FUNCTION, a trainer of yours with data of its own: leave out the source and the network. "
            "Not set: the network is trained.",
            "my_model:train",
        ),
    ),
    "How much": (
        Line(
            "trials", "Trainings in all, those that confirm the best settings included.", given=True
        ),
        Line("epochs", "Epochs a trial is trained.", given=True),
        Line(
            "rounds",
            f"The ranges are narrowed after each. With halving the default is {ROUNDS_OF_HALVING}.",
        ),
        Line("seed", "The same seed gives the same study, bit for bit.", given=True),
        Line("timeout", "Begin nothing new after so many seconds. Not set: no limit.", 3600),
        Line(
            "patience", "Stop when so many rounds brought less than the noise. Not set: never.", 2
        ),
        Line("max_failures", "Stop after more errors of a trainer than this. Not set: never.", 5),
    ),
    "How it is searched": (
        Line(
            "metric",
            f"{', '.join(METRICS)}; or what a trainer of yours tells. Not set: accuracy for classes, rmse for "
            "quantities.",
            "accuracy",
        ),
        Line(
            "direction",
            "maximize or minimize what a trainer of yours tells. Not set: maximize.",
            "minimize",
        ),
        Line(
            "sampler",
            f"{_listed('sampler')}. Not set: thompson; sobol with halving.",
            "tpe",
        ),
        Line("extend", "Whether a range may grow past an end that the good trials crowd against."),
        Line(
            "halving",
            "3: only the best third of a batch trains on after 1/27, 1/9 and 1/3 of the epochs. Not set: all do.",
            3,
        ),
        Line(
            "finalists",
            "Settings to confirm on fresh seeds and splits, 0 for none. Not set: by the trials.",
            5,
        ),
        Line("repeats", "Trainings for each of them on average. Not set: by the trials.", 3),
    ),
    "The network, where [space] does not say": (
        Line("hidden", "Units of each hidden layer.", given=True),
        Line("activation", f"{_listed('activation')}."),
        Line("optimizer", f"{_listed('optimizer')}."),
        Line("schedule", f"Of the learning rate: {_listed('schedule')}."),
        Line("batch_size", "Rows in a minibatch."),
        Line("batch_norm", "Normalize every hidden layer."),
        Line("dropout", "Share of hidden units left out, from 0 to below 1."),
        Line("init", "The first weights: he, xavier, lecun, zeros or normal:STD."),
        Line("dtype", f"{_listed('dtype')}."),
    ),
}

WIDTH = 100
SPACE = """\
# What is searched, and from where to where: "LOW:HIGH", with :log on a log scale and :int for whole numbers; or
# "a,b,c", choices. `hpo search --help` and the README tell what the network has.
[space]
learning_rate = "1e-5:1:log"
weight_decay = "1e-8:0.1:log"
#weight_decay = { low = 1e-8, high = 0.1, log = true, zero = 0.1 }  # a tenth of the draws are 0
#dropout = { low = 0.0, high = 0.5, limit = [0.0, 0.8] }  # as far as it may grow; or extend = false
#units = "16:128:log:int"  # of every hidden layer
#layers = "1:3:int"
#batch_size = "16,32,64"
#optimizer = "momentum,adam"
"""


def template(name: str) -> str:
    """The text of a plan for a file of that name: as it is, a search on digits by all defaults."""
    parts = [HEAD.format(name=name)]
    for title, lines in SECTIONS.items():
        parts += [f"\n\n# --- {title} ---\n", *map(_field, lines)]
    return "".join([*parts, "\n\n", SPACE])


def _field(line: Line) -> str:
    said = textwrap.fill(
        line.said, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    default = Plan.model_fields[line.field].default
    value = json.dumps(line.example if default is None else default)
    return f"\n{said}\n{'' if line.given else '#'}{line.field} = {value}\n"
