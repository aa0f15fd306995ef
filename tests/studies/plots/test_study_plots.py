"""`study.plot`: every figure of a real study, of plain Optuna's, of several objectives; and Optuna's own figures."""

from __future__ import annotations

import warnings
from typing import Any

import matplotlib
import optuna
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

import studies
from studies import Study
from studies.plots.study_plots import Plots
from tests.studies.figures import drawn, overlaps

ALL = sorted(name for name in vars(Plots) if not name.startswith("_") and name != "each")


pytestmark = pytest.mark.usefixtures("quiet_optuna")


@pytest.fixture
def plain(storage: str) -> Study:
    """A study of plain Optuna: no rounds, a parameter that not every trial has, one on a log scale."""

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        extra = trial.suggest_float("extra", 0.0, 1.0) if kind == "b" else 0.0
        for step in range(4):
            trial.report(rate + step, step)
        if trial.number % 7 == 3:
            raise optuna.TrialPruned
        return rate + extra

    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, study_name="plain", sampler=sampler)
    study.optimize(objective, n_trials=25)
    return studies.load("plain", storage)


@pytest.fixture
def several(storage: str) -> Study:
    study = optuna.create_study(
        storage=storage, study_name="several", directions=["minimize", "maximize"]
    )
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), t.suggest_float("y", 0, 1)), n_trials=6)
    return studies.load("several", storage)


def said(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def test_there_is_a_method_for_each_figure() -> None:
    assert ALL == [
        "agreement", "curves", "divergence", "finalists", "gap", "history", "importance", "parallel", "ranges",
        "scatter", "single", "timeline",
    ]  # fmt: skip


def test_each_is_all_of_them(study: Study) -> None:
    assert sorted(study.plot.each()) == sorted([*ALL, "history_by_epochs"])


@pytest.mark.parametrize("name", ALL)
def test_every_figure_of_a_study(study: Study, name: str) -> None:
    before, opened = dict(matplotlib.rcParams), plt.get_fignums()
    figure = drawn(getattr(study.plot, name)())
    assert figure.axes  # a picture and no sentence
    assert not overlaps(figure)
    assert plt.get_fignums() == opened
    assert dict(matplotlib.rcParams) == before


def test_parameters_can_be_chosen(study: Study) -> None:
    axes = study.plot.scatter("units", "activation").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("units", "activation")
    axes = study.plot.scatter(y="units").axes[0]
    assert axes.get_xlabel() != "units"
    assert axes.get_ylabel() == "units"
    assert study.plot.single("units").axes[-1].get_xlabel() == "units"
    assert "epochs" in study.plot.history(by="epochs").axes[-1].get_xlabel()
    with pytest.raises(ValueError, match=r"no parameter 'lr': there is"):
        study.plot.scatter("lr")


def test_the_confirmed_value_is_in_the_history(study: Study) -> None:
    assert study.recommended is not None
    labels = [text.get_text() for text in study.plot.history().legends[0].get_texts()]
    assert any(label.endswith(f"trial {study.recommended.trial}") for label in labels)


def test_divergence_is_over_the_parameter_that_tells_it(study: Study) -> None:
    axes = study.plot.divergence().axes[1]  # high learning rates diverge
    assert axes.get_xlabel() == "learning_rate"


@pytest.mark.parametrize("name", ALL)
def test_every_figure_of_a_study_of_plain_optuna(plain: Study, name: str) -> None:
    figure = drawn(getattr(plain.plot, name)())
    assert not overlaps(figure)
    if name in ("ranges", "finalists", "gap"):
        assert not figure.axes
        assert said(figure).strip()
    else:
        assert figure.axes


def test_the_log_scale_of_plain_optuna_is_guessed_from_the_values(plain: Study) -> None:
    assert plain.plot.single("rate").axes[-1].get_xscale() == "log"
    assert plain.plot.single("extra").axes[-1].get_xscale() == "linear"


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_of_several_objectives_figures_for_one_say_so(several: Study, name: str) -> None:
    text = said(drawn(getattr(several.plot, name)()))
    if name == "timeline":
        assert "failed" not in text
    elif name == "ranges":
        assert "No round" in text
    else:
        assert "for one objective, and the study has 2" in text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("plot_contour", {"params": ["learning_rate", "units"]}),
        ("plot_edf", {}),
        ("plot_intermediate_values", {}),
        ("plot_optimization_history", {}),
        ("plot_parallel_coordinate", {}),
        ("plot_param_importances", {}),
        ("plot_rank", {}),
        ("plot_slice", {}),
        ("plot_timeline", {}),
    ],
)
def test_optunas_own_figures_work(study: Study, name: str, told: dict[str, Any]) -> None:
    from optuna.visualization import matplotlib as visualization

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, says Optuna of its own
        axes = getattr(visualization, name)(study.optuna(), **told)
        try:
            figures = [plt.figure(number) for number in plt.get_fignums()]
            assert axes is not None
            shown = [a for figure in figures for a in figure.axes]
            assert any(a.lines or a.collections or a.patches for a in shown)
            for figure in figures:
                figure.canvas.draw()
        finally:
            plt.close("all")
