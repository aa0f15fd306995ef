"""A database from before there were confirmations, test rows, changed plans or halving."""

from __future__ import annotations

import json

import hpo
from hpo.plan.plan import make_plan
from studies.database.tables import MIGRATIONS
from tests.hpo.recorded import confirmations, rows, trials
from tests.running import Tables

NEW_FIELDS = ("halving", "finalists", "repeats", "timeout", "patience")


def test_an_older_database_is_read_and_its_study_can_go_on(storage: str, tables: Tables) -> None:
    study = hpo.search("wine", trials=12, finalists=0, epochs=2, storage=storage, name="old")
    before, seen = study.summary(), tables("old", storage)
    for table in ("hpo_confirmations", "hpo_tests", "hpo_stops", "hpo_plans", "hpo_environments"):
        rows(storage, f"DROP TABLE {table}")
    rows(storage, "DELETE FROM hpo_migrations WHERE number > 1")
    ((plan,),) = rows(storage, "SELECT plan FROM hpo_studies")
    older = {name: value for name, value in json.loads(plan).items() if name not in NEW_FIELDS}
    assert make_plan(older).model_copy(update={"finalists": 0}) == make_plan(json.loads(plan))
    rows(storage, f"UPDATE hpo_studies SET plan = '{json.dumps(older)}'")  # noqa: S608  # ours

    assert study.summary() == before
    assert (study.stopped, study.recommended, len(study.finalists_frame())) == (None, None, 0)
    assert tables("old", storage) == seen
    assert rows(storage, "SELECT number FROM hpo_migrations") == [(1,)]  # reading changes nothing
    hpo.resume("old", trials=40, storage=storage)
    assert rows(storage, "SELECT number FROM hpo_migrations ORDER BY 1") == [
        (number,) for number in range(1, len(MIGRATIONS) + 1)
    ]
    assert tables("old", storage)["trials"].startswith(seen["trials"])
    assert len(trials(study)) + len(confirmations(study)) == 40
    assert study.recommended is not None
    assert study.summary()["test"] is not None
