"""What settings of a network should be scored by, on real tables with few validation rows: by one split that all share,
by a split of each batch or of each setting, or by five folds; after the last epoch, or after the best one.

Learning rate and weight decay of a network of ours. The accuracy of each setting of a grid is measured on many seeds
and splits, after every epoch; searches look it up there, so that only how they score differs between them. What is
chosen is judged by its mean accuracy on further splits, after as many epochs as are recommended. A search that scores
on five folds has a fifth as many settings. Nagler et al. 2024 (*Reshuffling resampling splits can improve
generalization of hyperparameter optimization*) find that splits should not be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from hpo.choose import evidence
from hpo.choose.concluding import conclude
from hpo.choose.lengths import recommended_epochs
from hpo.choose.narrowing import narrow
from hpo.choose.next_step import Draw, Judge, Race, Repeat, StartRound, next_step
from hpo.choose.suggest import explore, suggest
from hpo.choose.types import Confirmation, History, Observation, Round, Traits
from hpo.plan.plan import make_plan
from hpo.plan.space import Settings, at, distribution, position
from hpo.run.seeds import SUGGEST, seed_of
from hpo.trainables.network import mlp
from scripts.bench.search.running import Floats, each
from scripts.bench.search.tasks import WIDE, trained

Sharing = Literal["one for all", "one for each batch", "one for each setting"]
By = Literal["last", "recommended", "best"]
RATES, DECAYS = 22, 10  # the grid
SPLITS = 100  # that searches draw from, and as many that judge
DIVISIONS, FOLDS = 40, 5
TRAININGS = 60
DEFAULT: Settings = {
    "learning_rate": 0.01,
    "weight_decay": 1e-8,
}  # the network's, as far as the range goes


def plans(data: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The tasks, with their files in the folder `data`; what has to be changed first goes to `folder`."""
    import pandas as pd

    tables, titanic = data / "tabular", folder / "titanic.csv"
    alive = pd.read_csv(tables / "titanic.csv", keep_default_na=False)
    alive.drop(columns="alive").to_csv(titanic, index=False)  # it is the answer
    return {
        "wine": {"source": "wine"},
        "penguins": {"source": f"{tables}/penguins.csv", "target": "species"},
        "titanic": {"source": f"{titanic}", "target": "survived"},
        "adult, 500 rows": {
            "source": f"{tables}/adult.csv", "target": "income-per-year", "rows": 500,
        },
        "MNIST, 500 rows": {"source": f"mnist:{data}/mnist", "rows": 500},
    }  # fmt: skip


@dataclass(frozen=True)
class Accuracies:
    """The accuracies (splits, epochs, settings) of a grid, on the splits that searches draw from, on those that judge,
    and in divisions into folds, as means over the folds.
    """

    seen: Floats
    fresh: Floats
    folded: Floats

    def curve(self, split: int, params: Mapping[str, Any], *, folds: bool = False) -> Floats:
        seen = self.folded if folds else self.seen
        return np.asarray(seen[split, :, _cell(params)])

    def truth(self, choice: Choice) -> float:
        return float(self.fresh[:, choice.epochs - 1, _cell(choice.params)].mean())

    def best(self) -> float:
        """The best there is, of settings that train for all epochs."""
        return float(self.fresh[:, -1].mean(axis=0).max())


class Choice(NamedTuple):
    """Settings, and how many epochs to train them."""

    params: Settings
    epochs: int


def _cell(params: Mapping[str, Any]) -> int:
    """The cell of the grid that parameters lie in."""
    row, column = (
        min(int(position(WIDE[name], params[name]) * count), count - 1)
        for name, count in (("learning_rate", RATES), ("weight_decay", DECAYS))
    )
    return row * DECAYS + column


def measured(plan: Mapping[str, Any]) -> Accuracies:
    """Train the whole grid on all splits and divisions; a training that diverges has accuracy 0."""
    both = np.array(each(_on_split, [(plan, which) for which in range(1, 2 * SPLITS + 1)]))
    divisions = range(1, DIVISIONS + 1)
    folded = np.array(each(_on_split, [({**plan, "folds": FOLDS}, which) for which in divisions]))
    return Accuracies(both[:SPLITS], both[SPLITS:], folded)


def _on_split(plan: Mapping[str, Any], which: int) -> Floats:
    """The curves (epochs, settings) of the grid."""
    trainable = mlp(make_plan({**plan, "space": WIDE, "seed": 0}))
    grid: list[Settings] = [
        {
            "learning_rate": at(WIDE["learning_rate"], (row + 0.5) / RATES),
            "weight_decay": at(WIDE["weight_decay"], (column + 0.5) / DECAYS),
        }
        for row in range(RATES)
        for column in range(DECAYS)
    ]
    outcomes = trained(trainable, grid, which, which, trainable.plan.epochs)
    curves = np.zeros((trainable.plan.epochs, len(grid)))
    for k, outcome in enumerate(outcomes):
        if outcome.value is not None:
            curves[:, k] = outcome.metrics[trainable.score]
    return curves


def ours(
    table: Accuracies, sharing: Sharing, seed: int, *, folds: bool = False, by: By = "last"
) -> Choice:
    """What a search of ours recommends, made by its pure choices without a database.

    Settings are scored `by` their last epoch, and trained for all or for the recommended epochs; or both by the epoch
    after which their mean curve is best.
    """
    trials = TRAININGS // FOLDS if folds else TRAININGS
    plan = make_plan(
        {"trainer": "a:b", "space": WIDE, "trials": trials, "seed": seed, "extend": False}
    )
    traits, history = Traits("maximize", stacked=True, noisy=True), History()
    splits = np.random.default_rng([seed, 1]).permutation(DIVISIONS if folds else SPLITS).tolist()
    last = 0  # the split that trials trained on, counted from the first; stages count from the last
    curves: dict[int, list[Floats]] = {}  # of all trainings of a trial's settings
    while True:
        step = next_step(plan, traits, history)
        if isinstance(step, StartRound):
            history.rounds.append(Round(step.number, step.size, step.ranges))
        elif isinstance(step, Draw):
            ranges, count = step.round.ranges, step.batch.size
            seed_drawn = seed_of(plan, SUGGEST, step.round.number, history.in_round)
            known = evidence.observations(history, "maximize")
            if step.batch.explores:
                drawn = explore(ranges, count, seed_drawn)
            else:
                drawn = suggest(ranges, known, count, seed_drawn, sampler=plan.draws_by)
            last += sharing == "one for each batch"
            for params in drawn:
                last += sharing == "one for each setting"
                curve = table.curve(splits[last], params, folds=folds)
                curves[history.drawn] = [curve]
                value = float(curve.max() if by == "best" else curve[-1])
                history.trials[history.drawn] = Observation(params, value, step.number)
        elif isinstance(step, Judge):
            seen = evidence.observations(history, "maximize")
            verdicts = narrow(step.round.ranges, seen, "maximize", first=plan.space, extend=False)
            history.rounds[-1] = replace(
                step.round,
                actions={name: verdict.action for name, verdict in verdicts.items()},
                next_ranges={name: verdict.next for name, verdict in verdicts.items()},
            )
        elif isinstance(step, Repeat | Race):
            history.stage += 1
            for trial in step.trials:
                params = history.trials[trial].settings
                curve = table.curve(splits[-history.stage], params, folds=folds)
                curves[trial].append(curve)
                epoch = int(np.mean(curves[trial], axis=0).argmax()) if by == "best" else -1
                value = float(curve[epoch])
                history.confirmed.append(Confirmation(history.stage, trial, value))
        else:
            concluded = conclude(history.searched(), history.confirmed, "maximize")
            trial = concluded.finalists[0].trial
            of_trial = [curve.tolist() for curve in curves[trial]]
            epochs = {
                "last": len(of_trial[0]),
                "recommended": recommended_epochs(of_trial, "maximize", len(of_trial[0])),
                "best": int(np.mean(of_trial, axis=0).argmax()) + 1,
            }
            return Choice(history.trials[trial].settings, epochs[by])


def optuna_tpe(table: Accuracies, again: int, seed: int) -> Choice:
    """What Optuna's TPE finds on one split; with `again`, so many of its best are trained three times more."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    splits = np.random.default_rng([seed, 1]).permutation(SPLITS).tolist()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    distributions = {name: distribution(p) for name, p in WIDE.items()}
    for _ in range(TRAININGS - 3 * again):
        trial = study.ask(distributions)
        study.tell(trial, float(table.curve(splits[0], trial.params)[-1]))
    best = sorted(study.trials, key=lambda t: -(t.value or 0.0))[: max(1, again)]
    others = splits[-3:] if again else []

    def total(params: Mapping[str, Any]) -> float:
        return sum(float(table.curve(s, params)[-1]) for s in (splits[0], *others))

    params = max((t.params for t in best), key=total)
    return Choice(params, len(table.curve(0, params)))


SEARCHERS: dict[str, Callable[[Accuracies, int], Choice]] = {
    "ours, one split for all": lambda table, seed: ours(table, "one for all", seed),
    "ours, one for each batch": lambda table, seed: ours(table, "one for each batch", seed),
    "ours, one for each setting": lambda table, seed: ours(table, "one for each setting", seed),
    "5 folds, the same for all": lambda table, seed: ours(table, "one for all", seed, folds=True),
    "5 folds, new in each batch": lambda table, seed: ours(
        table, "one for each batch", seed, folds=True
    ),
    "recommended epochs": lambda table, seed: ours(
        table, "one for each batch", seed, by="recommended"
    ),
    "by the best epoch": lambda table, seed: ours(table, "one for each batch", seed, by="best"),
    "Optuna TPE": lambda table, seed: optuna_tpe(table, 0, seed),
    "TPE, its best 5 again": lambda table, seed: optuna_tpe(table, 5, seed),
}


def chosen(table: Accuracies, searcher: str, seed: int) -> tuple[float, bool]:
    """The regret of what one search chooses, and whether it is truly worse than the network's defaults."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        truth = table.truth(SEARCHERS[searcher](table, seed))
    defaults = table.truth(Choice(DEFAULT, table.fresh.shape[1]))
    return table.best() - truth, truth < defaults
