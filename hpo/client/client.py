"""A service as users of Python see it: searches that train here, one's own loop, and what the service itself does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from hpo.client.http import Http, in_path
from hpo.client.tasks import Tasks
from hpo.errors import ServiceError, StudyExistsError, raised_as_ours

if TYPE_CHECKING:
    from hpo.plan.fields import PlanFields
    from hpo.run.cancel import Cancel
    from hpo.trainables.call import Train
    from studies.study import Study

ENDED = ("done", "failed", "paused", "cancelled")
POLL_SECONDS = 1.0


class Client:
    """A service (`hpo serve`) at a URL. The token is that of `hpo token create`, by default the variable HPO_TOKEN.

    >>> client = hpo.Client("http://127.0.0.1:8517")
    >>> study = client.search(train, space={"x": hpo.Float(0, 1)}, trials=60, name="mine")

    While the service is restarted, every call waits for it. `name` is what this client is called where it trains; by
    the same name it is given the same tasks again after a crash.

    Raises:
        PlanError: the URL or the token can't be used.
    """

    def __init__(self, url: str, token: str | None = None, *, name: str | None = None) -> None:
        from hpo.client.working import client_name

        self.http = Http(url, token)
        self.name = name or client_name()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self.http.close()

    # Training here

    @raised_as_ours()
    def search(
        self,
        train: Train | str,
        *,
        name: str | None = None,
        if_exists: Literal["error", "resume"] = "error",
        workers: int | None = None,
        executor: str | None = None,
        devices: str | Sequence[str] = (),
        folder: str | Path | None = None,
        cancel: Cancel | None = None,
        **plan: Unpack[PlanFields],
    ) -> Study:
        """Search with a function that trains here, and return the study, which the service keeps.

        The function and the fields are those of `hpo.search`, but for populations. If the service has a search of that
        `name`, "resume" joins it by its own plan, as `hpo worker` does from other machines.

        Raises:
            PlanError: before anything is created.
            StudyExistsError: there is a search of that name.
            TooManyFailuresError: the function failed too often.
            ServiceError: the service refuses a request, or does not answer for too long.
        """
        from hpo.client import working
        from hpo.plan.place import make_place
        from hpo.run.cancel import Cancel
        from hpo.trainables.named import path_of, study_name

        place = make_place(workers, executor, devices, folder)
        made = working.plan_here(dict(plan)) if plan or if_exists == "error" else None
        if made is not None:
            trainable = working.checked(made, train, place)
            fields = made.model_dump(mode="json", exclude_unset=True, exclude={"trainer"})
            try:
                name = self.create(name, fields, kind="remote")
            except StudyExistsError:
                if if_exists == "error":
                    raise
                made = None
        if made is None:
            name = name or study_name(train if isinstance(train, str) else path_of(train))
            made = working.plan_of(self.http, name)
            trainable = working.checked(made, train, place)
        assert name is not None  # noqa: S101  # it was created, or joined by its name
        working.work(
            self.http, name, made, trainable, place, client=self.name, cancel=cancel or Cancel()
        )
        return self.study(name)

    # A loop of one's own

    def ask(self, search: str, count: int = 1, *, wait: float = 0.0) -> dict[str, Any]:
        """Ask for tasks of a search: those that this client has already, and new ones, `count` in all.

        The answer has the `state` of the search and `tasks`, each with its name `task`, its `params`, `epochs`, `seed`
        and `action`. For `wait` seconds, 30 at the most, it may take until there is one.
        """
        return self._tasks(search).ask(count, wait=wait)

    def report(
        self,
        search: str,
        task: str,
        metrics: Sequence[Mapping[str, float]],
        *,
        first_epoch: int = 1,
    ) -> dict[str, Any]:
        """Report the metrics of epochs; `action` says whether the training goes on, waits or stops."""
        return self._tasks(search).report(task, [dict(m) for m in metrics], first_epoch)

    def tell(
        self,
        search: str,
        task: str,
        result: float
        | Mapping[str, float]
        | Sequence[Mapping[str, float]]
        | BaseException
        | None = None,
    ) -> dict[str, Any]:
        """Tell the result of a task: a number, metrics, those of each epoch, an error; None if epochs were reported."""
        from hpo.trainables.task import TrialError

        if result is None:
            return self._tasks(search).tell(task)
        if isinstance(result, BaseException):
            error = TrialError.of(result)
            return self._tasks(search).tell(task, error=error.line, traceback=error.full)
        if isinstance(result, Mapping):
            return self._tasks(search).tell(task, metrics=dict(result))
        if isinstance(result, Sequence):
            return self._tasks(search).tell(task, metrics=[dict(m) for m in result])
        return self._tasks(search).tell(task, value=float(result))

    def _tasks(self, search: str) -> Tasks:
        return Tasks(self.http, search, self.name)

    # What the service keeps and does

    def searches(self) -> list[dict[str, Any]]:
        """The searches that this client may see, newest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.http.get("/searches", limit=100, offset=len(found))
            found += page["searches"]
            if len(found) >= page["total"] or not page["searches"]:
                return found

    def create(
        self,
        name: str | None,
        plan: Mapping[str, Any],
        *,
        data: str | None = None,
        kind: Literal["network", "remote"] = "network",
    ) -> str:
        """Create a search from the fields of a plan, over a data set or a built-in one, or for clients to train.

        Returns its name.
        """
        body = {"name": name, "data": data, "plan": dict(plan), "kind": kind}
        created = self.http.post("/searches", {k: v for k, v in body.items() if v is not None})
        return str(created["name"])

    def upload(self, file: str | Path) -> str:
        """Upload a table; returns the id of the data set."""
        file = Path(file)
        return str(self.http.upload("/data", file, name=file.name)["id"])

    def state(self, search: str) -> dict[str, Any]:
        """How a search stands."""
        found: dict[str, Any] = self.http.get(f"/searches/{in_path(search)}")
        return found

    def wait(self, search: str, cancel: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Wait until a search has ended, or until `cancel()`; how it stands then."""
        while (found := self.state(search))["state"] not in ENDED and not cancel():
            time.sleep(POLL_SECONDS)
        return found

    @raised_as_ours()
    def study(self, name: str) -> Study:
        """The study of a search, with the same frames as at home: a copy of what the service has recorded by now."""
        from studies.loading import load

        return load(name, self.http.url, token=self.http.token)

    @raised_as_ours()
    def train(self, search: str, *, ensemble: int = 1, trial: int | None = None) -> str:
        """Let the service train a network with the settings that a search recommends; returns the id of the model.

        Raises:
            ServiceError: it could not be trained.
        """
        body = {"ensemble": ensemble, "trial": trial}
        path = f"/searches/{in_path(search)}/models"
        made = self.http.post(path, {k: v for k, v in body.items() if v is not None})
        model = str(made["id"])
        while (found := self.http.get(f"/models/{in_path(model)}"))["state"] not in ENDED:
            time.sleep(POLL_SECONDS)
        if found["state"] != "done":
            raise ServiceError(f"the model {model} is {found['state']}: {found['reason']}")
        return model

    def download(self, model: str, file: str | Path) -> None:
        """Write the file of a model, which `trainer.load` reads."""
        self._write(f"/models/{in_path(model)}/file", Path(file))

    def predict(self, model: str, table: str | Path, file: str | Path) -> None:
        """Let the service predict the labels of the rows of a CSV file, and write them to a CSV file."""
        self._write(f"/models/{in_path(model)}/predictions", Path(file), Path(table))

    def _write(self, path: str, file: Path, body: Path | None = None) -> None:
        part = file.with_name(file.name + ".part")
        with self.http.download(path, body) as pieces, part.open("wb") as opened:
            for piece in pieces:
                opened.write(piece)
        part.replace(file)
