"""Hyperparameter search that narrows its ranges round by round, on evidence.

>>> import hpo
>>> study = hpo.search("digits", trials=60, storage="sqlite:///hpo.db", name="first")
>>> study.best.value, study.rounds_frame()

>>> def train(params, *, epochs, seed):
...     for epoch in range(epochs):
...         yield {"accuracy": 1 - (params["x"] - 0.3) ** 2}
>>> study = hpo.search(train, space={"x": hpo.Float(0, 1)}, epochs=5, trials=60)

`search` runs a plan and returns the stored study; `resume` goes on with one. Ranges are given as `Float`, `Int` and
`Categorical`. What a function that trains can look like is told in `hpo.trainables.function`; one that takes many
settings at once is marked with `population`. What was stored is read with the package `studies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpo.api import open, population, reproduce, resume, search  # noqa: A004  # hpo.open, not the built-in
    from hpo.plan.space import Categorical, Float, Int

__all__ = ["Categorical", "Float", "Int", "open", "population", "reproduce", "resume", "search"]

_HOMES = dict.fromkeys(("Categorical", "Float", "Int"), "hpo.plan.space") | dict.fromkeys(
    ("open", "population", "reproduce", "resume", "search"), "hpo.api"
)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
