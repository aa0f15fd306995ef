"""Models: the network with the settings that a study recommends, trained to be used, and written to a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import trainer.data
from hpo.errors import PlanError
from hpo.plan.network import own_fields
from hpo.plan.plan import Plan
from hpo.plan.space import Settings
from hpo.run.resuming import check_data, stored_plan
from hpo.run.seeds import CONFIRM, TEST_ROWS, seed_of, training_seed
from hpo.trainables.network import MLP, mlp
from hpo.version import __version__
from studies import DEFAULT_STORAGE
from studies.analysis.summary import Summary
from studies.study import Study
from trainer.data import Draw, InMemory, Splits
from trainer.fit import trained
from trainer.forward import outputs
from trainer.model import ClassifierModel, Model, RegressorModel, Trained
from trainer.model_file import ENDING, ONNX_ENDING, save
from trainer.onnx_file import notes, require, save_onnx
from trainer.recipe import Recipe, Rows

MOST_STAGES = 5  # on whose validation rows a model's errors are measured
INSIDE = 0.95  # share of rows whose quantity an interval is to hold


def train(
    name: str,
    *,
    storage: str = DEFAULT_STORAGE,
    trial: int | None = None,
    every_row: bool = False,
    ensemble: int = 1,
    data: InMemory | None = None,
) -> Model:
    """Train a network with the settings that a study recommends, or with those of a trial, and return the model.

    It trains on all rows but the test rows, or on `every_row`. It is the same network, to the last bit, whose score on
    the test rows the study has, if that is stored. With `ensemble`, so many networks answer together: one for each of
    the finalists, the best first, and further ones with other first weights.

    Raises:
        studies.errors.StoreError: there is no such study or trial.
        PlanError: it has trained no network of hpo's, no trial has succeeded, or the data differ.
        ValueError: the training diverged.
    """
    if ensemble < 1:
        raise PlanError(f"ensemble: {ensemble} is not a whole number of at least 1")
    if trial is not None and ensemble > 1:
        raise PlanError("ensemble: its networks are the finalists', so leave out the trial")
    study = Study(name, storage)
    summary = study.read()
    plan = stored_plan(summary.record)
    if plan.source is None:
        raise PlanError(
            f"study {name!r} trains a model of yours: train it with the settings that hpo show {name} prints"
        )
    network = mlp(plan, trainer.data.load if data is None else data.load)
    check_data(plan, network, summary.record)
    members = _members(study, summary, plan, trial, ensemble)
    with threadpool_limits(1, user_api="blas"):
        return _model(network, plan, summary, members, every_row=every_row)


@dataclass(frozen=True)
class _Member:
    """What one network of a model is trained with; `epochs` is None for those of the plan."""

    trial: int
    settings: Settings
    seed: int
    epochs: int | None = None


def _members(
    study: Study, summary: Summary, plan: Plan, trial: int | None, count: int
) -> list[_Member]:
    """The trials whose settings the networks have, with their seeds: that of the test for the first of each trial."""
    chosen: list[tuple[int, Settings, int | None]]
    if trial is not None:
        chosen = [(trial, dict(study.trial(trial).trial.params), None)]
    else:
        chosen = [
            (f.trial, dict(f.params), f.epochs) for f in summary.finalists if f.mean is not None
        ]
        if not chosen and summary.chosen is not None:
            chosen = [(summary.chosen[0], dict(summary.chosen[1]), None)]
    if not chosen:
        raise PlanError(f"no trial of study {summary.record.name!r} has succeeded yet")
    members = []
    for k in range(count):
        again, which = divmod(k, len(chosen))
        seed = seed_of(plan, TEST_ROWS, *([again] if again else []))
        number, settings, epochs = chosen[which]
        members.append(_Member(number, settings, seed, epochs))
    return members


def _model(
    network: MLP, plan: Plan, summary: Summary, members: Sequence[_Member], *, every_row: bool
) -> Model:
    draw = cast("Draw", network.draw)  # nothing is read by a worker here
    rows, encoding = draw.training_rows(every_row=every_row)
    networks: dict[int, Trained] = {}
    for recipe, group in _stacks(network, members):
        of_group = _trained(plan, recipe, [members[k] for k in group], rows)
        networks |= zip(group, of_group, strict=True)
    in_order = tuple(networks[k] for k in range(len(members)))
    table = draw.table
    about = _about(plan, summary, members, len(rows.X), every_row=every_row)
    about["target"] = table.target or plan.target
    if table.classes is not None:
        return ClassifierModel(
            in_order, encoding, table.columns, about, table.classes, table.layout
        )
    margin = _margin(_residuals(network, plan, summary, members[0]))
    return RegressorModel(in_order, encoding, table.columns, about, margin, table.layout)


def _stacks(network: MLP, members: Sequence[_Member]) -> Iterator[tuple[Recipe, list[int]]]:
    """The positions of members that train as one stack: those of the same shapes, seed and number of epochs."""
    stacks: dict[tuple[Recipe, int, int | None], list[int]] = {}
    for k, member in enumerate(members):
        key = network.recipe(member.settings), member.seed, member.epochs
        stacks.setdefault(key, []).append(k)
    for (recipe, *_), group in stacks.items():
        yield recipe, group


def _trained(
    plan: Plan, recipe: Recipe, members: Sequence[_Member], rows: Rows
) -> Iterator[Trained]:
    """The networks of members that train as one stack."""
    settings = [own_fields(plan, member.settings) for member in members]
    first = members[0]
    stack = trained(recipe, settings, rows, epochs=plan.epochs, seed=first.seed, until=first.epochs)
    for k, member in enumerate(members):
        part = slice(k, k + 1)
        yield Trained(
            stack.network, stack.theta[part].copy(), stack.statistics[part].copy(), member.settings
        )


def _residuals(network: MLP, plan: Plan, summary: Summary, member: _Member) -> NDArray[np.float64]:
    """How far the quantities of validation rows lie from the estimates, in the table's units.

    The networks are those that confirmed the settings, on their own splits; without any, that of the trial.
    """
    stages = [
        c.stage for c in summary.confirmations if c.trial == member.trial and c.value is not None
    ]
    splits = [
        (network.draw(stage), seed_of(plan, CONFIRM, stage)) for stage in stages[:MOST_STAGES]
    ]
    if not splits:
        splits = [(network.draw(0), training_seed(plan, 0))]
    found = []
    for split, seed in splits:
        own = replace(member, seed=seed)
        (one,) = _trained(plan, network.recipe(member.settings), [own], split.train)
        found.append(_errors(one, split))
    return np.concatenate(found)


def _errors(one: Trained, split: Splits) -> NDArray[np.float64]:
    estimates = outputs(one.network, one.theta, one.statistics, split.validation.X)[0, :, 0]
    errors: NDArray[np.float64] = (split.validation.y.ravel() - estimates) * split.target_scale
    return errors


def _margin(residuals: NDArray[np.float64]) -> float:
    """How far INSIDE of new rows lie from an estimate at the most (split conformal prediction, Lei et al. 2018)."""
    sizes = np.sort(np.abs(residuals))
    return float(sizes[min(int(np.ceil((len(sizes) + 1) * INSIDE)), len(sizes)) - 1])


def _about(
    plan: Plan, summary: Summary, members: Sequence[_Member], rows: int, *, every_row: bool
) -> dict[str, Any]:
    """Where a model comes from, and what the study says of its settings, as plain values."""
    facts, first = summary.as_mapping(), members[0].trial
    finalist = next((f for f in facts["finalists"] if f["trial"] == first), None)
    is_tested = (
        not every_row
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
        "target": plan.target,
        "rows": rows,
        "test_rows_are_in": every_row,
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
        "networks": [
            {
                "sizes": list(trained.network.sizes),
                "activation": trained.network.activation,
                "batch_norm": trained.network.batch_norm,
                "settings": dict(trained.settings),
            }
            for trained in model.networks
        ],
        "about": dict(model.about or {}),
    }
