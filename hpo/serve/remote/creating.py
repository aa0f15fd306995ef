"""A new search whose trials are trained by whoever asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from hpo.errors import PlanError
from hpo.serve.caller import Caller
from hpo.serve.database import ServiceDatabase
from hpo.trainables.asked import ASKED


class HasDatabase(Protocol):
    """A service, as far as it concerns this."""

    database: ServiceDatabase


def create(service: HasDatabase, caller: Caller, name: str, plan: Mapping[str, Any]) -> None:
    """Make the study of such a search, with the fields of a plan. Its row in `searches` is the caller's to make.

    Raises:
        PlanError: a field is unknown or breaks its rule, or names what the service itself would train.
        StudyExistsError: there is a study of that name.
    """
    from hpo.operations import asking

    for field in ("source", "trainer", "program"):
        if plan.get(field) not in (None, ASKED):
            raise PlanError(
                f"{field}: whoever asks for the tasks of this search trains them: leave it out"
            )
    fields = {key: value for key, value in plan.items() if value is not None} | {"trainer": ASKED}
    url = service.database.url
    with asking(name, fields, storage=url, by_epoch=True, owner=caller.owner):
        pass  # it is held again when somebody asks
