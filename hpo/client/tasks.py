"""The tasks of one search of a service, as this process trains them: asked for, reported, told."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hpo.client.http import Http, RefusedError, in_path
from hpo.trainables.task import Outcome, Task

WAIT_SECONDS = 20.0  # that the service may wait for something to do before it answers


@dataclass(frozen=True)
class Asked:
    """A task as a service describes it."""

    name: str
    task: Task
    action: str
    next_epoch: int

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Asked:
        """From the service's answer."""
        task = Task(
            (described["trial"],),
            (described["params"],),
            described["epochs"],
            described["seed"],
            described["stage"],
            tuple(described["pauses"]),
        )
        return cls(described["task"], task, described["action"], described["next_epoch"])


class Tasks:
    """The tasks of a search, for a client of some name."""

    def __init__(self, http: Http, search: str, client: str) -> None:
        self._http, self._path, self._client = http, f"/searches/{in_path(search)}/tasks", client

    def ask(self, count: int, busy: Collection[str] = (), wait: float = 0.0) -> dict[str, Any]:
        """The answer of the service: `tasks`, the `state` of the search, and when to ask again.

        `count` is how many are to train at once, and `busy` those that do already.
        """
        answer: dict[str, Any] = self._post("", count=count, busy=[*busy], wait=wait)
        return answer

    def report(
        self, task: str, metrics: list[dict[str, float]], first_epoch: int = 1, wait: float = 0.0
    ) -> dict[str, Any]:
        """Report epochs; whether the training goes on, waits or stops."""
        answer: dict[str, Any] = self._post(
            f"/{in_path(task)}/epochs", first_epoch=first_epoch, metrics=metrics, wait=wait
        )
        return answer

    def tell(self, task: str, **result: Any) -> dict[str, Any]:
        """Tell a result; how it is recorded."""
        answer: dict[str, Any] = self._post(f"/{in_path(task)}/result", **result)
        return answer

    def beat(self, task: str) -> str:
        """Renew the lease; what to do with the task."""
        return str(self._post(f"/{in_path(task)}/heartbeat")["action"])

    def leave(self) -> None:
        """Give back all tasks of this client, if the service can be reached."""
        self._http.delete(self._path, patiently=False, client=self._client)

    def _post(self, path: str, **body: Any) -> Any:
        return self._http.post(f"{self._path}{path}", {"client": self._client, **body}, key=False)


def is_of_another(error: RefusedError) -> bool:
    """Whether a request was refused because another client has the task."""
    return error.status == 409 and error.problem.get("action") == "stop"


def epochs_of(outcome: Outcome) -> list[dict[str, float]]:
    """The metrics of each epoch, as they are reported; one at which a training diverged has NaN."""
    columns = outcome.metrics.items()
    epochs = [{name: curve[k] for name, curve in columns} for k in range(outcome.epochs)]
    if outcome.diverged_epoch is not None:
        epochs.append({outcome.score: math.nan})
    return epochs


def result_of(outcome: Outcome) -> dict[str, Any]:
    """What is told of an outcome."""
    result: dict[str, Any] = {"output": outcome.output} if outcome.output else {}
    if epochs := epochs_of(outcome):
        result["metrics"] = epochs
    if outcome.error is not None:
        result |= {"error": outcome.error.line, "traceback": outcome.error.full}
    return result
