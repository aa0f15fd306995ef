"""Cross-validation of a scikit-learn estimator as a function that a search trains. Its epochs are the folds.

A fold is a grid search of scikit-learn's with one point and one split. So estimators are cloned, metadata routed, and
scorers called exactly as scikit-learn's own searches do it, in whatever version is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

SEARCH_CV = "hpo:SearchCV"
"""The `trainer` in the plan of such a study."""


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation:
    """An estimator with all that its cross-validation needs: data, folds and scores.

    `metadata` are what is passed to `fit` beside X and y, and `groups` what the splitter takes of it. A fold that fails
    has `error_score`; if that is None, the trial fails. `config` is scikit-learn's, which holds for one thread only.
    `fingerprint` identifies estimator, folds, scores and data.
    """

    estimator: Any
    X: Any
    y: Any
    metadata: Mapping[str, Any]
    splitter: Any
    groups: Mapping[str, Any]
    scoring: Any
    optimized: str  # the name of the score
    error_score: float | None
    return_train_score: bool
    config: Mapping[str, Any]
    fingerprint: str = ""

    def __call__(
        self, params: Mapping[str, Any], *, epochs: int, seed: int
    ) -> Iterator[dict[str, float]]:
        """Train and score fold after fold: yield its scores, and the mean of the score that is optimized so far."""
        so_far = []
        for split in self.splits(seed)[:epochs]:
            scores = self._scores(params, split)
            if f"test_{self.optimized}" not in scores:
                names = ", ".join(n.removeprefix("test_") for n in scores if n.startswith("test_"))
                raise ValueError(f"the scores are {names}: name the one to optimize with refit")
            so_far.append(scores[f"test_{self.optimized}"])
            yield {f"mean_test_{self.optimized}": float(np.mean(so_far)), **scores}

    def splits(self, seed: int) -> list[Any]:
        """The rows of each fold, (training, test). If the splitter shuffles, the seed decides how."""
        splitter = copy(self.splitter)
        if hasattr(splitter, "random_state") and getattr(splitter, "shuffle", True):
            splitter.random_state = seed
        return list(splitter.split(self.X, self.y, **self.groups))

    def _scores(self, params: Mapping[str, Any], split: Any) -> dict[str, float]:
        from sklearn import config_context
        from sklearn.model_selection import GridSearchCV

        fold = GridSearchCV(
            self.estimator,
            {name: [value] for name, value in params.items()},
            scoring=self.scoring,
            refit=False,
            cv=_OneSplit(self.splitter, split),
            error_score="raise",
            return_train_score=self.return_train_score,
        )
        try:
            with config_context(**self.config):
                results = fold.fit(self.X, self.y, **self.metadata).cv_results_
        except Exception:
            if self.error_score is None:
                raise
            return {f"test_{self.optimized}": self.error_score}
        return {
            name.removeprefix("split0_"): float(values[0])
            for name, values in results.items()
            if name.startswith("split0_")
        }


class _OneSplit:
    """A splitter with one of another's splits, which asks for the same metadata."""

    def __init__(self, splitter: Any, split: Any) -> None:
        self._splitter, self._split = splitter, split

    def get_n_splits(self, *_: Any, **__: Any) -> int:
        return 1

    def split(self, *_: Any, **__: Any) -> Iterator[Any]:
        yield self._split

    def get_metadata_routing(self) -> Any:
        return self._splitter.get_metadata_routing()
