"""The tables of a database with one study, as they are: Optuna's and ours, with the number of rows in each."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

import hpo
from studies.plots.look import GREY, INK, SLOPE, TIED

GROUPS = {
    "the study": ("studies", "study_directions", "study_user_attributes", "study_system_attributes"),
    "its trials": ("trials", "trial_params", "trial_values", "trial_intermediate_values", "trial_user_attributes"),
    "the plan, and where it ran": ("hpo_studies", "hpo_plans", "hpo_environments"),
    "what was judged": ("hpo_rounds", "hpo_conclusions", "hpo_tests", "hpo_test_intervals", "hpo_stops"),
    "more of each training": ("hpo_curves", "hpo_confirmations", "hpo_stage_curves", "hpo_out_of_fold"),
    "upkeep": ("hpo_leases", "hpo_migrations"),
}  # fmt: skip
COLUMNS = (("the study", "its trials"), tuple(GROUPS)[2:4], tuple(GROUPS)[4:])
TITLES = ("Optuna's tables", "Our tables", "")


def storage(folder: Path) -> Figure:
    """One column for Optuna's tables, two for ours."""
    url = f"sqlite:///{folder}/hpo.db"
    hpo.search("digits", trials=40, epochs=6, storage=url, progress=False)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        rows = {
            name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608  # our own names
            for group in GROUPS.values()
            for name in group
        }
    figure = Figure(figsize=(7.2, 3.3), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set(xlim=(0, 3), ylim=(0.16, 1))
    for x, (groups, title) in enumerate(zip(COLUMNS, TITLES, strict=True)):
        axes.text(x + 0.02, 0.99, title, va="top", weight="bold", fontsize=9.5, color=INK)
        axes.text(x + 0.91, 0.985, "rows", va="top", ha="right", color=GREY)
        top = 0.91
        for group in groups:
            top = _group(
                axes, x, top, group, {name: rows[name] for name in GROUPS[group]}, ours=x > 0
            )
    return figure


def _group(
    axes: Axes, x: float, top: float, title: str, rows: dict[str, int], *, ours: bool
) -> float:
    """A box with the names of tables and their rows; returns where the next one begins."""
    line = 0.056
    height = line * (len(rows) + 1) + 0.03
    axes.add_patch(
        FancyBboxPatch(
            (x + 0.03, top - height), 0.9, height, boxstyle="round,pad=0,rounding_size=0.02",
            facecolor=SLOPE if ours else "#f2f2f2", edgecolor=TIED if ours else GREY, lw=0.8,
        )
    )  # fmt: skip
    axes.text(x + 0.07, top - 0.022, title, va="top", color=INK, style="italic")
    for k, (name, count) in enumerate(rows.items(), start=1):
        y = top - 0.022 - k * line
        axes.text(x + 0.07, y, name, va="top", family="monospace", fontsize=7, color=INK)
        axes.text(x + 0.9, y, f"{count:,}", va="top", ha="right", fontsize=7.5, color=INK)
    return top - height - 0.04
