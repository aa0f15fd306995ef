"""Models: the networks with the settings that a study recommends, trained to be used, and written to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from threadpoolctl import threadpool_limits

import trainer.data
from hpo.errors import PlanError, StorageError
from hpo.held_out import HeldOut, held_out, margin, residuals
from hpo.members import Member, members_of, networks
from hpo.plan.plan import Plan
from hpo.run.history import split_of
from hpo.run.resuming import check_data, stored_plan
from hpo.trainables.network import MLP, mlp
from hpo.version import __version__
from studies import DEFAULT_STORAGE
from studies.analysis.summary import Summary
from studies.database.engine import is_served, masked
from studies.study import Study
from trainer.data import Draw, InMemory
from trainer.model import ClassifierModel, Model, RegressorModel
from trainer.model_file import ENDING, ONNX_ENDING, save
from trainer.onnx_file import notes, require, save_onnx


@dataclass(frozen=True)
class Chosen:
    """What a model is made of: a study with its data, and the settings and seeds of the model's networks."""

    study: Study
    summary: Summary
    plan: Plan
    network: MLP
    members: Sequence[Member]
    every_row: bool

    @property
    def draw(self) -> Draw:
        """What draws the splits of the study's table."""
        return cast("Draw", self.network.draw)  # nothing is read by a worker here

    @cached_property
    def held_out(self) -> list[HeldOut]:
        """Networks with the settings of the first member, and rows that they were not trained on."""
        first = self.members[0]
        own_split = split_of(self.study.trial(first.trial).trial)
        with threadpool_limits(1, user_api="blas"):
            return held_out(self.network, self.draw, self.plan, self.summary, first, own_split)

    @cached_property
    def model(self) -> Model:
        """The model, trained.

        Raises:
            PlanError: the training diverged.
        """
        table = self.draw.table
        rows, encoding = self.draw.training_rows(every_row=self.every_row)
        with threadpool_limits(1, user_api="blas"):
            trained = networks(self.network, self.plan, self.members, rows)
        about = {"target": table.target, **_about(self, len(rows.X))}
        if table.classes is not None:
            return ClassifierModel(
                trained, encoding, table.columns, about, table.classes, table.layout
            )
        within = margin(residuals(self.held_out))
        return RegressorModel(trained, encoding, table.columns, about, within, table.layout)


def choose(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    trial: int | None = None,
    every_row: bool = False,
    ensemble: int = 1,
    data: InMemory | None = None,
) -> Chosen:
    """What a model is made of that has the settings that a study recommends, or those of a trial.

    It trains on all rows but the test rows, or on `every_row`. It is the same network, to the last bit, whose score on
    the test rows the study has, if that is stored. With `ensemble`, so many networks answer together: one for each of
    the finalists, the best first, and further ones with other first weights.

    Raises:
        studies.errors.StoreError: there is no such study or trial.
        PlanError: it has trained no network of hpo's, no trial has succeeded, or the data differ.
    """
    if ensemble < 1:
        raise PlanError(f"ensemble: {ensemble} is not a whole number of at least 1")
    if trial is not None and ensemble > 1:
        raise PlanError("ensemble: its networks are the finalists', so leave out the trial")
    if is_served(storage):
        raise StorageError(
            f"{masked(storage)} is a service, which trains models itself: on a study's page, or by hpo.Client.train"
        )
    study = Study(name, storage)
    summary = study.read()
    plan = stored_plan(summary.record)
    if plan.source is None:
        raise PlanError(
            f"study {name!r} trains a model of yours: train it with the settings that hpo show {name} prints"
        )
    network = mlp(plan, trainer.data.load if data is None else data.load)
    check_data(plan, network, summary.record)
    members = members_of(study, summary, plan, trial, ensemble)
    return Chosen(study, summary, plan, network, members, every_row)


def _about(chosen: Chosen, rows: int) -> dict[str, Any]:
    """Where a model comes from, and what the study says of its settings, as plain values."""
    plan, summary, members = chosen.plan, chosen.summary, chosen.members
    facts, first = summary.as_mapping(), members[0].trial
    finalist = next((f for f in facts["finalists"] if f["trial"] == first), None)
    is_tested = (
        not chosen.every_row
        and len(members) == 1
        and members[0].epochs in (None, plan.epochs)
        and plan.rows is None
        and summary.opening is not None
        and summary.opening.trial == first
    )
    return {
        "hpo": __version__,
        "study": summary.record.name,
        "source": Path(plan.source or "").name,  # the folders are nobody's business
        "rows": rows,
        "test_rows_are_in": chosen.every_row,
        "epochs": [member.epochs or plan.epochs for member in members],
        "trials": [member.trial for member in members],
        "seeds": [member.seed for member in members],
        "metric": facts["metric"],
        "direction": facts["direction"],
        "confirmed": finalist and {key: finalist[key] for key in ("mean", "ci95", "values")},
        "test": facts["test"] if is_tested else None,
        "data": summary.data,
    }


def check_output(output: Path) -> None:
    """Check that a model can be written to a file of this name, before one is trained.

    Raises:
        PlanError: its ending is of no kind of model file.
        DataError: its kind needs a package that is not installed.
    """
    if output.suffix not in (ENDING, ONNX_ENDING):
        raise PlanError(
            f"{output}: a model is written to a file that ends in {ENDING} or {ONNX_ENDING}"
        )
    if output.suffix == ONNX_ENDING:
        require(output)


def write(model: Model, output: Path) -> list[str]:
    """Write a model to a file of the kind that its name says, and return what its user should know."""
    if output.suffix != ONNX_ENDING:
        save(model, output)
        return []
    save_onnx(model, output)
    return [f"{output}: {note}" for note in notes(model)]


def facts_of(model: Model) -> dict[str, Any]:
    """What a model is, as plain values: for `hpo show`."""
    is_class = isinstance(model, ClassifierModel)
    return {
        "classes": list(model.class_names) if is_class else None,
        "margin": None if is_class else model.margin,
        "columns": [asdict(column) for column in model.columns],
        "inputs": model.n_features_in_,
        "networks": [trained.facts for trained in model.networks],
        "about": dict(model.about or {}),
    }
