"""The record: what was tried. Every trial in an ordinary Optuna database, and how to read it again.

`load(name, storage)` gives a `Study` with dataframes, the best trial, a summary and a report; `names(storage)` lists
what a database holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studies.study import Study

__all__ = ["DEFAULT_STORAGE", "Study", "load", "names"]

DEFAULT_STORAGE = "sqlite:///hpo.db"
"""Where studies are when nobody says otherwise: a file in the current folder."""


def load(name: str, storage: str = DEFAULT_STORAGE) -> Study:
    """The study of that name.

    Raises:
        studies.errors.StoreError: there is no such database or study; the message names what there is.
    """
    from studies.database.store import open_store
    from studies.study import Study

    with open_store(storage) as store:
        store.study(name)
    return Study(name, storage)


def names(storage: str = DEFAULT_STORAGE) -> list[str]:
    """The names of all studies in a database, oldest first."""
    from studies.database.store import open_store

    with open_store(storage) as store:
        return store.names()


def __getattr__(name: str) -> Any:
    # SQLAlchemy is not imported before a study is asked for.
    if name == "Study":
        from studies.study import Study

        return Study
    raise AttributeError(f"module 'studies' has no attribute {name!r}")
