"""The studies of a database: what they are called, and one of them by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.database.files import DEFAULT_STORAGE
from studies.database.store import open_store

if TYPE_CHECKING:
    from studies.study import Study


def load(name: str, storage: str = DEFAULT_STORAGE) -> Study:
    """The study of that name.

    Raises:
        studies.errors.StoreError: there is no such database or study; the message names what there is.
    """
    from studies.study import Study

    with open_store(storage) as store:
        return Study(store.study(name).name, storage)


def names(storage: str = DEFAULT_STORAGE) -> list[str]:
    """The names of all studies in a database, oldest first."""
    with open_store(storage) as store:
        return store.names()
