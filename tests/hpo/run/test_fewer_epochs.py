"""How many epochs the recommended settings should train is concluded from the curves of all their trainings."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier

import hpo
from hpo import operations
from hpo.display.summary import summary
from hpo.display.text import show
from hpo.plan.place import Place
from hpo.plan.plan import make_plan
from hpo.run.watcher import Watcher
from studies import Study
from studies.database.records import Confirmation
from studies.database.store import open_store
from tests.running import Tables

SPACE = {"x": hpo.Float(0, 1)}
BEST = 4


def overfits(params: dict[str, Any], *, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    """It is best after the fourth epoch, whatever the seed; the seed moves the whole curve."""
    luck = random.Random(f"{seed} {params}")  # noqa: S311
    start = (params["x"] - 0.3) ** 2 + luck.gauss(0, 0.1)
    for epoch in range(1, epochs + 1):
        yield {"loss": start + (epoch - BEST) ** 2 + luck.gauss(0, 0.01)}


def repeats(params: dict[str, Any], *, epochs: int) -> Iterator[dict[str, float]]:
    """It is best after the second epoch, and always the same."""
    for epoch in range(1, epochs + 1):
        yield {"loss": params["x"] + (epoch - 2) ** 2, "other": -float(epoch)}


def search(train: Any, storage: str, **fields: Any) -> Study:
    plan: dict[str, Any] = {"space": SPACE, "metric": "loss", "direction": "minimize"}
    plan |= {"trials": 24, "epochs": 6}
    return hpo.search(train, storage=storage, name="s", executor="threads", **plan | fields)


@pytest.mark.usefixtures("undrawn")
def test_settings_that_overfit_are_recommended_with_fewer_epochs(
    storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = search(overfits, storage)
    assert study.recommended is not None
    assert study.recommended.epochs == BEST
    assert study.summary()["recommended"]["epochs"] == BEST
    show(*summary(study))
    assert f"trial {study.recommended.trial}, {BEST} of 6 epochs" in capsys.readouterr().out
    assert f"Train them for {BEST} of the 6 epochs" in study.report()
    assert f"with epochs={BEST} if it takes them" in study.report()
    assert study.recommended.values[0] is not None  # values are those of the last epoch
    assert study.recommended.values[0] > 3
    one = study.trial(study.recommended.trial)
    assert [c.curves["loss"][-1] for c in one.confirmations] == study.recommended.values
    assert one.as_mapping()["confirmed"][0]["curves"] == one.confirmations[0].curves


@pytest.mark.usefixtures("undrawn")
def test_where_the_last_epoch_is_best_nothing_is_said_of_epochs(
    storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = search(overfits, storage, epochs=3)
    assert study.recommended is not None
    assert study.recommended.epochs == 3
    show(*summary(study))
    assert f"trial {study.recommended.trial}\n" in capsys.readouterr().out
    assert "Train them for" not in study.report()


@pytest.mark.parametrize("metric", ["loss", "other"])
def test_values_that_repeat_exactly_tell_it_from_two_trainings(storage: str, metric: str) -> None:
    study = search(repeats, storage, metric=metric)
    assert study.recommended is not None
    assert len(study.recommended.values) == 1
    assert study.recommended.epochs == {"loss": 2, "other": 6}[metric]


def test_a_study_that_was_stopped_between_stages_concludes_the_same(
    tmp_path: Path, tables: Tables
) -> None:
    whole = search(overfits, f"sqlite:///{tmp_path}/whole.db")

    class StopsAfterTwoStages(Watcher):
        stages = 0

        def stage_finished(self, results: Sequence[Confirmation]) -> None:
            self.stages += 1
            if self.stages == 2:
                raise KeyboardInterrupt

    storage = f"sqlite:///{tmp_path}/stopped.db"
    plan = make_plan({k: v for k, v in whole.read().plan.items() if v is not None})
    with pytest.raises(KeyboardInterrupt):
        operations.start(
            plan, name="s", storage=storage, train=overfits, watcher=StopsAfterTwoStages(),
            place=Place(executor="threads"),
        )  # fmt: skip
    with open_store(storage) as store:
        assert {stage for stage, _ in store.stage_curves(store.study("s").study_id)} == {1, 2}
    hpo.resume("s", storage=storage, train=overfits, executor="threads")
    assert tables("s", storage) == tables("s", whole.storage)


def test_folds_are_no_epochs_of_which_fewer_could_be_recommended(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/cv.db"
    search = hpo.SearchCV(
        SGDClassifier(random_state=0), {"alpha": hpo.Float(1e-6, 1e-1, log=True)},
        trials=12, storage=storage, name="cv", progress=False,
    )  # fmt: skip
    search.fit(*load_iris(return_X_y=True))
    assert search.study_.recommended is not None
    assert search.study_.recommended.epochs is None
