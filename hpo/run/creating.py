"""Creating a study: what is checked before data are read, and the name that it gets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hpo.executors.chosen import workers_of
from hpo.plan.place import Place
from hpo.plan.plan import Plan, to_json
from hpo.run.provenance import of_a_new_study
from hpo.run.resuming import check_sampler
from hpo.trainables.function import UNNAMED_METRIC
from hpo.trainables.of_plan import study_name
from hpo.trainables.protocol import Trainable
from studies.database.engine import check_creatable
from studies.database.store import check_name, create_store
from studies.database.writer import Writer
from studies.errors import StudyExistsError


def check_new(plan: Plan, name: str | None, storage: str) -> None:
    """Check that a study of this plan and name can be created, before its data are read.

    Raises:
        PlanError: the plan needs a package that is not installed.
        studies.errors.StoreError: the name or the storage can't be used.
    """
    if name is not None:
        check_name(name)
    check_creatable(storage)
    check_sampler(plan.sampler)


@contextmanager
def creating(
    plan: Plan,
    trainable: Trainable,
    *,
    name: str | None,
    storage: str,
    place: Place,
    numbered: bool = False,
    owner: str | None = None,
) -> Iterator[Writer]:
    """A new study, held while the context lasts; for its name see `hpo.operations.start`."""
    plain, numbered = name or study_name(plan), numbered or name is None
    with create_store(storage) as store:
        while True:
            free = _free_name(plain, store.names()) if numbered else plain
            try:
                writer = store.create_study(
                    free,
                    direction=trainable.traits.direction,
                    plan=to_json(plan),
                    metric=trainable.metric or UNNAMED_METRIC,
                    data_hash=trainable.fingerprint,
                    provenance=of_a_new_study(plan, trainable, workers_of(plan, trainable, place)),
                    data=trainable.overview,
                    owner=owner,
                )
                break
            except StudyExistsError:
                if not numbered:
                    raise
                # Another search has just taken that name; try the next one.
        with writer:
            yield writer


def _free_name(plain: str, taken: list[str]) -> str:
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}-{number}", number + 1
    return name
