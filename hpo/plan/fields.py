"""The fields of a plan in one table: what each may be, what it is where nobody sets it, and what it is for.

The plan's checks (`hpo.plan.plan`), the options of the commands and the lines of `hpo init` derive from it. The fields
of the network come from `trainer.fields`. Nothing heavy is imported: `hpo --help` reads the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict

from hpo.choose.samplers import SAMPLERS
from trainer.fields import FIELDS as NETWORK
from trainer.fields import METRICS, Init, Number, OneOf, Rule, Whole, YesNo

GROUPS = ("What to search", "How much", "The network")
ROUNDS, ROUNDS_OF_HALVING = 3, 2
"""Where trials leave at rungs, few of them show where good settings are: fewer rounds, with more trials each."""

OF_A_NETWORK = OneOf((*METRICS, "loss"))
"""The metrics that a network can be searched by."""


class PlanField(NamedTuple):
    """A field of a plan.

    `help` is a sentence for the flag and for the file that `hpo init` writes. Where the default is None, `unset` says
    what happens then, and the file shows `example`. What `starts` a plan is not left out in the file. `change` is what
    a flag does in `hpo resume`, empty if it does what it does in `hpo search`; None: it can't be changed.
    """

    name: str
    group: str
    rule: Rule | None
    default: Any
    help: str
    unset: str = ""
    example: Any = None
    metavar: str | None = None
    starts: bool = False
    change: str | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """What it can be, where that is one of some words."""
        return self.rule.choices if isinstance(self.rule, OneOf) else ()

    @property
    def text(self) -> str:
        """What it is for, and its choices."""
        if not isinstance(self.rule, OneOf | Init):
            return self.help
        return f"{self.help.removesuffix('.')}: {str(self.rule).removeprefix('one of ')}."


WHAT, MUCH, NET = GROUPS
SOURCES = (
    "digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv or .parquet file, or mnist:DIR."
)
SPACE = {"learning_rate": "1e-5:1:log", "weight_decay": "1e-8:0.1:log"}
"""Rough ranges on a log scale, wide on purpose (*Deep Learning from Scratch*, 6.5.2, and wider)."""


def _network(name: str, **attributes: Any) -> PlanField:
    field = NETWORK[name]
    return PlanField(name, NET, field.rule, field.default, field.help, **attributes)


_TABLE = (
    PlanField("source", WHAT, None, None, SOURCES, example="digits", starts=True, change=""),
    PlanField("trainer", WHAT, None, None, "Your own function trains, instead of a network on SOURCE.",
        "the network", "my_model:train", "MODULE:FUNCTION", change="What trains a study that Optuna made."),
    PlanField("target", WHAT, None, None, "The column of a table that holds the labels.",
        "the source's own", "species", "COLUMN"),
    PlanField("rows", WHAT, Whole(10), None, "Search on so many rows, drawn once.", "all", 1000, "N"),
    PlanField("space", WHAT, None, SPACE, "A range LOW:HIGH[:log][:int], or choices a,b,c; can be repeated.",
        metavar="NAME=RANGE", change="A range or choices that include the study's; can be repeated."),
    PlanField("trials", MUCH, Whole(), 100, "Trainings in all, those that confirm the best settings included.",
        starts=True, metavar="N", change="Trainings in all, those already done included."),
    PlanField("rounds", MUCH, Whole(), ROUNDS, "The ranges are narrowed after each round.",
        f"{ROUNDS}; {ROUNDS_OF_HALVING} with halving", metavar="N"),
    PlanField("epochs", MUCH, Whole(), 10, "How many epochs a trial is trained.", metavar="N", starts=True),
    PlanField("seed", MUCH, Whole(0, 2**63 - 1), 0, "The same seed gives the same study, bit for bit.",
        metavar="N", starts=True),
    PlanField("metric", WHAT, None, None,
        f"What is optimized: {', '.join(OF_A_NETWORK.choices)}, or what your trainer reports.",
        "accuracy for classes, rmse for quantities", "accuracy", "NAME"),
    PlanField("direction", WHAT, OneOf(("maximize", "minimize")), None, "What to do with your trainer's metric.",
        "maximize", "minimize", "WORD"),
    PlanField("sampler", WHAT, OneOf(tuple(SAMPLERS)), None, "What draws the settings to try.",
        "thompson; sobol with halving", "tpe", "NAME"),
    PlanField("extend", WHAT, YesNo(), True, "Let ranges grow past an end that good trials crowd against.", change=""),
    PlanField("max_failures", MUCH, Whole(0), None, "Stop after more errors of your trainer than this.",
        "no limit", 5, "N", change=""),
    PlanField("halving", MUCH, Whole(2), None,
        "With 3, only the best third of a batch trains on after 1/27, 1/9 and 1/3 of the epochs.",
        "every trial does", 3, "ETA"),
    PlanField("finalists", MUCH, Whole(0), None, "Settings to confirm on fresh seeds and splits; 0 for none.",
        "by the number of trials", 5, "K"),
    PlanField("repeats", MUCH, Whole(), None, "How often a finalist is trained, on average.",
        "by the number of trials", 3, "S"),
    PlanField("timeout", MUCH, Number(open_low=True, open_high=True), None, "Begin nothing new after so many seconds.",
        "no limit", 3600, "SECONDS", change=""),
    PlanField("patience", MUCH, Whole(), None, "Stop when so many rounds improved by less than the noise.",
        "never", 2, "R", change=""),
    _network("hidden", metavar="100,100", starts=True),
    *map(_network, ("activation", "batch_norm", "dropout", "optimizer", "schedule")),
    *map(_network, ("init", "batch_size", "dtype")),
)  # fmt: skip

FIELDS = {field.name: field for field in _TABLE}
OF_THE_NETWORK = ("target", "rows", *(field.name for field in _TABLE if field.group == NET))
"""What a trainer of the user's has nothing to do with."""


class PlanFields(TypedDict, total=False):
    """The fields of a plan beside its source, as Python's users give them: for editors and type checkers."""

    trainer: str | None
    target: str | None
    rows: int | None
    space: Mapping[
        str, Any
    ]  # of each parameter a `Float`, `Int` or `Categorical`, or the same as text
    trials: int
    rounds: int
    epochs: int
    seed: int
    metric: str | None
    direction: Literal["maximize", "minimize"] | None
    sampler: str | None
    extend: bool
    max_failures: int | None
    halving: int | None
    finalists: int | None
    repeats: int | None
    timeout: float | None
    patience: int | None
    hidden: Sequence[int] | str
    activation: str
    batch_norm: bool
    dropout: float
    optimizer: str
    schedule: str
    init: str
    batch_size: int
    dtype: str


class PlanChanges(TypedDict, total=False):
    """The fields of a plan that a stored study can change."""

    source: str
    trainer: str
    space: Mapping[
        str, Any
    ]  # of each parameter a `Float`, `Int` or `Categorical`, or the same as text
    trials: int
    extend: bool
    max_failures: int | None
    timeout: float | None
    patience: int | None
