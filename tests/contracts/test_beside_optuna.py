"""Optuna and hpo on one database: each reads the other's studies, draws them, goes on with them and deletes them."""

from __future__ import annotations

import math

import optuna
import optuna.visualization.matplotlib
import pandas as pd
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution

import studies
from studies import Study
from studies.database.store import create_store
from tests.optunas import optunas
from tests.postgres import rows
from tests.studies.stores import NEW

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}

pytestmark = pytest.mark.usefixtures("quiet_optuna")


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("learning_rate", 1e-3, 1e3, log=True)
    units = trial.suggest_int("units", 4, 32, log=True)
    wide = trial.suggest_categorical("activation", ["relu", "tanh"]) == "relu"
    for step in range(3):
        trial.report(rate / (step + 1), step)
    return abs(math.log(rate)) + units / 32 + wide


def test_optunas_own_table_of_trials_and_best_trial_are_ours(
    study: Study, theirs: optuna.Study
) -> None:
    ours, table = study.trials_frame(), theirs.trials_dataframe()
    assert table["number"].to_list() == ours["number"].to_list()
    for name in ("learning_rate", "units", "activation"):
        assert table[f"params_{name}"].to_list() == ours[name].to_list()
    value = table["value_rmse"]  # by the metric's name, as Optuna has it
    assert value.isna().to_list() == ours["value"].isna().to_list()
    assert value.dropna().to_list() == ours["value"].dropna().to_list()
    assert study.best is not None
    assert theirs.best_trial.number == study.best.number
    assert theirs.best_value == study.best.value
    assert theirs.best_params == study.best.params


def test_optuna_weighs_the_parameters_of_our_studies(theirs: optuna.Study) -> None:
    weights = optuna.importance.get_param_importances(theirs)
    assert set(weights) == {"learning_rate", "units", "activation"}
    assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    "plot",
    [
        "plot_optimization_history",
        "plot_intermediate_values",
        "plot_param_importances",
        "plot_slice",
        "plot_parallel_coordinate",
    ],
)
def test_optunas_plots_draw_our_studies(plot: str, theirs: optuna.Study) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    axes = getattr(optuna.visualization.matplotlib, plot)(theirs)
    figure = next(iter(axes.flat)).figure if hasattr(axes, "flat") else axes.figure
    assert figure.axes
    assert any(ax.has_data() for ax in figure.axes)
    pyplot.close("all")


def test_plain_optuna_can_go_on_with_a_study_of_ours(copy: Study) -> None:
    before = copy.trials_frame()
    with optunas(copy.storage, copy.name) as theirs:
        theirs.sampler = optuna.samplers.TPESampler(seed=0)
        theirs.optimize(objective, n_trials=2)
        assert len(theirs.trials) == 47
    after = copy.trials_frame()
    assert after["number"].to_list() == list(range(47))
    pd.testing.assert_frame_equal(after.iloc[:45], before, check_exact=True)
    assert after["state"].iloc[45:].to_list() == ["complete", "complete"]
    assert after["round"].iloc[45:].isna().all()
    assert after[["learning_rate", "units", "activation"]].notna().to_numpy().all()
    summary = copy.summary()
    assert sum(summary["trials"].values()) == 47
    assert summary["best"]["value"] == after["value"].min()
    assert len(copy.rounds_frame()) == 9


def test_a_study_that_plain_optuna_made_can_be_read(storage: str) -> None:
    database = optuna.storages.RDBStorage(storage)
    made = optuna.create_study(
        study_name="theirs", storage=database, sampler=optuna.samplers.TPESampler(seed=0)
    )
    made.optimize(objective, n_trials=12)
    with pytest.raises(ZeroDivisionError):
        made.optimize(lambda _: 1 / 0, n_trials=1)
    made.optimize(lambda _: math.nan, n_trials=1)
    made.tell(made.ask(), state=optuna.trial.TrialState.PRUNED)
    trials, best = made.get_trials(), made.best_trial
    database.remove_session()
    database.engine.dispose()

    before = rows(storage)
    study = studies.load("theirs", storage)
    frame, epochs, summary = study.trials_frame(), study.epochs_frame(), study.summary()
    assert frame["state"].to_list() == [STATES[t.state.name] for t in trials]
    assert frame["value"].dropna().to_list() == [t.value for t in trials if t.value is not None]
    for name in ("learning_rate", "units", "activation"):
        assert frame[name].iloc[:12].to_list() == [t.params[name] for t in trials[:12]]
        assert frame[name].iloc[12:].isna().all()
    assert frame["round"].isna().all()
    assert frame["epochs"].to_list() == [3] * 12 + [0] * 3
    assert epochs["value"].to_list() == [
        value for t in trials for value in t.intermediate_values.values()
    ]
    assert len(study.rounds_frame()) == 0
    assert study.best is not None
    assert (study.best.number, study.best.value) == (best.number, best.value)
    assert summary["best"] == {"trial": best.number, "value": best.value, "params": best.params}
    assert summary["trials"] == {"complete": 12, "pruned": 1, "failed": 2}
    assert (summary["state"], summary["metric"], summary["seed"]) == ("complete", "value", None)
    assert rows(storage) == before


def test_our_studies_and_plain_optunas_share_a_database(copy: Study) -> None:
    database = optuna.storages.RDBStorage(copy.storage)
    optuna.create_study(study_name="theirs", storage=database).optimize(objective, n_trials=3)
    database.remove_session()
    database.engine.dispose()
    assert studies.names(copy.storage) == ["small", "theirs"]
    assert len(studies.load("theirs", copy.storage).epochs_frame()) == 9
    assert len(copy.trials_frame()) == 45


def test_optuna_deletes_a_study_of_ours_and_leaves_the_others(copy: Study) -> None:
    distributions: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
    with (
        create_store(copy.storage) as store,
        store.create_study("other", **NEW) as writer,
    ):
        writer.start_batch(0, [{"x": 0.5}], distributions)
    database = optuna.storages.RDBStorage(copy.storage)
    optuna.delete_study(study_name="small", storage=database)
    database.remove_session()
    database.engine.dispose()
    assert studies.names(copy.storage) == ["other"]
    assert studies.load("other", copy.storage).trials_frame()["x"].to_list() == [0.5]
