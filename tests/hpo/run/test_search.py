"""The Python door and the loop: the same seed gives the same study, rounds follow from the record, resuming goes on."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import hpo
import studies
from hpo import operations
from hpo.choose.narrowing import UNLIKELY, WORTHWHILE
from hpo.choose.rounds import LARGEST_BATCH
from hpo.errors import PlanError
from hpo.plan.conditions import inside
from hpo.plan.plan import make_plan
from hpo.plan.space import contains, from_mapping
from hpo.run.watcher import Watcher
from studies import Study
from studies.analysis.dimensions import dimension
from studies.database.records import Confirmation, Result
from studies.errors import StudyExistsError
from tests.hpo.recorded import rows
from tests.running import Tables

PLAN: dict[str, Any] = {
    "trials": 75,  # 45 in the search, 30 that confirm
    "finalists": 10,
    "repeats": 3,
    "epochs": 3,
    "space": {
        "learning_rate": hpo.Float(1e-4, 1e2, log=True),
        "activation": hpo.Categorical(("relu", "tanh")),
    },
}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_a_range_that_misses_the_best_is_extended_and_the_search_goes_there(storage: str) -> None:
    space = {"learning_rate": hpo.Float(1e-6, 1e-3, log=True)}
    study = hpo.search("digits", space=space, trials=60, epochs=5, storage=storage, name="low")
    inside_it = hpo.search(
        "digits", space=space, trials=60, epochs=5, storage=storage, name="shut", extend=False
    )
    first = study.summary()["rounds"][0]["verdicts"]["learning_rate"]
    assert first["action"] == "extended"
    assert study.best is not None
    assert inside_it.best is not None
    assert study.best.params["learning_rate"] > 1e-3 >= inside_it.best.params["learning_rate"]
    assert (study.best.value or 0) > (inside_it.best.value or 0) + 0.03
    assert "warning" in inside_it.summary()["rounds"][0]["verdicts"]["learning_rate"]
    assert inside_it.rounds_frame()["warning"].notna().any()
    for page in (study.report(), inside_it.report()):
        assert ("may not be extended" in page) == (page == inside_it.report())


def test_no_range_is_extended_beyond_what_the_network_takes(storage: str) -> None:
    space = {"momentum": hpo.Float(0.0, 0.99), "learning_rate": hpo.Float(1e-4, 1e-3, log=True)}
    study = hpo.search("wine", space=space, trials=60, epochs=3, storage=storage, name="w")
    for row in study.rounds_frame().to_dict("records"):
        if row["parameter"] == "momentum":
            assert 0 <= row["next_low"] <= row["next_high"] <= 1


@pytest.mark.usefixtures("undrawn")
@pytest.mark.filterwarnings(
    "ignore::optuna.exceptions.ExperimentalWarning"
)  # as Optuna calls its plots
def test_zero_is_searched_stored_and_read_by_optuna(storage: str) -> None:
    import optuna

    space = {
        "weight_decay": hpo.Float(1e-8, 1e-1, log=True, zero=0.25),
        "learning_rate": hpo.Float(1e-3, 1e-1, log=True),
    }
    study = hpo.search("wine", space=space, trials=24, epochs=2, storage=storage, name="w")
    frame = study.trials_frame()
    assert (frame["weight_decay"] == 0).sum() >= 2
    assert [t.params["weight_decay"] for t in study.optuna().trials] == frame[
        "weight_decay"
    ].tolist()
    optuna.visualization.matplotlib.plot_slice(study.optuna())
    assert study.summary()["rounds"][0]["ranges"]["weight_decay"]["zero"] == 0.25
    assert "1e-08 … 0.1, log, 25% of the draws 0" in study.report()


def test_the_same_seed_gives_the_same_study_on_one_worker_or_two(
    tmp_path: Path, tables: Tables
) -> None:
    made: list[dict[str, bytes]] = []
    for workers in (1, 2):
        storage = f"sqlite:///{tmp_path}/{len(made)}.db"
        hpo.search("wine", **PLAN, storage=storage, name="w", workers=workers)
        made.append(tables("w", storage))
    assert made[0] == made[1]


def test_another_seed_gives_another_study(storage: str, tables: Tables) -> None:
    for seed in (0, 1):
        hpo.search(
            "wine", trials=4, rounds=1, epochs=1, seed=seed, storage=storage, name=f"s{seed}"
        )
    one, other = tables("s0", storage), tables("s1", storage)
    assert all(one[table] != other[table] for table in ("trials", "epochs"))


def test_every_trial_lies_in_its_rounds_ranges_and_those_inside_the_ones_before(
    study: Study,
) -> None:
    said, trials = study.summary(), study.trials_frame()
    assert [r["round"] for r in said["rounds"]] == [0, 1, 2]
    assert (trials["round"].value_counts() == 15).all()
    spaces = [
        {name: from_mapping(fields) for name, fields in r["ranges"].items()} for r in said["rounds"]
    ]
    for row in trials.to_dict("records"):
        assert inside(spaces[row["round"]], row)  # type: ignore[arg-type]  # columns by name
    verdicts = [r["verdicts"] for r in said["rounds"]]
    for (before, after), judged in zip(pairwise(spaces), verdicts, strict=False):
        for name, parameter in after.items():
            if judged[name]["action"] == "extended":
                continue
            ends = getattr(parameter, "choices", None) or (parameter.low, parameter.high)  # type: ignore[union-attr]  # numeric
            assert all(contains(before[name], end) for end in ends)


def test_something_was_narrowed_and_the_reason_stands_with_its_numbers(study: Study) -> None:
    verdicts = [v for r in study.summary()["rounds"] for v in r["verdicts"].values()]
    narrowed = [v for v in verdicts if v["action"] == "narrowed"]
    assert narrowed
    for verdict in narrowed:
        if "shares" in verdict:
            assert min(verdict["shares"].values()) < UNLIKELY
        else:
            assert 0 <= verdict["low"] <= verdict["high"] <= 1
            assert verdict["high"] - verdict["low"] < WORTHWHILE
        assert verdict["reason"].startswith("narrowed to ")


def test_a_diverged_trial_failed_and_its_curve_ends_the_epoch_before(study: Study) -> None:
    trials = study.trials_frame().set_index("number")
    epochs = study.epochs_frame()
    failed = trials[trials["state"] == "failed"]
    assert len(failed) > 0
    assert failed["value"].isna().all()
    assert (failed["epochs"] == failed["diverged_epoch"] - 1).all()
    assert epochs.notna().all().all()
    done = trials[trials["state"] == "complete"]
    last = epochs[epochs["epoch"] == 4].set_index("trial")["validation_rmse"]
    assert last.to_dict() == done["value"].to_dict()


def test_a_name_that_is_not_given_is_the_sources_numbered_where_taken(storage: str) -> None:
    made = [hpo.search("wine", trials=1, rounds=1, epochs=1, storage=storage) for _ in range(3)]
    assert [study.name for study in made] == ["wine", "wine-2", "wine-3"]
    assert studies.names(storage) == ["wine", "wine-2", "wine-3"]


def test_a_name_that_exists_is_an_error_that_points_to_resume(storage: str) -> None:
    hpo.search("wine", trials=1, rounds=1, epochs=1, storage=storage, name="taken")
    with pytest.raises(StudyExistsError, match=r"hpo\.resume\('taken'\)"):
        hpo.search("wine", trials=1, rounds=1, epochs=1, storage=storage, name="taken")
    assert studies.names(storage) == ["taken"]


class Interrupt(Watcher):
    """Ctrl-C after so many batches and stages, or in the middle of training the next."""

    def __init__(self, recorded: int, *, in_training: bool) -> None:
        self.left, self.in_training = recorded, in_training

    def recorded(self) -> None:
        self.left -= 1
        if self.left == 0 and not self.in_training:
            raise KeyboardInterrupt

    def trials_finished(self, results: Sequence[Result], settings: Sequence[Any]) -> None:
        self.recorded()

    def stage_finished(self, results: Sequence[Confirmation]) -> None:
        self.recorded()

    def epoch_trained(self, trials: int) -> None:
        if self.left == 0 and self.in_training:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tables: Tables) -> dict[str, bytes]:
    """The tables of the study when nobody stops it."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('whole') / 'study.db'}"
    hpo.search("wine", **PLAN, storage=storage, name="w")
    return tables("w", storage)


@pytest.mark.parametrize(
    ("recorded", "trials", "in_training"),
    # The first batch, the stage that measures the noise, the rest of three rounds, and a stage of the race.
    [
        (1, 10, True), (2, 10, False), (3, 15, True), (6, 45, False),
        *(
            pytest.param(*instant, marks=pytest.mark.slow)
            for instant in (
                (1, 10, False), (2, 10, True), (3, 15, False), (4, 30, False), (4, 30, True),
                (5, 45, False), (5, 45, True), (6, 45, True),
            )
        ),
    ],
)  # fmt: skip
def test_a_search_that_was_stopped_ends_as_if_it_had_not_been(
    recorded: int,
    trials: int,
    in_training: bool,
    storage: str,
    tables: Tables,
    whole: dict[str, bytes],
) -> None:
    plan = make_plan({"source": "wine", **PLAN})
    with pytest.raises(KeyboardInterrupt):
        operations.start(
            plan, name="w", storage=storage, watcher=Interrupt(recorded, in_training=in_training)
        )
    study = studies.load("w", storage)
    stopped = study.summary()
    assert stopped["state"] == "interrupted"
    assert stopped["trials"]["complete"] + stopped["trials"]["failed"] == trials
    assert (len(study.finalists_frame()) > 0) == (recorded > 1)
    assert stopped["test"] is None
    hpo.resume("w", storage=storage)
    assert tables("w", storage) == whole
    assert studies.load("w", storage).summary()["state"] == "complete"


def test_threads_are_gone_after_an_interrupt(storage: str) -> None:
    plan = make_plan({"source": "digits", "epochs": 1000, "trials": 60, "rounds": 1})
    with pytest.raises(KeyboardInterrupt):
        operations.start(plan, storage=storage, watcher=Interrupt(0, in_training=True))
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("training", "lease"))]


def test_resume_is_a_total_and_adds_rounds_of_the_same_size(storage: str, tables: Tables) -> None:
    hpo.search("wine", trials=20, rounds=2, epochs=2, finalists=0, storage=storage, name="w")
    before = tables("w", storage)
    hpo.resume("w", storage=storage)
    assert tables("w", storage) == before
    study = hpo.resume("w", trials=40, storage=storage)
    trials = study.trials_frame()
    assert trials["round"].value_counts(sort=False).to_dict() == {0: 16, 1: 4, 2: 10, 3: 10}
    after = tables("w", storage)
    assert after["trials"].startswith(before["trials"])
    with pytest.raises(PlanError, match=r"trials = 30 is a total"):
        hpo.resume("w", trials=30, storage=storage)


def test_large_rounds_are_trained_in_batches_that_know_the_ones_before(storage: str) -> None:
    seen: list[int] = []

    class Count(Watcher):
        def trials_finished(self, results: Sequence[Result], settings: Sequence[Any]) -> None:
            seen.append(len(results))

    plan = make_plan({"source": "wine", "trials": 130, "rounds": 1, "epochs": 1, "finalists": 0})
    study = operations.start(plan, storage=storage, watcher=Count())
    assert seen == [10, 40, 40, 40]
    assert max(seen) <= LARGEST_BATCH
    splits = rows(
        storage,
        "SELECT value_json, COUNT(*) FROM trial_user_attributes WHERE key = 'split' GROUP BY value_json",
    )
    assert splits == [("1", 40), ("2", 40), ("3", 40)]
    for last_of_a_batch in (9, 49, 129):
        assert hpo.reproduce(study.name, last_of_a_batch, storage=storage).identical
    settings = study.trials_frame()[["learning_rate", "weight_decay"]]
    assert len(settings.drop_duplicates()) == 130


def test_data_that_changed_are_refused(storage: str, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    rows = [f"{i},{i % 7},{'ab'[i % 2]}" for i in range(60)]
    file.write_text("\n".join(["x,y,label", *rows]))
    hpo.search(str(file), target="label", trials=2, rounds=1, epochs=1, storage=storage, name="t")
    file.write_text("\n".join(["x,y,label", *rows[:-1], "59,4,b"]))
    with pytest.raises(PlanError, match=r"the data of .*table\.csv are not those"):
        hpo.resume("t", trials=4, storage=storage)
    assert len(studies.load("t", storage).trials_frame()) == 2


def test_only_one_parameter_may_be_searched(storage: str) -> None:
    study = hpo.search(
        "iris", trials=14, rounds=2, epochs=1, storage=storage,
        space={"batch_size": hpo.Int(8, 64, step=8)},
    )  # fmt: skip
    assert study.trials_frame()["batch_size"].isin(range(8, 65, 8)).all()


def test_a_study_knows_what_it_was_made_with(study: Study) -> None:
    with studies.database.store.open_store(study.storage) as store:
        record = store.study("small")
    assert record.plan is not None
    assert make_plan(record.plan).seed == 3
    assert {"python", "numpy", "optuna", "hpo"} <= set(record.provenance["versions"])
    assert record.provenance["blas"][0]["architecture"]
    assert record.provenance["threads"] >= 1
    assert set(record.provenance["data"]) >= {"rows", "labels"}
    assert record.data_hash is not None


def test_zero_and_false_are_two_choices_from_the_draw_to_the_report(storage: str) -> None:
    def train(params: dict[str, Any]) -> float:
        return float(params["x"] is False)

    space = {"x": hpo.Categorical((0, False))}
    study = hpo.search(train, space=space, trials=24, workers=1, storage=storage, name="s")
    assert study.recommended is not None
    assert study.recommended.params["x"] is False
    frame = study.trials_frame()
    assert frame["x"].map({"0": 0.0, "false": 1.0}).to_list() == frame["value"].to_list()
    drawn = [trial.params["x"] is False for trial in study.optuna().trials]
    assert drawn == (frame["value"] == 1).to_list()
    x = dimension("x", frame, study.rounds_frame())
    assert (x.positions(frame) > 0.5).tolist() == drawn
