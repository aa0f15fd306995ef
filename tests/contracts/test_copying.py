"""A copy of a study is the same study in every reader, whatever database it comes from."""

from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import optuna
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies import Study
from studies.analysis.export import to_csv
from studies.database import tables
from studies.database.copying import copy_study
from studies.database.records import Conclusion, Confirmation, Finalist, Result
from studies.database.store import Store, create_store, open_store
from studies.database.version import version
from studies.errors import NoSuchStudyError, StoreError
from tests.optunas import optunas
from tests.postgres import rows
from tests.studies.stores import DONE, NEW, SETTING, SPACE, add

pytestmark = pytest.mark.usefixtures("quiet_optuna")

TABLES = ("trials", "epochs", "rounds", "finalists")


def copied(storage: str, name: str, file: Path) -> Study:
    with open_store(storage) as store:
        made = copy_study(store, name, file)
        assert made == version(store, store.study(name).study_id)
    return Study(name, f"sqlite:///{file}")


def check_same(copy: Study, original: Study) -> None:
    """Whether all that reads studies finds the same in both."""
    for table in TABLES:
        ours, theirs = getattr(copy, f"{table}_frame")(), getattr(original, f"{table}_frame")()
        assert to_csv(ours) == to_csv(theirs)
        assert [*ours.dtypes] == [*theirs.dtypes]
    place = {"storage": ""}
    assert json.dumps(copy.summary() | place) == json.dumps(original.summary() | place)
    read, expected = copy.read(), original.read()
    assert repr(dataclasses.replace(read, storage="")) == repr(
        dataclasses.replace(expected, storage="")
    )
    for number in range(sum(read.trials.values()))[:3]:
        assert str(copy.trial(number)) == str(original.trial(number))
    with (
        optunas(copy.storage, copy.name) as ours,
        optunas(original.storage, original.name) as theirs,
    ):
        assert [*map(plain, ours.trials)] == [*map(plain, theirs.trials)]
        assert ours.user_attrs == theirs.user_attrs
        system = [s._storage.get_study_system_attrs(s._study_id) for s in (ours, theirs)]
        assert system[0] == system[1]
        assert ours.directions == theirs.directions
    assert version_of(copy) == version_of(original)


def plain(trial: optuna.trial.FrozenTrial) -> list[str]:
    """A trial of Optuna's as text, since NaN equals nothing. A server has attributes in any order."""
    facts = vars(trial).items()
    return [f"{k}={sorted(v.items()) if isinstance(v, dict) else v!r}" for k, v in facts]


def version_of(study: Study) -> str:
    with open_store(study.storage) as store:
        return version(store, store.study(study.name).study_id)


@pytest.mark.usefixtures("undrawn")  # figures are drawn from the frames, which are compared
@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_a_copy_is_the_same_study_in_every_reader(study: Study, tmp_path: Path) -> None:
    copy = copied(study.storage, study.name, tmp_path / "copy.db")
    check_same(copy, study)
    named = (
        Study(study.name, "http://here", study.storage),
        Study(study.name, "http://here", copy.storage),
    )
    first, second = (one.report() for one in named)
    assert first == second


def test_a_copy_has_the_one_study_and_nothing_of_others_or_of_the_service(
    store: Store, storage: str, tmp_path: Path
) -> None:
    add(storage, "other", "mine", "third")
    with store.hold("mine") as writer:
        writer.keep_folder("/somewhere/here")
        with store.writing() as connection:
            connection.execute(sa.text("CREATE TABLE hpo_service_tokens (digest VARCHAR(64))"))
        copy = copied(storage, "mine", tmp_path / "copy.db")
    stored = rows(copy.storage)
    assert [row["study_name"] for row in stored["studies"]] == ["mine"]
    assert "hpo_service_tokens" not in stored
    assert stored["hpo_leases"] == []
    assert "/somewhere/here" not in str(stored)
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.db"]
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with (
        pytest.raises(NoSuchStudyError, match="did you mean 'mine'"),
        open_store(storage) as opened,
    ):
        copy_study(opened, "mina", tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(StoreError, match="exists already"), open_store(storage) as opened:
        copy_study(opened, "mine", tmp_path / "copy.db")


def test_a_copy_can_be_gone_on_with(store: Store, storage: str, tmp_path: Path) -> None:
    add(storage, "s")
    copy = copied(storage, "s", tmp_path / "copy.db")
    with create_store(copy.storage) as mine, mine.hold("s") as writer:
        assert writer.start_batch(0, [SETTING], SPACE) == [0]
    with optunas(copy.storage, "s") as theirs:
        assert len(theirs.trials) == 1


@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "minimize"]])
def test_optunas_studies_are_copied(
    storage: str, tmp_path: Path, directions: list[Literal["minimize", "maximize"]]
) -> None:
    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        trial.suggest_categorical("choice", [1, "1", 2.5, True, None])
        x = trial.suggest_float("x", -1, 1)
        trial.set_user_attr("round", "mine")
        trial.study._storage.set_trial_system_attr(trial._trial_id, "seen", x)
        if trial.number == 1:
            raise optuna.TrialPruned
        return (math.inf if trial.number == 2 else x, -x)[: len(directions)]

    with optunas(storage, "theirs", directions=directions) as theirs:
        theirs.set_user_attr("note", ["ünïcode", 1, None])
        theirs.optimize(objective, n_trials=5)
        theirs.enqueue_trial({"x": 0.5})
    check_same(copied(storage, "theirs", tmp_path / "copy.db"), Study("theirs", storage))


def test_a_database_before_our_tables_is_copied(storage: str, tmp_path: Path) -> None:
    add(storage, "s")
    engine = sa.create_engine(storage)
    with engine.begin() as connection:
        for table in (tables.out_of_fold, tables.stage_curves, tables.conclusions):
            connection.execute(sa.text(f"DROP TABLE {table.name}"))
        connection.execute(sa.text("DELETE FROM hpo_migrations WHERE number IN (5, 7)"))
        if engine.dialect.name == "sqlite":
            connection.execute(sa.text("DROP TRIGGER hpo_forget_study"))
    engine.dispose()
    check_same(copied(storage, "s", tmp_path / "copy.db"), Study("s", storage))


numbers = st.floats(width=64)
metrics = st.dictionaries(
    st.sampled_from(["validation_loss", "train_loss", "ünit"]),
    st.lists(numbers, max_size=4),
    max_size=3,
)


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_study_that_a_writer_writes_is_copied(
    storage: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    draw = data.draw
    folder = tmp_path_factory.mktemp("any")
    url = storage if storage.startswith("postgresql") else f"sqlite:///{folder / 'study.db'}"
    name = f"s{folder.name}"
    with create_store(url) as store, store.create_study(name, **NEW) as writer:
        writer.start_round(0, 4, {"rate": {"low": 1e-5, "high": 1.0, "log": True}})
        for _ in range(draw(st.integers(0, 2))):
            started = writer.start_batch(0, [SETTING] * draw(st.integers(1, 3)), SPACE)
            ended = started[: draw(st.integers(0, len(started)))]
            writer.finish_batch(
                [
                    Result(
                        number,
                        draw(st.sampled_from(["complete", "pruned", "failed"])),
                        draw(st.none() | numbers),
                        draw(metrics),
                        "validation_loss",
                        DONE + timedelta(microseconds=draw(st.integers(0, 2_000_000))),
                        draw(
                            st.dictionaries(
                                st.sampled_from(["error", "diverged_epoch"]), st.integers(0, 9)
                            )
                        ),
                    )
                    for number in ended
                ]
            )
            if ended and not store.confirmations(writer.study_id):
                writer.start_stage(1, ended[:1])
        if draw(st.booleans()):
            writer.stop(
                draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
            )
    check_same(copied(url, name, folder / "copy.db"), Study(name, url))


def test_every_change_of_a_study_is_another_version(store: Store, new: dict[str, Any]) -> None:
    with store.create_study("s", **new) as writer:
        study_id = store.study("s").study_id
        seen = [version(store, study_id)]

        def changed() -> None:
            seen.append(version(store, study_id))
            assert seen[-1] == version(store, study_id)

        changes: list[Callable[[], object]] = [
            lambda: writer.start_round(0, 4, {}),
            lambda: writer.start_batch(0, [SETTING, SETTING], SPACE),
            lambda: writer.show({0: [0.5]}),
            lambda: writer.show({0: [0.5, 0.25]}),
            lambda: writer.finish_batch(
                [Result(0, "complete", 0.5, {"loss": [0.5]}, "loss", DONE)]
            ),
            lambda: writer.finish_batch([Result(1, "failed", None, {}, "loss", DONE)]),
            lambda: writer.judge_round(0, {}, {}),
            lambda: writer.start_stage(1, [0]),
            lambda: writer.finish_stage(
                [Confirmation(1, 0, 0.5, 3, finished=DONE)],
                Conclusion(1, [Finalist(0, [0.5], 0.5, None, None)]),
            ),
            lambda: writer.open_test(0),
            lambda: writer.finish_test(0.5, None),
            lambda: writer.stop("for a reason"),
            lambda: writer.change_plan("{}", [{"field": "trials"}]),
            lambda: writer.name_metric("f1"),
            lambda: writer.move_to({"numpy": "9"}),
            lambda: writer.complete(),
        ]
        for change in changes:
            change()
            changed()
    assert len(set(seen)) == len(changes) + 1
    assert version(store, study_id) == seen[-1]  # whoever holds it
    with optunas(store.url, "s") as other:
        other.set_user_attr("tags", "later")
    assert version(store, study_id) not in seen
