"""The learning curves of the best trials."""

from __future__ import annotations

from studies import Study, plots
from tests.studies.figures import DOWN, UP, drawn, legend, made, points


def test_curves_come_in_order_of_value(study: Study) -> None:
    trials, epochs = study.trials_frame(), study.epochs_frame()
    figure = drawn(plots.curves(trials, epochs, goal=DOWN))
    order = trials[trials["state"] == "complete"].sort_values("value")["number"].head(20)
    panels = figure.axes
    assert [p.get_title().split()[2] for p in panels] == [str(n) for n in order]
    assert panels[0].get_title().startswith("Best-1  trial ")
    for panel, number in zip(panels, order, strict=True):
        of_trial = epochs[epochs["trial"] == number]
        for label, metric in (("validation", "validation_rmse"), ("training", "train_rmse")):
            assert points(panel, label) == (list(of_trial["epoch"]), list(of_trial[metric]))
        assert panel.get_ylim() == panels[0].get_ylim()
    styles = {str(line.get_label()): line.get_linestyle() for line in panels[0].get_lines()}
    assert styles == {"validation": "-", "training": "--"}


def test_curves_that_leave_the_panels_say_so() -> None:
    trials, epochs, _ = made([0.8 + n / 100 for n in range(10)])
    assert legend(plots.curves(trials, epochs, goal=UP)) == ["validation", "training"]
    epochs.loc[0, "validation_accuracy"] = -1e6
    figure = plots.curves(trials, epochs, goal=UP)
    assert legend(figure)[-1] == "worse values are cut off"
    assert figure.axes[0].get_ylim()[0] > -10


def test_curves_of_a_metric_that_has_no_splits() -> None:
    trials, epochs, _ = made([0.5, 0.6])
    alone = epochs[["trial", "epoch", "validation_accuracy"]]
    alone = alone.rename(columns={"validation_accuracy": "accuracy"})
    assert legend(drawn(plots.curves(trials, alone, goal=UP))) == ["accuracy"]
    assert plots.has_curves(alone, "accuracy")
    assert not plots.has_curves(alone, "rmse")
