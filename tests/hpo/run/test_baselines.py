"""The settings in use today in whole searches: recorded like any other trial, and compared with at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

import hpo
from studies import Study

PLAN: dict[str, Any] = {
    "space": {"x": hpo.Float(1e-3, 1, log=True), "n": hpo.Int(1, 8)},
    "metric": "loss",
    "direction": "minimize",
    "trials": 40,
    "rounds": 2,
    "baseline": [{"x": 0.0, "n": 12}, {"x": 0.2, "n": 3}],
}


def loss(params: dict[str, Any], seed: int) -> float:
    noise = np.random.default_rng([seed, *(int(1e9 * value) for value in params.values())]).normal()
    return float((params["x"] - 0.3) ** 2 + params["n"] / 100 + 0.01 * noise)


def facts(study: Study) -> tuple[Any, ...]:
    trials = study.trials_frame()[["number", "value", "x", "n"]].values.tolist()
    return trials, study.finalists_frame().values.tolist(), study.summary()["baseline"]


def searched(storage: Path, stops: tuple[int, ...] = ()) -> Study:
    """The study of a loop that ends after so many trainings, and goes on."""
    fields, count, url = PLAN, 0, f"sqlite:///{storage}"
    while True:
        with hpo.open("s", storage=url, **fields) as search:
            while task := search.ask():
                if count in stops:
                    stops = tuple(stop for stop in stops if stop != count)
                    break
                count += 1
                search.tell(task, loss(task.params, task.seed))
            else:
                return search.study
        fields = {}


def test_it_is_recorded_trained_again_and_compared(tmp_path: Path) -> None:
    study = searched(tmp_path / "straight.db")
    known = facts(study)
    assert [row[2:] for row in known[0][:2]] == [[0.0, 12], [0.2, 3]]
    first, second = study.optuna().trials[:2]
    assert first.params == {"x": 0.0, "n": 12}
    # Optuna finds each value in its distribution, and no scale that has no 0.
    assert first.distributions == {"x": FloatDistribution(0, 1), "n": IntDistribution(1, 12)}
    assert second.distributions == {"x": FloatDistribution(0, 1), "n": IntDistribution(1, 8)}
    compared = study.summary()["baseline"]
    assert [b["trial"] for b in compared] == [0, 1]
    assert compared[0]["better"] is True
    assert compared[0]["gain"] == pytest.approx(0.2, abs=0.1)
    assert len(study.trials_frame()) + study.finalists_frame()["repeats"].sum() <= PLAN["trials"]

    killed = searched(tmp_path / "killed.db", stops=(0, 1, 5, 12, 21, 24))
    assert facts(killed) == known


def test_halving_trains_it_to_the_end(tmp_path: Path) -> None:
    study = hpo.search(
        "iris", baseline="learning_rate=1e-5,weight_decay=1e-8", trials=14, epochs=9, halving=3,
        finalists=0, workers=1, storage=f"sqlite:///{tmp_path / 's.db'}",
    )  # fmt: skip
    trials = study.trials_frame()
    assert trials["state"][0] == "complete"
    assert (trials["state"] == "pruned").sum() > 6
    (compared,) = study.summary()["baseline"]
    assert compared["gain"] is compared["better"] is None
