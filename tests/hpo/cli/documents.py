"""The documents that commands print with --json: these fields, of these types, and no others."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def utc(text: Any) -> Any:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text
    return datetime.fromisoformat(text)


Time = Annotated[datetime, BeforeValidator(utc)]
Params = dict[str, str | int | float | bool | None]
Direction = Literal["maximize", "minimize"]
Counted = Annotated[int, Field(ge=0)]


class Counts(Strict):
    complete: Counted
    pruned: Counted
    failed: Counted


class BestTrial(Strict):
    trial: Counted
    value: float
    params: Params


class Range(Strict):
    low: float | int | None = None
    high: float | int | None = None
    log: bool | None = None
    int_: Annotated[bool | None, Field(alias="int")] = None
    step: float | int | None = None
    limit: list[float | None] | None = None
    extend: bool | None = None
    zero: float | None = None
    choices: list[str | int | float | bool | None] | None = None

    @model_validator(mode="after")
    def either(self) -> Range:
        assert (self.choices is None) == (None not in (self.low, self.high, self.log))
        return self


class Verdict(BaseModel):
    """With whatever it rests on beside."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    action: Literal["narrowed", "kept", "extended"]
    reason: str


class Round(Strict):
    round: Counted
    ranges: dict[str, Range]
    verdicts: dict[str, Verdict]


class Recommended(Strict):
    trial: Counted
    params: Params
    mean: float
    ci95: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    epochs: Counted | None


class Finalist(Strict):
    trial: Counted
    params: Params
    mean: float | None
    ci95: list[float] | None
    values: list[float | None]
    tied: bool | None
    epochs: Counted | None


class Baseline(Strict):
    trial: Counted
    params: Params
    mean: float | None
    ci95: list[float] | None
    gain: float | None
    gain_ci95: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    better: bool | None


class Reference(Strict):
    model: Literal["constant", "linear", "boosted"]
    estimator: str | None
    values: dict[str, float]
    mean: float | None
    test: float | None
    trial: Counted | None
    gain: float | None
    gain_ci95: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    better: bool | None
    note: str | None


class OutOfFold(Strict):
    divisions: Counted
    classes: list[str]
    counts: list[list[Counted]]
    errors: dict[str, float]


class Opened(Strict):
    metric: str
    value: float
    opened_at: Time
    ci95: Annotated[list[float], Field(min_length=2, max_length=2)]


class Directed(Strict):
    """`directions` is there for several objectives, and only then."""

    direction: Direction | None
    directions: list[Direction] | None = None

    @model_validator(mode="after")
    def one_or_several(self) -> Directed:
        assert (self.direction is None) == ("directions" in self.model_fields_set)
        return self


class Splits(Strict):
    training: Counted
    validation: Counted
    test: Counted


class Data(Strict):
    rows: Counted
    columns: Counted
    classes: dict[str, Counted] | None = None
    other_classes: Counted = 0
    target: dict[Literal["least", "mean", "most"], float] | None = None
    splits: Splits
    folds: Counted | None = None  # there only with folds, and so are the labels of classes
    labels: list[str] | None = None
    guess: float | None
    notes: list[str]


class Unbeaten(Strict):
    trial: Counted
    values: list[float | None]
    params: Params


class Summary(Directed):
    study: str
    storage: str
    state: Literal["running", "interrupted", "complete"]
    metric: str
    seed: int | None
    trials: Counts
    epochs_trained: Counted
    best: BestTrial | None
    rounds: list[Round]
    ranges: dict[str, Range]
    finalists: list[Finalist]
    data: Data | None = None  # there only of a network on data
    out_of_fold: OutOfFold | None = None  # there only with folds
    front: list[Unbeaten] | None = None  # there only of several objectives
    baseline: list[Baseline] | None = None  # there only if the plan has some
    references: list[Reference] | None = None  # there only of a search on data that came to its end
    recommended: Recommended | None
    test: Opened | None


class Holder(Strict):
    host: str
    process: int
    since: Time


class ListedStudy(Directed):
    study: str
    state: Literal["running", "interrupted", "complete"]
    metric: str
    trials: Counts
    best: BestTrial | None
    created: Time | None
    last: Time | None
    holder: Holder | None
    owner: str | None


class FirstDifference(Strict):
    epoch: Annotated[int, Field(ge=1)]
    metric: str
    then: float | None
    now: float | None


class ReproducedTrial(Strict):
    identical: bool
    trial: Counted
    epochs: Counted
    metrics: list[str]
    difference: FirstDifference | None
    ends: Annotated[list[str], Field(min_length=2, max_length=2)] | None
    environment: list[str]


class Confirming(Strict):
    stage: Counted
    value: float | None
    error: str | None
    curves: dict[str, list[float | None]]


class ShownTrial(Strict):
    study: str
    trial: Counted
    state: Literal["complete", "pruned", "failed", "running"]
    value: float | list[float | None] | None
    params: Params
    round: Counted | None
    epochs: Counted
    diverged_epoch: Counted | None
    started: Time | None
    finished: Time | None
    curves: dict[str, list[float | None]]
    folds: list[float] | None = None  # there only with folds
    confirmed: list[Confirming]
    output: str | None
    error: str | None
    traceback: str | None


SUMMARY, REPRODUCED = TypeAdapter(Summary), TypeAdapter(ReproducedTrial)
TRIAL = TypeAdapter(ShownTrial)
LIST = TypeAdapter(list[ListedStudy])
