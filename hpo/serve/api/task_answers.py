"""What clients are answered, as JSON and in the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from hpo.plan.plan import to_json
from hpo.serve.remote.served import Served
from hpo.serve.remote.tasks import Handed
from hpo.trainables.task import Outcome

PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, **PROBLEM}
    for status, text in {
        401: "A token is needed.",
        403: "The token's scope is too small.",
        404: "No such search or task.",
        409: "Epochs are missing, or another client has the task.",
        422: "A value breaks its rule.",
        503: "The search can't be opened now: try again.",
    }.items()
}

RETRY_SECONDS = 1.0

EXAMPLE: JsonDict = {
    "task": "t12", "trial": 12, "stage": 0, "params": {"learning_rate": 0.01}, "epochs": 10, "seed": 811,
    "action": "go_on", "next_epoch": 1, "until_epoch": 10, "pauses": [],
}  # fmt: skip


class Task(BaseModel):
    """Settings to train. `stage` is 0 in the search, and later that in which finalists train again on another seed."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    task: str
    trial: int
    stage: int
    params: dict[str, str | int | float | bool | None]
    epochs: int = Field(description="The epochs of a whole training.")
    seed: int
    action: Literal["go_on", "wait"] = Field(description="What to do now.")
    next_epoch: int = Field(description="The first epoch that has not been reported.")
    until_epoch: int = Field(description="Report when this epoch is done; it may be a rung.")
    pauses: list[int] = Field(description="All rungs of halving that are before it.")


class Tasks(BaseModel):
    """The tasks of a client, and how the search stands."""

    state: Literal["running", "paused", "cancelled", "failed", "done"]
    reason: str | None = Field(description="Why the search has failed.")
    tasks: list[Task]
    retry_after: float = Field(
        description="Seconds after which to ask again; 0 if there is something to do."
    )
    lease_seconds: float = Field(
        description="After so long without a word, the client's tasks are handed out again."
    )


class Verdict(BaseModel):
    """What to do with a task."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"action": "go_on", "next_epoch": 4, "until_epoch": 10}}
    )

    action: Literal["go_on", "wait", "stop"]
    next_epoch: int = Field(
        description="The first epoch that has not been reported; 0 if it is over."
    )
    until_epoch: int = Field(description="Train until this epoch is done; 0 if it is over.")


class Standing(BaseModel):
    """How a task ended, as it is recorded."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"task": "t12", "state": "complete", "value": 0.25, "counted": True}
        }
    )

    task: str
    state: Literal["complete", "failed", "pruned", "waiting"]
    value: float | None
    counted: bool = Field(description="Whether this is what was told.")


class InTraining(BaseModel):
    """A task, and who has it."""

    task: str
    trial: int
    stage: int
    client: str | None
    action: Literal["go_on", "wait"]
    epochs_reported: int


class TaskList(BaseModel):
    """The tasks in training, and the plan of the search, by which a worker knows what it is to train."""

    plan: dict[str, Any]
    tasks: list[InTraining]


STOP = {"action": "stop", "next_epoch": 0, "until_epoch": 0}


def ask_answer(
    served: Served, client: str, count: int, busy: Collection[str], late: bool
) -> dict[str, Any] | None:
    """The tasks of a client; None while there is nothing to do beside those that it trains already."""
    tasks = served.ask(client, count)
    todo = any(
        handed.action == "go_on" and (handed.unheard or handed.name not in busy) for handed in tasks
    )
    if not (todo or late or served.state != "running"):
        return None
    for handed in tasks:
        handed.unheard = False
    return {
        "state": served.state,
        "reason": served.reason,
        "tasks": [_task(handed) for handed in tasks],
        "retry_after": 0.0 if todo else RETRY_SECONDS,
        "lease_seconds": served.lease_seconds,
    }


def _task(handed: Handed) -> dict[str, Any]:
    task = handed.task
    return {
        "task": handed.name,
        "trial": task.trial,
        "stage": handed.stage,
        "params": task.params,
        "epochs": task.epochs,
        "seed": task.seed,
        "action": handed.action,
        "next_epoch": len(handed.epochs) + 1,
        "until_epoch": handed.until_epoch,
        "pauses": [*handed.pauses],
    }


def verdict(served: Served, name: str, *, late: bool, hears: bool = True) -> dict[str, Any] | None:
    """What to do with a task; None while that is not known and the answer may wait.

    `hears` says that its client goes by this answer.
    """
    handed = served.standing(name)
    if not isinstance(handed, Handed) or served.wanted == "cancel":
        return STOP
    if handed.waiting and not late:
        return None
    handed.unheard = handed.unheard and not hears
    return {
        "action": handed.action,
        "next_epoch": len(handed.epochs) + 1,
        "until_epoch": handed.until_epoch,
    }


def standing(served: Served, name: str, told: Outcome | None, late: bool) -> dict[str, Any] | None:
    """How a task ended; None while its neighbours have not come so far and the answer may wait.

    `told` is the outcome that was told.
    """
    handed = served.standing(name)
    waiting: dict[str, Any] = {"task": name, "value": None, "counted": False}
    if isinstance(handed, Handed):
        return {**waiting, "state": "waiting"} if late else None
    if handed is None:  # the search has failed, and trains what was to confirm again
        return {**waiting, "state": "failed"}
    pruned = handed["state"] == "pruned"
    return {**handed, "counted": told is None or pruned or told.value == handed["value"]}


def listed(served: Served) -> dict[str, Any]:
    """The tasks in training, and the plan."""
    return {
        "plan": json.loads(to_json(served.plan)),
        "tasks": [
            {
                "task": handed.name,
                "trial": handed.task.trial,
                "stage": handed.stage,
                "client": handed.client,
                "action": handed.action,
                "epochs_reported": len(handed.epochs),
            }
            for handed in served.in_flight()
        ],
    }
