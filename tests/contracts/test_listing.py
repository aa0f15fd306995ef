"""All studies of a database at once: what the list says of each is what the study itself says."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import optuna
import pytest
import sqlalchemy as sa

import studies
from studies.database import tables
from studies.database.engine import now
from studies.database.listing import Listed, listing
from studies.database.records import Confirmation, Result
from studies.database.store import Store
from studies.database.writer import Writer
from tests.studies.stores import NONE_CONFIRMED

SPACE = {
    "x": optuna.distributions.FloatDistribution(0, 1),
    "kind": optuna.distributions.CategoricalDistribution(("a", "b")),
}
State = Literal["complete", "pruned", "failed"]
Outcomes = list[tuple[float | None, State]]


def record(writer: Writer, outcomes: Outcomes) -> None:
    """A batch of trials with these values and states."""
    settings = [{"x": k / 10, "kind": "ab"[k % 2]} for k in range(len(outcomes))]
    numbers = writer.start_batch(0, settings, SPACE)
    writer.finish_batch(
        [
            Result(n, state, value, {"m": [0.5]}, "m", now())
            for n, (value, state) in zip(numbers, outcomes, strict=True)
        ]
    )


def by_name(storage: str) -> dict[str, Listed]:
    return {study.name: study for study in listing(storage)}


def agrees(storage: str) -> None:
    """The list says what each study's summary says, in the same order."""
    found = [study.as_mapping() for study in listing(storage)]
    assert [said["study"] for said in found] == studies.names(storage)
    for said in found:
        summary = studies.load(said["study"], storage).summary()
        for key in said.keys() - {"created", "last", "holder", "owner"}:
            assert said[key] == summary[key], (said["study"], key)
        assert ("directions" in said) == ("directions" in summary)


def test_what_is_listed_of_our_studies_is_what_they_say_themselves(
    store: Store, storage: str, new: dict[str, Any]
) -> None:
    assert listing(storage) == []
    kinds: dict[str, tuple[str, Outcomes]] = {
        "empty": ("maximize", []),
        "best of equals": ("maximize", [(0.5, "complete"), (0.7, "complete"), (0.7, "complete")]),
        "small is good": ("minimize", [(0.5, "complete"), (-0.0, "complete"), (0.0, "complete")]),
        "all failed": ("maximize", [(None, "failed")] * 3),
        "not finite": ("minimize", [(-math.inf, "complete"), (math.nan, "complete"), (3.0, "complete")]),
        "none finite": ("minimize", [(-math.inf, "complete"), (math.nan, "complete")]),
        "pruned": ("maximize", [(0.9, "pruned"), (0.1, "complete"), (None, "failed")]),
    }  # fmt: skip
    for name, (direction, outcomes) in kinds.items():
        with store.create_study(name, **(new | {"direction": direction})) as writer:
            if outcomes:
                record(writer, outcomes)
            if name != "pruned":
                writer.complete()
    agrees(storage)
    found = by_name(storage)
    assert found["pruned"].state == "interrupted"
    assert found["pruned"].trials == {"complete": 1, "pruned": 1, "failed": 1}
    assert found["empty"].state == "complete"
    best = {name: study.best and study.best.trial for name, study in found.items()}
    assert best == {
        "empty": None, "best of equals": 1, "small is good": 1, "all failed": None,
        "not finite": 2, "none finite": None, "pruned": 1,
    }  # fmt: skip
    assert found["pruned"].as_mapping()["best"]["params"] == {"x": 0.1, "kind": "b"}


def test_who_holds_a_study_is_listed_with_it(store: Store, storage: str, new: Any) -> None:
    with store.create_study("held", **new), store.create_study("taken", **new):
        with store.writing() as connection:
            # As a process of this host that is dead would leave it.
            connection.execute(
                sa.update(tables.leases).where(tables.leases.c.study_id == 2).values(process=2**22)
            )
        held, taken = listing(storage)
        assert held.holder is not None
        assert held.as_mapping()["holder"] == {
            "host": held.holder.host,
            "process": held.holder.process,
            "since": f"{held.holder.since:%Y-%m-%dT%H:%M:%S}Z",
        }
        assert (held.state, taken.state, taken.holder) == ("running", "interrupted", None)
        assert held.holder == store.study("held").holder


def test_the_last_thing_that_happened_is_a_trial_a_confirmation_or_the_end(
    store: Store, storage: str, new: Any
) -> None:
    def last() -> datetime:
        (study,) = listing(storage)
        assert study.last is not None
        return study.last

    with store.create_study("s", **new) as writer:
        (study,) = listing(storage)
        assert study.created is not None
        assert last() == study.created
        with store.writing() as connection:
            connection.execute(
                sa.update(tables.studies).values(created=study.created - timedelta(days=9))
            )
        before = now()
        record(writer, [(0.5, "complete")])
        assert before <= last() <= now()
        writer.start_stage(1, [0])
        confirmed = now()
        writer.finish_stage([Confirmation(1, 0, 0.5, 1, None, confirmed)], NONE_CONFIRMED)
        assert last() == confirmed
        before = now()
        writer.complete()
        assert before <= last() <= now()
        with store.writing() as connection:  # by a clock that is ahead
            connection.execute(sa.update(tables.studies).values(completed=now() + timedelta(1)))
        assert last() <= now()


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine that is nine hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_studies_of_plain_optuna_are_listed_as_they_are(storage: str) -> None:
    database = optuna.storages.RDBStorage(storage)
    one = optuna.create_study(study_name="one", storage=database, direction="maximize")
    one.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    two = optuna.create_study(
        study_name="two", storage=database, directions=["minimize", "maximize"]
    )
    two.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=2)
    two.ask()
    waiting = optuna.create_study(study_name="waiting", storage=database)
    waiting.enqueue_trial({"x": 0.5})
    optuna.create_study(study_name="none", storage=database)
    database.remove_session()
    database.engine.dispose()
    agrees(storage)
    found = by_name(storage)
    states = {name: study.state for name, study in found.items()}
    assert states == {
        "one": "complete", "two": "running", "waiting": "interrupted", "none": "complete",
    }  # fmt: skip
    assert all(study.by_optuna for study in found.values())
    assert found["two"].as_mapping()["directions"] == ["minimize", "maximize"]
    assert found["one"].created is found["none"].last is None
    last = found["one"].last
    assert last is not None
    assert abs(datetime.now(UTC).replace(tzinfo=None) - last) < timedelta(minutes=5)


@pytest.mark.parametrize("lacking", ["hpo_confirmations", "hpo_plans"])
def test_a_database_of_an_older_version_is_listed(
    lacking: str, store: Store, storage: str, new: Any
) -> None:
    with store.create_study("s", **new) as writer:
        record(writer, [(0.5, "complete")])
    with store.writing() as connection:
        connection.execute(sa.text(f"DROP TABLE {lacking}"))
    (study,) = listing(storage)
    assert study.best is not None
    assert study.last is not None
