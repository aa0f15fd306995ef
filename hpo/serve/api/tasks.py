"""Ask and tell: the tasks of searches whose trials are trained by clients, wherever they run.

    ask     POST /searches/{name}/tasks                  {"client": "me"}
    report  POST /searches/{name}/tasks/{task}/epochs    {"client": "me", "first_epoch": 1, "metrics": [{"loss": 0.5}]}
    tell    POST /searches/{name}/tasks/{task}/result    {"client": "me", "value": 0.25}

Each of them may be sent twice and counts once, without an Idempotency-Key: who asks again has the same tasks.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from hpo.serve.api.task_answers import (
    PROBLEMS,
    Standing,
    TaskList,
    Tasks,
    Verdict,
    ask_answer,
    listed,
    standing,
    verdict,
)
from hpo.serve.caller import Reads, Runs
from hpo.serve.remote.held import Request
from hpo.serve.remote.tasks import Result
from hpo.serve.service import TheService

router = APIRouter(prefix="/searches/{name}/tasks", tags=["ask and tell"], responses=PROBLEMS)

Text = Annotated[str, StringConstraints(max_length=100_000)]
Client = Annotated[
    str,
    Field(
        min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["gpu-3"],
        description="The name of the client, the same again after a crash. What it says renews its lease.",
    ),
]  # fmt: skip
Number = Annotated[float | None, Field(strict=True, description="null stands for NaN.")]
Metrics = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=100)], Number],
    Field(min_length=1, max_length=100),
]
Wait = Annotated[
    float,
    Field(ge=0, le=30, description="For so many seconds the answer may wait for something to do."),
]
Name = Annotated[str, Path(description="The search.")]
TaskName = Annotated[str, Path(description="The task, such as t12.")]


class Ask(BaseModel):
    """Who asks, and for how many tasks at once."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"client": "gpu-3", "count": 1, "wait": 20}}
    )

    client: Client
    count: int = Field(1, ge=1, le=1000, description="How many tasks it will train at once.")
    busy: list[Annotated[str, StringConstraints(max_length=64)]] = Field(
        [], max_length=1000, description="Tasks that it trains already, which are no reason to answer at once."
    )  # fmt: skip
    wait: Wait = 0.0


class Report(BaseModel):
    """The metrics of epochs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"client": "gpu-3", "first_epoch": 1, "metrics": [{"loss": 0.5}]}
        },
    )

    client: Client
    first_epoch: int = Field(1, ge=1, description="The epoch of the first metrics, from 1.")
    metrics: list[Metrics] = Field(min_length=1, max_length=100_000)
    wait: Wait = 0.0


class Tell(BaseModel):
    """The result of a task: a value, metrics, those of all epochs, or an error; none if epochs were reported."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"client": "gpu-3", "value": 0.25}}
    )

    client: Client
    value: Number = Field(None, description="The value, where there is one metric and one epoch.")
    metrics: Metrics | list[Metrics] | None = Field(
        None, description="The metrics of one epoch, or a list of those of every epoch."
    )
    error: Text | None = Field(None, description="The first line of the error that ended it.")
    traceback: Text = Field("", description="All that is known of the error.")
    output: Text = Field("", description="What the training printed.")
    wait: Wait = 0.0

    @model_validator(mode="after")
    def _one_result(self) -> Tell:
        if "value" in self.model_fields_set and "metrics" in self.model_fields_set:
            raise ValueError("give a value or metrics, not both")
        if isinstance(self.metrics, list) and len(self.metrics) > 100_000:
            raise ValueError("at most 100,000 epochs")
        return self

    @property
    def result(self) -> Result:
        """As the search takes it."""
        epochs: Any = self.metrics
        if "value" in self.model_fields_set:
            epochs = [self.value]
        elif isinstance(self.metrics, dict):
            epochs = [self.metrics]
        return Result(epochs, self.error, self.traceback, self.output)


class Beat(BaseModel):
    """Who is alive."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"client": "gpu-3"}})

    client: Client


@router.post("", response_model=Tasks)
async def ask(name: Name, body: Ask, caller: Runs, service: TheService) -> JSONResponse:
    """Ask for tasks. A client has its own first, also after a crash, then those that nobody has any more, then new.

    Where no task can begin before another has ended, the list is empty: ask again after `retry_after` seconds, or give
    a `wait`. A task that waits at a rung of halving is listed beside the others, with the action `wait`.
    """
    busy = frozenset(body.busy)
    answer = await service.remotes.request(
        caller,
        name,
        lambda: Request(
            lambda served, _, late: ask_answer(served, body.client, body.count, busy, late),
            seconds=body.wait,
        ),
    )
    return JSONResponse(answer)


@router.get("", response_model=TaskList)
async def in_flight(name: Name, caller: Reads, service: TheService) -> JSONResponse:
    """The tasks in training, and which client has each."""
    answer = await service.remotes.request(
        caller, name, lambda: Request(lambda served, *_: listed(served)), change=False
    )
    return JSONResponse(answer)


@router.delete("", status_code=204)
async def leave(
    name: Name, client: Annotated[Client, Query()], caller: Runs, service: TheService
) -> None:
    """Give back all tasks of a client, so that others have them at once and not when its lease ends."""
    await service.remotes.request(
        caller, name, lambda: Request(lambda *_: True, lambda served: served.leave(client))
    )


@router.post("/{task}/epochs", response_model=Verdict)
async def report(
    name: Name, task: TaskName, body: Report, caller: Runs, service: TheService
) -> JSONResponse:
    """Report epochs, and hear whether the training goes on, waits at a rung of halving, or stops there.

    Who has to wait trains another task meanwhile, and reports the same again later. If the service answers 409, it was
    restarted and has forgotten epochs: report all of them again, from `expected_epoch` on.
    """
    answer = await service.remotes.request(
        caller,
        name,
        lambda: Request(
            lambda served, _, late: verdict(served, task, late=late),
            lambda served: served.report(body.client, task, body.first_epoch, body.metrics),
            seconds=body.wait,
        ),
    )
    return JSONResponse(answer)


@router.post("/{task}/result", response_model=Standing)
async def tell(
    name: Name, task: TaskName, body: Tell, caller: Runs, service: TheService
) -> JSONResponse:
    """Tell the result of a task. It counts once, whoever tells it first.

    With halving, a task whose neighbours have not come so far has the state `waiting`: tell it again later.
    """
    result = body.result
    answer = await service.remotes.request(
        caller,
        name,
        lambda: Request(
            lambda served, outcome, late: standing(served, task, outcome, late),
            lambda served: served.tell(body.client, task, result),
            seconds=body.wait,
        ),
    )
    return JSONResponse(answer)


@router.post("/{task}/heartbeat", response_model=Verdict)
async def heartbeat(
    name: Name, task: TaskName, body: Beat, caller: Runs, service: TheService
) -> JSONResponse:
    """Renew the lease in an epoch that takes long. All tasks of the client keep theirs."""
    answer = await service.remotes.request(
        caller,
        name,
        lambda: Request(
            lambda served, *_: verdict(served, task, late=True, hears=False),
            lambda served: served.beat(body.client, task),
        ),
    )
    return JSONResponse(answer)
