"""What was concluded is stored with the version of the method, and readers show what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

import hpo
from studies import Study
from studies.database import tables as own
from studies.database.records import Conclusion, Confirmation, Finalist
from studies.database.store import Store, create_store, open_store
from studies.database.writer import Writer
from tests.running import Call, Tables
from tests.studies.stores import DONE

FIRST = Finalist(2, [0.1 + 0.2, 0.5], 0.4, (0.1 + 0.2, 0.5), tied=False, epochs=8)
SECOND = Finalist(7, [0.25, None], None, None, tied=None)


def start_and_finish(writer: Writer, conclusion: Conclusion) -> None:
    for stage, values in enumerate(zip(FIRST.values, SECOND.values, strict=True), start=1):
        writer.start_stage(stage, [2, 7])
        results = [
            Confirmation(stage, trial, value, 1, None, DONE)
            for trial, value in zip((2, 7), values, strict=True)
        ]
        writer.finish_stage(results, conclusion)


def test_a_conclusion_is_read_as_it_was_stored_to_the_last_digit(
    writer: Writer, reader: Store
) -> None:
    assert reader.conclusion(writer.study_id) is None
    conclusion = Conclusion(3, [FIRST, SECOND])
    start_and_finish(writer, conclusion)
    writer.start_stage(3, [2])  # and what has begun changes nothing
    assert reader.conclusion(writer.study_id) == conclusion


def test_a_later_conclusion_takes_the_place_of_an_earlier_one(
    writer: Writer, reader: Store
) -> None:
    start_and_finish(writer, Conclusion(1, [FIRST, SECOND]))
    writer.conclude(Conclusion(2, [SECOND, FIRST]))
    assert reader.conclusion(writer.study_id) == Conclusion(2, [SECOND, FIRST])


def test_a_stage_and_its_conclusion_are_recorded_together_or_not_at_all(
    writer: Writer, reader: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError

    writer.start_stage(1, [2])
    monkeypatch.setattr(writer, "_replace", refuse)
    with pytest.raises(RuntimeError):
        writer.finish_stage([Confirmation(1, 2, 0.5, 1, None, DONE)], Conclusion(1, [FIRST]))
    assert reader.confirmations(writer.study_id) == [Confirmation(1, 2)]


@pytest.fixture(scope="module")
def searched(lasting: Callable[[], str]) -> Study:
    """A study with finalists. Not to be written to."""
    return hpo.search("wine", trials=12, epochs=2, seed=3, storage=lasting(), name="s")


@pytest.fixture
def confirmed(searched: Study, copied: Callable[[Study], Study]) -> Study:
    """A copy of it."""
    return copied(searched)


def says_that_it_is_new(study: Study, call_hpo: Call) -> bool:
    """Whether `hpo show` and the report say that a ranking was not recorded; they agree."""
    shown, report = call_hpo(f"show {study.name} --storage {study.storage}").out, study.report()
    (said,) = {"worked out just now" in " ".join(text.split()) for text in (shown, report)}
    return said


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_what_a_search_concluded_is_what_is_shown(confirmed: Study, call_hpo: Call) -> None:
    """Law 6: a reader never works it out anew."""
    shown = confirmed.summary()
    with create_store(confirmed.storage) as store, store.writing() as connection:
        study_id = store.study("s").study_id
        row = connection.execute(sa.select(own.conclusions)).one()
        changed = json.loads(row.finalists)[::-1]
        changed[0] |= {"mean": 0.125, "ci95": [0.0, 0.25], "tied": False}
        connection.execute(
            sa.update(own.conclusions)
            .where(own.conclusions.c.study_id == study_id)
            .values(finalists=json.dumps(changed), method=99)
        )
    last = shown["finalists"][-1]
    assert confirmed.recommended is not None
    assert (confirmed.recommended.trial, confirmed.recommended.mean) == (last["trial"], 0.125)
    assert confirmed.summary()["recommended"] | {"params": {}} == {
        "trial": last["trial"], "params": {}, "mean": 0.125, "ci95": [0.0, 0.25],
        "epochs": last["epochs"],
    }  # fmt: skip
    assert confirmed.finalists_frame()["trial"].iloc[0] == last["trial"]
    assert not says_that_it_is_new(confirmed, call_hpo)


def without_rows(connection: sa.Connection) -> None:
    connection.execute(sa.delete(own.conclusions))


def without_tables(connection: sa.Connection) -> None:
    """As the database was before conclusions were stored."""
    if connection.dialect.name == "sqlite":  # which would delete from a table that is gone
        connection.exec_driver_sql("DROP TRIGGER hpo_forget_study")
    own.conclusions.drop(connection)
    own.test_intervals.drop(connection)
    own.stage_curves.drop(connection)
    own.out_of_fold.drop(connection)
    last = own.migrations_done.c.number > own.MIGRATIONS.index(own._concluding)
    connection.execute(sa.delete(own.migrations_done).where(last))


def besides(shown: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on the method or on later tables; of finalists their values."""
    values = {f["trial"]: f["values"] for f in shown["finalists"]}
    test = {key: value for key, value in shown["test"].items() if key != "ci95"}
    return shown | {"finalists": values, "recommended": None, "test": test}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "older", [without_tables, pytest.param(without_rows, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_a_study_of_an_older_hpo_is_ranked_when_it_is_read_and_says_so(
    older: Callable[[sa.Connection], None], confirmed: Study, call_hpo: Call, tables: Tables
) -> None:
    shown, exported = besides(confirmed.summary()), tables("s", confirmed.storage)
    del exported["finalists"], exported["test"]
    with create_store(confirmed.storage) as store, store.writing() as connection:
        older(connection)
    with open_store(confirmed.storage) as store:
        assert store.conclusion(store.study("s").study_id) is None
    ranked = confirmed.summary()
    assert besides(ranked) == shown
    assert exported.items() <= tables("s", confirmed.storage).items()
    assert says_that_it_is_new(confirmed, call_hpo)
    create_store(confirmed.storage).close()  # which brings its tables to the newest version
    assert confirmed.summary() == ranked
