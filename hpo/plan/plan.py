"""The whole plan of a search, as one pydantic model: filled from flags, TOML or Python, stored whole in the study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from hpo.choose.halving import cost
from hpo.choose.types import Direction
from hpo.errors import PlanError
from hpo.plan.baseline import as_mappings, whole
from hpo.plan.command import CommandLine, command_line
from hpo.plan.conditions import check_conditions
from hpo.plan.fields import (
    FIELDS,
    OF_A_NETWORK,
    OF_THE_NETWORK,
    PRESETS,
    ROUNDS_OF_HALVING,
    SPACE,
    UNDERSTANDING,
    seconds,
    size,
)
from hpo.plan.messages import broken, one_line
from hpo.plan.notation import parse_parameter
from hpo.plan.sequences import as_parameter
from hpo.plan.space import Parameter, Settings, to_mapping
from studies.words import counted


def _baselines(given: Any) -> Any:
    return () if given is None else as_mappings(given)


def _names(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def default_space() -> dict[str, Parameter]:
    """The ranges that are searched where a plan names none."""
    return {name: parse_parameter(text) for name, text in SPACE.items()}


def _default(name: str) -> Any:
    return FIELDS[name].default


NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
OF_A_TRAINER = ("trial_timeout", "trial_memory")
TRAINER = r"^([^:]+|.+\.py):[^:]+$"

CONFIRMING = 0.4
"""The largest share of all epochs that confirms finalists (scripts/bench/search measures why)."""

SMALL_IS_GOOD = ("loss", "error", "rmse", "mae", "mse", "time", "perplexity")
"""A metric whose name ends so may have to be minimized: its user must say so, or not."""


class Plan(BaseModel):
    """Everything that decides what a search does: the plan and the data decide every number in the study.

    A network is trained on the rows of `source`, or `trainer` names a function that trains, MODULE:FUNCTION or
    FILE.py:FUNCTION, or `program` is the command line of a program that does. The number of workers and the storage
    change no number, so they are not part of the plan. What the fields are for is in `hpo.plan.fields`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = _default("source")
    trainer: Annotated[str, Field(pattern=TRAINER)] | None = _default("trainer")
    program: Annotated[CommandLine | None, BeforeValidator(command_line)] = _default("program")
    target: str | None = _default("target")
    task: str | None = _default("task")
    drop: Annotated[tuple[str, ...], BeforeValidator(_names)] = _default("drop")
    encoding: str | None = _default("encoding")
    header: bool = _default("header")
    group: str | None = _default("group")
    time: str | None = _default("time")
    weight: str | None = _default("weight")
    dates: bool = _default("dates")
    drop_rare: bool = _default("drop_rare")
    rows: int | None = _default("rows")
    folds: int | None = _default("folds")
    space: Annotated[
        dict[
            Annotated[str, Field(pattern=NAME)],
            Annotated[Any, BeforeValidator(as_parameter), PlainSerializer(to_mapping)],
        ],
        AfterValidator(check_conditions),
    ] = Field(default_factory=default_space, min_length=1)
    trials: int = _default("trials")
    rounds: int = _default("rounds")
    epochs: int = _default("epochs")
    seed: int = _default("seed")
    metric: str | None = _default("metric")
    direction: Direction | None = _default("direction")
    sampler: str | None = _default("sampler")
    ahead: int = _default("ahead")
    extend: bool = _default("extend")
    max_failures: int | None = _default("max_failures")
    halving: int | None = _default("halving")
    finalists: int | None = _default("finalists")
    repeats: int | None = _default("repeats")
    timeout: float | None = _default("timeout")
    trial_timeout: float | None = _default("trial_timeout")
    trial_memory: int | None = _default("trial_memory")
    patience: int | None = _default("patience")
    preset: str | None = _default("preset")
    hidden: tuple[int, ...] = _default("hidden")
    activation: str = _default("activation")
    batch_norm: bool = _default("batch_norm")
    dropout: float = _default("dropout")
    optimizer: str = _default("optimizer")
    schedule: str = _default("schedule")
    init: str = _default("init")
    batch_size: int = _default("batch_size")
    dtype: str = _default("dtype")
    understanding: Annotated[int, Field(ge=1, le=UNDERSTANDING)] = (
        UNDERSTANDING  # no choice of a user's
    )
    # It comes last, since its check reads the other fields.
    baseline: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_baselines)] = ()

    @model_validator(mode="before")
    @classmethod
    def _other_defaults(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        halved = {} if fields.get("halving") is None else {"rounds": ROUNDS_OF_HALVING}
        return {**halved, **PRESETS.get(str(fields.get("preset")), {}), **fields}

    @field_validator("hidden", mode="before")
    @classmethod
    def _hidden_from_text(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("timeout", "trial_timeout", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return seconds(value) if isinstance(value, str) else value

    @field_validator("trial_memory", mode="before")
    @classmethod
    def _bytes(cls, value: Any) -> Any:
        return size(value) if isinstance(value, str) else value

    @field_validator("*")
    @classmethod
    def _by_its_rule(cls, value: Any, info: ValidationInfo) -> Any:
        field = FIELDS.get(info.field_name or "")
        if field is None or value is None or field.rule.allows(value):
            return value
        rule = field.rule
        raise ValueError(broken(rule, value))

    @field_validator("baseline")
    @classmethod
    def _whole(cls, baselines: tuple[Settings, ...], info: ValidationInfo) -> tuple[Settings, ...]:
        if not info.data.keys() >= {"space", "trainer", "program", *OF_THE_NETWORK}:
            return baselines  # another field is wrong
        foreign = info.data["trainer"] is not None or info.data["program"] is not None
        return whole(baselines, info.data["space"], None if foreign else info.data)

    @field_validator("trainer")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        """The study can be resumed from another folder."""
        file, _, function = (path or "").rpartition(":")
        return f"{Path(file).resolve()}:{function}" if file.endswith(".py") else path

    @model_validator(mode="after")
    def _what_trains(self) -> Plan:
        kinds = {"source": self.source, "trainer": self.trainer, "program": self.program}
        given = {kind: str(value) for kind, value in kinds.items() if value is not None}
        if len(given) != 1:
            several = " and ".join(f"{kind} {value!r}" for kind, value in given.items())
            raise ValueError(
                f"{several}: give one of them, since a trainer or a program has its own data"
                if given
                else "give a source, such as digits or table.csv, a trainer or a program"
            )
        if self.source is not None:
            if self.metric is not None and not OF_A_NETWORK.allows(self.metric):
                raise ValueError(f"metric {broken(OF_A_NETWORK, self.metric)}")
            if self.direction is not None:
                raise ValueError(f"direction: for {self.source}, it follows from the metric")
            for name in OF_A_TRAINER:
                if getattr(self, name) is not None:
                    raise ValueError(f"{name}: it is for a trainer of yours, not for {self.source}")
            return self
        (theirs,) = given.values()
        for name in OF_THE_NETWORK:
            if getattr(self, name) != FIELDS[name].default:
                raise ValueError(f"{name} is a field of the network, which {theirs} does not train")
        if "space" not in self.model_fields_set:
            raise ValueError(f"space: give the ranges of the parameters of {theirs}")
        if self.program is not None:
            self.program.check(self.space)
        if self.direction is None and (self.metric or "").lower().split("_")[-1] in SMALL_IS_GOOD:
            raise ValueError(
                f"direction: say whether {self.metric} is to be minimized or maximized"
            )
        return self

    @model_validator(mode="after")
    def _enough_trials(self) -> Plan:
        scorings, trainings = self.scorings, f"{self.trials} trials"
        if self.folds is not None:
            trainings = (
                f"{self.trials} trainings, {self.folds} for each setting, score {scorings}, which"
            )
        if scorings < self.rounds:
            fewer = (
                f"give rounds {scorings} or fewer" if scorings else f"give at least {self.folds}"
            )
            raise ValueError(f"{trainings} can't fill {self.rounds} rounds: {fewer}")
        searching = scorings - self.confirming
        if searching < self.rounds:
            raise ValueError(
                f"{self.confirming} of {scorings} trials would confirm {self.finalists} finalists and leave "
                f"{max(0, searching)} for {self.rounds} rounds: give fewer finalists or repeats"
            )
        if searching < self._fewest:
            raise ValueError(
                f"the {len(self.baseline)} baselines are trials of the first round, and the other rounds need trials, "
                f"too: at least {self._fewest} beside those that confirm, and {self.trials} trials leave "
                f"{searching}: give more trials"
            )
        return self

    @property
    def scorings(self) -> int:
        """How many times settings are trained and scored, those that confirm included: with folds, each time on all."""
        return self.trials // (self.folds or 1)

    @property
    def budget(self) -> list[str]:
        """What the user should know of how trainings are counted, in a line; none without folds."""
        if self.folds is None:
            return []
        line = f"each setting is trained on {self.folds} folds, so {counted(self.trials, 'training')} score settings "
        line += counted(self.scorings, "time")
        rest = self.trials % self.folds
        return [f"{line}; {counted(rest, 'training')} left over" if rest else line]

    @property
    def _fewest(self) -> int:
        """The fewest trials that fill all rounds, the first one with the baselines."""
        return self.rounds + max(0, len(self.baseline) - 1)

    @property
    def draws_by(self) -> str:
        """The sampler that is asked for, else our model, or with halving Sobol points in the narrowed ranges.

        With halving, a sampler that learns would draw settings that do well after few epochs, at the expense of those
        that do well in the end (scripts/bench/RESULTS.md).
        """
        return self.sampler or ("model" if self.halving is None else "sobol")

    @property
    def confirming(self) -> int:
        """How many trainings of a search from its beginning confirm at the most."""
        return self.most_confirming(0)

    def most_confirming(self, adopted: int) -> int:
        """How many trainings confirm: (finalists and baselines) × repeats if both are set, else at most the share
        CONFIRMING.

        The share is of the trainings that the search adds to `adopted` trials of Optuna's, which are the first round.
        """
        if self.finalists == 0:
            return 0
        if self.finalists is not None and self.repeats is not None:
            return (self.finalists + len(self.baseline)) * self.repeats
        # CONFIRMING is a share of the epochs, and a trial that leaves at a rung has fewer than one that confirms.
        searching = self._length_of_a_trial
        share = CONFIRMING * searching / (1 - CONFIRMING + CONFIRMING * searching)
        own, rounds = self.scorings - adopted, self._fewest - (adopted > 0)
        return max(0, min(int(share * own), own - rounds))

    @property
    def _length_of_a_trial(self) -> float:
        return 1.0 if self.halving is None else cost(self.epochs, self.halving)

    @property
    def mean_length(self) -> float:
        """The epochs that a training has on average, as a share of those of one that is not cut short."""
        confirming = self.confirming / self.scorings
        return confirming + (1 - confirming) * self._length_of_a_trial

    def extended_to(self, trials: int, adopted: int = 0) -> Plan:
        """The same plan with more trials in all, in further rounds of the same size.

        Its first `adopted` trials are Optuna's. If it has no others, there are as many rounds as a new plan has.

        Raises:
            PlanError: fewer trials than the plan already has.
        """
        more, own, rounds = trials - self.trials, self.trials - adopted, self.rounds - (adopted > 0)
        if more < 0:
            raise PlanError(
                f"trials = {trials - adopted} is a total, and the study already has a plan of {own}"
            )
        added = math.ceil(more * rounds / own) if own else min(more, FIELDS["rounds"].default - 1)
        return self.model_copy(update={"trials": trials, "rounds": self.rounds + added})


def make_plan(fields: Mapping[str, Any], where: str = "") -> Plan:
    """A plan from plain data. Errors begin with `where` it comes from, such as a file.

    Raises:
        PlanError: a field is unknown or missing, or a value breaks its rule.
    """
    try:
        return Plan.model_validate(dict(fields))
    except ValidationError as error:
        raise PlanError(one_line(error, where)) from None


def to_json(plan: Plan) -> str:
    """A plan as the text that a study stores; without the network, if it trains none."""
    foreign = set() if plan.source is not None else {"source", "understanding", *OF_THE_NETWORK}
    return json.dumps(plan.model_dump(mode="json", exclude=foreign))
