"""The fields of a plan in one table: what each may be, its default, and what it is for.

The plan's checks (`hpo.plan.plan`), the options of the commands and the lines of `hpo init` derive from it. The fields
of the network come from `trainer.fields`. Nothing heavy is imported: `hpo --help` reads the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict

from hpo.choose.samplers import SAMPLERS
from trainer.fields import FIELDS as NETWORK
from trainer.fields import METRICS, YES_NO, Rule, number, one_of, whole

GROUPS = ("What to search", "How much", "The network")
ROUNDS, ROUNDS_OF_HALVING = 3, 2
"""With halving, few trials of a round show where good settings are, so there are fewer rounds with more trials each."""

OF_A_NETWORK = one_of([*METRICS, "loss"])
"""The metrics that a network can be searched by."""


class PlanField(NamedTuple):
    """A field of a plan.

    `help` is shown with its flag and in the file that `hpo init` writes. If the default is None, `unset` says what it
    comes to, and the file shows `example`. A field that `starts` a plan is in effect in that file, others are commented
    out. `change` is the help of `hpo resume`, empty if it is the same; a field without it can't change.
    """

    name: str
    group: str
    rule: Rule
    default: Any
    help: str
    unset: str = ""
    example: Any = None
    metavar: str | None = None
    starts: bool = False
    change: str | None = None

    @property
    def text(self) -> str:
        """The help, with the choices if there are some."""
        if not self.rule.text.startswith("one of "):
            return self.help
        return f"{self.help.removesuffix('.')}: {self.rule.text.removeprefix('one of ')}."


WHAT, MUCH, NET = GROUPS
TEXT = Rule("text", lambda _: True, str)  # the plan itself checks it
UNDERSTANDING = 2
"""How tables are understood today (`trainer.data.reading`). A stored plan that does not say it is of version 1."""

NAMES = Rule("a list of names", lambda names: all(isinstance(name, str) for name in names), tuple)
SOURCES = (
    "digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv, .txt (also .gz), .parquet or .npz file, openml:NAME, "
    "or mnist:DIR."
)
RANGE = "LOW:HIGH[:log][:int][:step=S][:zero=SHARE]"
"""How a range is written as text (`hpo.plan.notation`)."""

SPACE = {"learning_rate": "1e-5:1:log", "weight_decay": "1e-8:0.1:log"}
"""Rough ranges on a log scale, wide on purpose (*Deep Learning from Scratch*, 6.5.2, and wider)."""


def _network(name: str, **attributes: Any) -> PlanField:
    field = NETWORK[name]
    return PlanField(name, NET, field.rule, field.default, field.help, **attributes)


_TABLE = (
    PlanField("source", WHAT, TEXT, None, SOURCES, example="digits", starts=True, change=""),
    PlanField("trainer", WHAT, TEXT, None,
        "A function of yours trains, instead of a network on SOURCE: FILE.py:FUNCTION or MODULE:FUNCTION.",
        "the network", "my_model:train", "FUNCTION", change="What trains a study that Optuna made."),
    PlanField("program", WHAT, TEXT, None,
        "A program of yours trains: a command line with a placeholder for each parameter.",
        "the network", "./train --lr {learning_rate} --epochs {epochs}", "COMMAND",
        change="The same program, in the current folder; or what trains a study that Optuna made."),
    PlanField("target", WHAT, TEXT, None, "The column of a table that holds the labels.",
        "the source's own", "species", "COLUMN"),
    PlanField("task", WHAT, one_of(["classification", "regression"]), None, "What the labels of a table are.",
        "by the metric, else by the labels", "regression", "TASK"),
    PlanField("drop", WHAT, NAMES, (), "A column of a table to leave out; can be repeated.", "none", ["id"], "COLUMN"),
    PlanField("encoding", WHAT, TEXT, None, "The encoding of a file of text.", "the file tells", "cp949", "NAME"),
    PlanField("header", WHAT, YES_NO, True,
        "Whether the first row of a file of text names its columns; if not, --target is a position from 0, or -1."),
    PlanField("group", WHAT, TEXT, None,
        "A column that says which rows belong together: no two splits share them.", "none", "patient",
        "COLUMN"),
    PlanField("time", WHAT, TEXT, None,
        "A column with times: the latest rows test, those before them validate, and earlier ones train.",
        "rows are drawn at random", "date", "COLUMN"),
    PlanField("weight", WHAT, TEXT, None,
        "A column that says how much a row counts in training and in the loss; metrics count every row the same.",
        "all count the same", "weight", "COLUMN"),
    PlanField("dates", WHAT, YES_NO, False, "Read columns of dates as days since 1970, instead of as text."),
    PlanField("drop_rare", WHAT, YES_NO, False, "Leave out the rows of classes that have too few of them."),
    PlanField("rows", WHAT, whole(10), None, "Search on so many rows, drawn once.", "all", 1000, "N"),
    PlanField("folds", MUCH, whole(2), None,
        "Score settings by cross-validation, as the mean of so many folds: each setting takes so many trainings.",
        "one split", 5, "K"),
    PlanField("space", WHAT, TEXT, SPACE,
        f"A range {RANGE}, or choices a,b,c; NAME@CHOICE=a|b=RANGE applies only then; can be repeated.",
        metavar="NAME=RANGE", change="A range or choices that include the study's; can be repeated."),
    PlanField("trials", MUCH, whole(), 100, "Trainings in all, those that confirm the best settings included.",
        starts=True, metavar="N",
        change="Trainings in all, those done included; Optuna's and those of hpo confirm are beside them."),
    PlanField("rounds", MUCH, whole(), ROUNDS, "The ranges are narrowed after each round.",
        f"{ROUNDS}; {ROUNDS_OF_HALVING} with halving", metavar="N"),
    PlanField("epochs", MUCH, whole(), 10, "How many epochs a trial is trained.", metavar="N", starts=True),
    PlanField("seed", MUCH, whole(0, 2**63 - 1), 0, "The same seed gives the same study, bit for bit.",
        metavar="N", starts=True),
    PlanField("metric", WHAT, TEXT, None,
        f"What is optimized: {', '.join(OF_A_NETWORK.choices)}, or what your trainer reports.",
        "accuracy for classes, rmse for quantities", "accuracy", "NAME"),
    PlanField("direction", WHAT, one_of(["maximize", "minimize"]), None, "What to do with your trainer's metric.",
        "maximize", "minimize", "WORD"),
    PlanField("sampler", WHAT, one_of([*SAMPLERS]), None, "What draws the settings to try.",
        "model; sobol with halving", "tpe", "NAME"),
    PlanField("ahead", MUCH, whole(), 2,
        "How many trials of your trainer can train at once: trial n is drawn when those up to n - N have ended.",
        metavar="N"),
    PlanField("extend", WHAT, YES_NO, True, "Let ranges grow past an end where the best likely lies.", change=""),
    PlanField("max_failures", MUCH, whole(0), None, "Stop after more errors of your trainer than this.",
        "no limit", 5, "N", change=""),
    PlanField("halving", MUCH, whole(2), None,
        "With 3, only the best third of a batch trains on after 1/27, 1/9 and 1/3 of the epochs.",
        "every trial does", 3, "ETA"),
    PlanField("finalists", MUCH, whole(0), None, "Settings to confirm on fresh seeds and splits; 0 for none.",
        "by the noise", 5, "K"),
    PlanField("repeats", MUCH, whole(), None, "How often a finalist is trained, on average.",
        "by the noise", 3, "S"),
    PlanField("timeout", MUCH, number(open_low=True, open_high=True), None,
        "Begin nothing new after so many seconds, or after 30m or 1h30m.", "no limit", 3600, "TIME", change=""),
    PlanField("trial_timeout", MUCH, number(open_low=True, open_high=True), None,
        "A trial of your trainer fails if it trains for more than so many seconds, or 30m or 1h30m.",
        "no limit", 600, "TIME",
        change=""),
    PlanField("trial_memory", MUCH, whole(2**20), None,
        "A trial of your trainer fails if its process needs more than so many bytes, or 512M or 4G; on Linux.",
        "no limit",
        4_000_000_000, "BYTES", change=""),
    PlanField("patience", MUCH, whole(), None, "Stop when so many rounds improved by less than the noise.",
        "never", 2, "R", change=""),
    _network("hidden", metavar="100,100", starts=True),
    *map(_network, ("activation", "batch_norm", "dropout", "optimizer", "schedule")),
    *map(_network, ("init", "batch_size", "dtype")),
    PlanField("baseline", WHAT, TEXT, (),
        "The settings in use today, or default for the network's: trained first, raced, and compared with; can be "
        "repeated.", "none", "default", "NAME=VALUE,…"),
)  # fmt: skip

FIELDS = {field.name: field for field in _TABLE}
OF_A_SOURCE = (
    "target", "task", "drop", "group", "time", "weight", "dates", "drop_rare", "encoding", "header", "rows",
)  # fmt: skip
"""The fields that say how a source is to be understood."""
OF_THE_NETWORK = (*OF_A_SOURCE, "folds", *(field.name for field in _TABLE if field.group == NET))
"""The fields that a function or a program of the user's has no use for."""


UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Seconds, from a number of them or from a duration such as `90s`, `30m`, `1.5h` or `1h 30m`.

    Raises:
        ValueError: it is neither.
    """
    part = r"(\d+(?:\.\d+)?) ?(s|min|m|h|d)"
    if re.fullmatch(rf"(?:{part} ?)+", text.strip()):
        return sum(float(count) * UNITS[unit] for count, unit in re.findall(part, text))
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither seconds nor a duration like 90s, 30m, 1h30m"
        ) from None


BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def size(text: str) -> int:
    """Bytes, from a number of them or from a size such as `512M`, `4G`, `1.5GB` or `4GiB`.

    Raises:
        ValueError: it is neither.
    """
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if parts is None or (parts[3] and not parts[2]):
        raise ValueError(f"{text!r} is neither bytes nor a size like 512M, 4G")
    unit = BYTES[parts[2].upper()]
    return int(float(parts[1]) * (1024 ** [*BYTES].index(parts[2].upper()) if parts[3] else unit))


class PlanFields(TypedDict, total=False):
    """The fields of a plan beside its source, as Python's users give them: for editors and type checkers."""

    trainer: str | None
    program: str | Mapping[str, str] | None
    target: str | None
    task: Literal["classification", "regression"] | None
    drop: str | Sequence[str]
    encoding: str | None
    header: bool
    group: str | None
    time: str | None
    weight: str | None
    dates: bool
    drop_rare: bool
    rows: int | None
    folds: int | None
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
    ahead: int
    extend: bool
    max_failures: int | None
    halving: int | None
    finalists: int | None
    repeats: int | None
    timeout: float | str | None
    trial_timeout: float | str | None
    trial_memory: int | str | None
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
    baseline: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None


class ConfirmFields(TypedDict, total=False):
    """The fields of a plan that `hpo confirm` may need for a study that Optuna made."""

    trainer: str
    program: str | Mapping[str, str]
    metric: str
    epochs: int
    seed: int


class PlanChanges(TypedDict, total=False):
    """The fields of a plan that a stored study can change."""

    source: str
    trainer: str
    program: str | Mapping[str, str]
    space: Mapping[
        str, Any
    ]  # of each parameter a `Float`, `Int` or `Categorical`, or the same as text
    trials: int
    extend: bool
    max_failures: int | None
    timeout: float | str | None
    trial_timeout: float | str | None
    trial_memory: int | str | None
    patience: int | None
