"""The search in the manner of scikit-learn's own: `hpo.SearchCV` beside `GridSearchCV` and `RandomizedSearchCV`.

It derives from their base class, which brings `predict`, `score`, `classes_`, tags and the like. Only `fit` is ours.
scikit-learn has no public name for that class, but names derived ones in its docstring and tests them.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from joblib import hash as fingerprint
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state, indexable

from hpo import operations
from hpo.errors import PlanError, TooManyFailuresError, raised_as_ours
from hpo.plan.fields import FIELDS
from hpo.plan.place import make_place
from hpo.plan.plan import make_plan
from hpo.run.cancel import Cancel
from hpo.run.seeds import training_seed
from hpo.showing import watcher_of
from hpo.trainables.cross_validation import SEARCH_CV, CrossValidation
from studies.analysis.folds import cv_results, recorded
from studies.database.engine import absolute
from studies.errors import StudyExistsError
from studies.study import Study
from studies.words import nearest

OWN = ("trainer", "space", "trials", "rounds", "halving", "epochs", "seed", "metric", "direction")
"""The fields of a plan that have arguments of their own, or that follow from others."""


class SearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn ships no type hints
    """Search for the parameters of an estimator by cross-validation, in ranges that narrow round by round.

    >>> import hpo
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> X, y = load_iris(return_X_y=True)
    >>> search = hpo.SearchCV(SVC(), {"C": hpo.Float(1e-2, 1e3, log=True)}, trials=12, rounds=2)
    >>> search.fit(X, y).best_params_.keys()
    dict_keys(['C'])

    `space` has a range for each parameter, in a pipeline by names such as `svc__C`, as in `hpo.search`. `estimator`,
    `scoring`, `cv`, `refit` (not as a function), `error_score`, `return_train_score` and `n_jobs` are those of
    scikit-learn's searches; of several scores, `refit` names the one to optimize. Greater is better, as for every
    scorer of scikit-learn's. `trials`, `rounds` and `halving` are those of `hpo.search`, and `plan` has other fields of
    a plan, such as `{"timeout": "30m"}`. With `halving=3`, settings leave after the first of five folds.

    All settings of the search are compared on the same folds. Then the best race on fresh ones. So folds are shuffled,
    by a seed that follows from `random_state`, if `cv` is a number or a splitter that shuffles, whatever `random_state`
    that has. The folds of all other splitters, such as TimeSeriesSplit, PredefinedSplit or a list, never change: then,
    unless the estimator itself is random, values repeat exactly, and there is nothing to confirm.

    Trials train in processes of their own, `n_jobs` at a time, and the data travel to each process once. The number
    changes no result. `executor="threads"` trains in this process; an estimator that is random then needs a
    `random_state` for results to repeat.

    With a `storage`, the study is kept as `study_`. If a study of that `name` is there, `fit` goes on where it stopped.

    After `fit` it has what scikit-learn's searches have, but no times: the same seed makes the same results.

    best_params_    the recommended settings
    best_score_     the mean of their scores on fresh folds, no lucky value; if nothing was confirmed, their score
    best_index_     their place in cv_results_
    cv_results_     the trials: params, param_NAME, split0_test_score, mean_test_score, std_test_score and so on. A
                    setting that left early has NaN in its other folds. By `rank_test_score` come first the recommended
                    settings, then the other finalists. `confirmed_test_score` is the mean by which these were compared;
                    NaN for others.

    Raises:
        PlanError: a parameter is unknown, or a field breaks its rule.
        NoTrialSucceededError: all settings failed. With `error_score="raise"`, the first error itself is raised.
    """

    def __init__(
        self,
        estimator: Any,
        space: Mapping[str, Any],
        *,
        trials: int = FIELDS["trials"].default,
        rounds: int | None = None,
        halving: int | None = None,
        plan: Mapping[str, Any] | None = None,
        scoring: Any = None,
        cv: Any = 5,
        refit: bool | str = True,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = 0,
        n_jobs: int | None = None,
        executor: str | None = None,
        storage: str | None = None,
        name: str | None = None,
        progress: bool | None = False,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.trials = trials
        self.rounds = rounds
        self.halving = halving
        self.plan = plan
        self.scoring = scoring
        self.cv = cv
        self.refit = refit
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.executor = executor
        self.storage = storage
        self.name = name
        self.progress = progress

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search, and train the recommended settings on all rows.

        `params` go to the estimator, to the scorers and to the splitter, as in scikit-learn's searches: sample_weight,
        groups, …
        """
        X, y = indexable(X, y)
        self._check()
        self.scorer_, optimized = self._scorers()
        routed = self._get_routed_params_for_fit(params)
        validation = self._validation(X, y, params, routed.splitter.split, optimized)
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(2**31 - 1)
        splits = validation.splits(int(seed))
        if not splits:
            raise PlanError(f"cv: {self.cv!r} makes no split")
        if isinstance(self.halving, int) and len(splits) < self.halving:
            raise PlanError(
                f"halving: {self.halving} folds or more are needed for settings to leave, not {len(splits)}"
            )
        self.n_splits_ = len(splits)
        if self.storage is not None:
            kind = type(self.estimator).__qualname__
            told = f"{kind} {self.estimator.get_params()} {self.scoring} {self.error_score}"
            told = re.sub(" at 0x[0-9a-f]+", "", told)  # addresses of functions
            validation = replace(validation, fingerprint=fingerprint((told, splits, X, y, params)))
        with self._stored() as (name, storage):
            study = self._search(validation, int(seed), name, storage)
            self._conclude(study, optimized)
            if self.storage is not None:
                self.study_ = study
        if self.refit:
            self.best_estimator_ = clone(self.estimator).set_params(**self.best_params_)
            began = time.perf_counter()
            rows = (X,) if y is None else (X, y)
            self.best_estimator_.fit(*rows, **routed.estimator.fit)
            self.refit_time_ = time.perf_counter() - began
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_
        return self

    def _check(self) -> None:
        known = self.estimator.get_params()
        for name in self.space:
            if name not in known:
                others = f"it has {', '.join(sorted(known)) or 'none'}"
                raise PlanError(
                    f"space: {type(self.estimator).__name__} has no parameter {name!r}: {nearest(name, known, others)}"
                )
        if self.name is not None and self.storage is None:
            raise PlanError(f"name {self.name!r}: a study is kept only if a storage is given, too")
        for field in self.plan or {}:
            if field in OWN:
                raise PlanError(
                    f"plan: {field} is not given here: it follows from the arguments of SearchCV"
                )
        if self.error_score != "raise" and not isinstance(self.error_score, Real):
            raise PlanError(f"error_score: {self.error_score!r} is neither a number nor 'raise'")
        if callable(self.refit):
            raise PlanError(
                "refit: a function can't choose, because the best settings are confirmed"
            )

    def _scorers(self) -> tuple[Any, str]:
        """The scorer, or several by name, and the name of the one to optimize."""
        scoring = self.scoring
        if callable(scoring):
            return scoring, self.refit if isinstance(self.refit, str) else "score"
        if scoring is None or isinstance(scoring, str):
            return check_scoring(self.estimator, scoring=scoring), "score"
        names = scoring if isinstance(scoring, Mapping) else {name: name for name in scoring}
        if not isinstance(self.refit, str) or self.refit not in names:
            raise PlanError(
                f"refit: {self.refit!r} is none of the scores {', '.join(names)}: name the one to optimize"
            )
        return {n: check_scoring(self.estimator, scoring=s) for n, s in names.items()}, self.refit

    def _validation(
        self, X: Any, y: Any, params: dict[str, Any], groups: dict[str, Any], optimized: str
    ) -> CrossValidation:
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        if self.cv is None or isinstance(self.cv, Integral):
            splitter.shuffle = True
        raises = self.error_score == "raise" or np.isnan(self.error_score)
        return CrossValidation(
            self.estimator,
            X,
            y,
            params,
            splitter,
            groups,
            self.scoring,
            optimized,
            None if raises else float(self.error_score),
            self.return_train_score,
            get_config(),
        )

    @contextmanager
    def _stored(self) -> Iterator[tuple[str, str]]:
        """The name of the study and its storage; without a storage a temporary one."""
        if self.storage is not None:
            yield self.name or type(self.estimator).__name__, absolute(self.storage)
            return
        with tempfile.TemporaryDirectory(prefix="hpo-") as folder:
            yield "search", f"sqlite:///{folder}/study.db"

    def _search(self, validation: CrossValidation, seed: int, name: str, storage: str) -> Study:
        fields: dict[str, Any] = dict(
            space=self.space,
            trials=self.trials,
            epochs=self.n_splits_,
            seed=seed,
            metric=f"mean_test_{validation.optimized}",
            direction="maximize",
            halving=self.halving,
            **({} if self.rounds is None else {"rounds": self.rounds}),
            **({"max_failures": 0} if self.error_score == "raise" else {}),
            **(self.plan or {}),
        )
        plan, cancel = make_plan({"trainer": SEARCH_CV, **fields}), Cancel()
        with raised_as_ours(), watcher_of(self.progress) as watcher:
            run: dict[str, Any] = {
                "storage": storage,
                "place": make_place(effective_n_jobs(self.n_jobs), self.executor),
                "watcher": watcher,
                "cancel": cancel,
                "train": validation,
            }
            try:
                try:
                    operations.start(plan, name=name, numbered=self.name is None, **run)
                except StudyExistsError:
                    fields.pop("rounds", None)  # those of a study are kept
                    operations.resume(name, **run, **fields)
            except TooManyFailuresError as error:
                failure: TooManyFailuresError | None = error
            else:
                failure = None
        study = Study(cancel.study or name, storage)
        failed = next(
            (t for t in recorded(study.name, study.storage)[0] if "error" in t.attributes), None
        )
        if failed is not None and self.error_score == "raise":
            seed = training_seed(plan, 0)
            for _ in validation(failed.params, epochs=plan.epochs, seed=seed):
                pass  # raises its error here, too
        if failed is not None and (failure is not None or self.error_score == "raise"):
            kind = TooManyFailuresError if failure is None else type(failure)
            raise kind(f"training failed with {failed.attributes['error']}") from failure
        if failure is not None:
            raise failure
        return study

    def _conclude(self, study: Study, optimized: str) -> None:
        """Set what is known after the search, from its record."""
        trials, by_metric = recorded(study.name, study.storage)
        summary = study.read()
        compared = {f.trial: f.mean for f in summary.finalists if f.mean is not None}
        chosen, settings = summary.chosen or (0, {})
        self.best_index_, self.best_params_ = chosen, dict(settings)
        self.multimetric_ = any(m.startswith("test_") and m != "test_score" for m in by_metric)
        self.cv_results_ = cv_results(trials, by_metric, self.n_splits_, optimized, compared)
        means = self.cv_results_[f"mean_test_{optimized}"]
        self.best_score_ = compared.get(chosen, means[chosen])
