"""Held-out rows: networks that confirmed settings, trained again, and rows that they were not trained on."""

# Law 7: test rows are seen once, and what measures a network never trained it.

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, root_mean_squared_error

import hpo
from hpo.held_out import MOST_NETWORKS, margin, residuals
from hpo.models import choose
from tests.trainer.models import animals

PLAN: dict[str, Any] = {"trials": 16, "epochs": 3, "hidden": (12,), "progress": False, "workers": 1}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("held_out")
    animals(300).to_csv(folder / "animals.csv", index=False)
    storage = f"sqlite:///{folder}/s.db"
    for target in ("kind", "weight"):
        hpo.search(folder / "animals.csv", target=target, name=target, storage=storage, **PLAN)
    return storage


@pytest.mark.parametrize("target", ["kind", "weight"])
def test_the_networks_have_the_scores_that_confirmed_the_settings(
    storage: str, target: str
) -> None:
    chosen = choose(target, storage=storage)
    trial = chosen.members[0].trial
    stored = {c.stage: c.value for c in chosen.summary.confirmations if c.trial == trial}
    assert [one.stage for one in chosen.held_out] == [*stored][:MOST_NETWORKS]
    assert chosen.members[0].epochs in (None, chosen.plan.epochs)
    for one in chosen.held_out:
        assert one.stage is not None
        score = (
            accuracy_score(one.labels, one.answers.argmax(axis=1))
            if target == "kind"
            else root_mean_squared_error(one.labels, one.answers)
        )
        assert score == pytest.approx(stored[one.stage], rel=1e-4)


@pytest.mark.parametrize("target", ["kind", "weight"])
def test_no_row_trained_the_network_or_is_a_test_row(storage: str, target: str) -> None:
    chosen = choose(target, storage=storage)
    allowed = set(chosen.draw.training_positions(every_row=False))
    for one in chosen.held_out:
        assert one.stage is not None
        training, validation = chosen.draw.positions(one.stage)
        assert (len(training), set(validation)) == (one.trained_on, set(one.positions))
        assert not set(training) & set(one.positions)
        assert set(one.positions) <= allowed


@pytest.mark.parametrize("target", ["kind", "weight"])
def test_as_a_model_the_network_answers_the_same_for_the_rows_as_they_are(
    storage: str, target: str
) -> None:
    one = choose(target, storage=storage).held_out[0]
    rows = one.table.rows_at(one.positions)
    answers = one.model.predict_proba(rows) if target == "kind" else one.model.predict(rows)
    assert answers == pytest.approx(one.answers, abs=1e-9)


def test_a_trial_that_was_not_confirmed_has_its_own_split(storage: str) -> None:
    chosen = choose("kind", storage=storage)
    confirmed = {c.trial for c in chosen.summary.confirmations}
    trials = chosen.study.trials_frame()
    own = trials[(trials["state"] == "complete") & ~trials["number"].isin(confirmed)]["number"]
    for trial in map(int, own.iloc[[0, -1]]):
        (one,) = choose("kind", storage=storage, trial=trial).held_out
        assert one.stage is None
        value = chosen.study.trial(trial).trial.value
        assert accuracy_score(one.labels, one.answers.argmax(axis=1)) == pytest.approx(value)


def test_the_margin_holds_the_share_of_new_rows_that_it_promises() -> None:
    rng = np.random.default_rng(0)
    shares = [
        np.mean(np.abs(rng.normal(size=500)) <= margin(rng.normal(size=80))) for _ in range(200)
    ]
    assert np.mean(shares) == pytest.approx(0.95, abs=0.01)
    assert margin(np.array([1.0, -3.0, 2.0])) == 3.0


def test_the_margin_of_a_model_is_that_of_its_held_out_rows(storage: str) -> None:
    chosen = choose("weight", storage=storage)
    assert chosen.model.margin == margin(residuals(chosen.held_out))
