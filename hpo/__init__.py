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
settings at once is marked with `population`. `SearchCV` searches as scikit-learn's searches do. What
was stored is read with the package `studies`.
Every error is an `HpoError`: `errors` draws their tree.
"""

import lazy_loader

from hpo import siblings

siblings.check()

# Now, so that they stay ours whatever folder the search for a module begins with later.
import studies  # noqa: E402, F401  # after the check: importing a file of the user's would run it
import trainer  # noqa: E402, F401  # the same

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
