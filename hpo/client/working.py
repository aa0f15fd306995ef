"""Trains the tasks of a search of a service in this process and those beside it, with a function of the user's."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from hpo.client.driving import Driver
from hpo.client.http import Http, in_path
from hpo.client.tasks import Tasks
from hpo.errors import PlanError
from hpo.executors.chosen import check_place, check_trainable, executor_of, workers_of
from hpo.plan.place import Place
from hpo.plan.plan import Plan, make_plan
from hpo.run.cancel import Cancel
from hpo.trainables.asked import ASKED
from hpo.trainables.call import Train, name_of
from hpo.trainables.of_plan import trainable_of
from hpo.trainables.protocol import Trainable


def client_name() -> str:
    """What this process is called if nobody says otherwise: another after a restart."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}"


def plan_of(http: Http, search: str) -> Plan:
    """The plan of a search whose tasks are for clients."""
    answer = http.get(f"/searches/{in_path(search)}/tasks")
    return make_plan(answer["plan"], f"search {search!r}")


def checked(plan: Plan, train: Train | str, place: Place) -> Trainable:
    """The function as what trains the tasks of a plan in a place, before anything is created or begun.

    Raises:
        PlanError: the function can't be found or called so, or takes a population.
    """
    check_place(plan, place)
    trainable = trainable_of(plan, train=train, place=place)
    if trainable.traits.stacked or trainable.traits.by_fold:
        name = train if isinstance(train, str) else name_of(train)
        what = "a population" if trainable.traits.stacked else "folds"
        raise PlanError(
            f"{name} trains {what}, and the tasks of a service are single settings: hpo.search trains it at home"
        )
    check_trainable(trainable, place)
    trainable.folder = place.folder
    return trainable


def work(
    http: Http,
    search: str,
    plan: Plan,
    trainable: Trainable,
    place: Place,
    *,
    client: str,
    cancel: Cancel,
    noticed: Callable[[str], None] = lambda _: None,
    told: Callable[[str, dict[str, Any]], None] = lambda *_: None,
) -> None:
    """Train tasks of a search until it is done.

    Raises:
        CancelledError: the end was requested here, or by the owner of the search.
        TooManyFailuresError: more trainings failed than the plan allows.
        ServiceError: the service refuses a request, or does not answer for too long.
    """
    cancel.study = search
    http.check = cancel.check
    workers = workers_of(plan, trainable, place)
    executor = executor_of(plan, trainable, place, noticed=noticed)
    try:
        Driver(Tasks(http, search, client), executor, workers, cancel, told).run()
    finally:
        http.check = lambda: None


def plan_here(fields: dict[str, Any]) -> Plan:
    """The plan of a search that this process begins at a service, checked here first.

    Raises:
        PlanError: a field is unknown or breaks its rule.
    """
    return make_plan({"trainer": ASKED, **fields})
